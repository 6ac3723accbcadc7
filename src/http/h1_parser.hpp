// Reads the head of an HTTP/1.x message (RFC 9112 sections 2 to 5). llhttp decides whether the bytes obey the grammar;
// the lines of an accepted head are then cut here, which also refuses what some releases of llhttp let through: folded
// lines, bare CR or LF, HTTP/0.9, HTTP/2.0, white space before a colon, surplus spaces in the start line.
//
// Not thread-safe; no input or output; never throws on any bytes.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/error.hpp"
#include "http/message.hpp"

namespace lb::http {

struct HeadLimits {
  std::size_t bytes = 0;  // start line and fields together
  std::size_t count = 0;  // fields
};

class HeadParser {
 public:
  enum class Kind { request, response };
  enum class Progress { need_more, complete, failed };

  HeadParser(Kind kind, HeadLimits limits);
  ~HeadParser();
  HeadParser(HeadParser&&) noexcept;
  HeadParser& operator=(HeadParser&&) noexcept;

  // Forgets everything; the next bytes begin a new head, with the same limits or with others.
  void reset() noexcept;
  void reset(HeadLimits limits) noexcept {
    limits_ = limits;
    reset();
  }

  // `text` holds every byte of the head that was read so far, from its first one, and perhaps bytes that follow it;
  // each call passes at least the bytes of the call before (at any address). Bytes that were looked at are not looked
  // at again. After `complete` or `failed` only reset() may follow.
  [[nodiscard]] Progress feed(std::string_view text);

  // After `complete`: bytes of the head including the empty line.
  [[nodiscard]] std::size_t head_bytes() const noexcept { return head_bytes_; }
  [[nodiscard]] const HeadLimits& limits() const noexcept { return limits_; }
  // After `failed`: why. The side is left for the caller to stamp.
  [[nodiscard]] const base::Error& error() const noexcept { return error_; }

  // After `complete`: cuts the head out of the text of the last feed(). The views point into that text.
  // The fields' vector is reused, so that a long-lived head object stops allocating.
  [[nodiscard]] base::Result<void> cut_request(std::string_view text, RequestHead& head) const;
  [[nodiscard]] base::Result<void> cut_response(std::string_view text, ResponseHead& head) const;

 private:
  struct Grammar;  // hides llhttp

  Progress fail(base::ErrorKind kind, std::string_view detail) noexcept;
  Progress fail_from_grammar(std::string_view text) noexcept;
  bool read_as_known_method(std::string_view text) noexcept;
  bool find_end_without_grammar(std::string_view text, std::size_t from) noexcept;

  Kind kind_;
  HeadLimits limits_;
  std::size_t fed_ = 0;
  std::size_t head_bytes_ = 0;
  bool method_replaced_ = false;
  bool without_grammar_ = false;
  base::Error error_;
  std::unique_ptr<Grammar> grammar_;
};

}  // namespace lb::http
