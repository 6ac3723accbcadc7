// The chunked transfer coding (RFC 9112 section 7.1), both ways.
//
// It is written here rather than left to llhttp because this is where request smuggling hides and the releases of
// llhttp that we build with differ: bare LF, spaces behind the size, unbounded extensions. docs/adr/0002 has the
// reasons.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace lb::http {

// Whose body it is. Of a client's nothing is repaired, for that is what requests are smuggled with. Of a backend's it
// is read over what both nginx and HAProxy read over: white space behind a chunk's size (RFC 9112 section 7.1.1 allows
// it before an extension, and old servers pad sizes with it), and trailer fields that must not be there, which are
// dropped (RFC 9110 section 6.5.1).
enum class Sender : std::uint8_t { client, backend };

class ChunkedDecoder {
 public:
  enum class Event { need_more, data, end };

  struct Step {
    Event event = Event::need_more;
    std::size_t consumed = 0;  // bytes of the input that need not be shown again
    std::string_view data;     // for `data`: bytes of the body, inside the consumed part
  };

  // Forgets everything; the next byte begins a new body. `trailer_count_max` bounds the trailer fields.
  void reset(std::size_t trailer_count_max, Sender sender = Sender::client) noexcept;

  // Takes what it can from the front of `input`. `data` is returned for each run of body bytes; call again with the
  // rest until need_more (all was consumed) or end. Errors are final: malformed, header_too_large.
  [[nodiscard]] base::Result<Step> next(std::string_view input);

  // After `end`: the trailer section as it is to be sent on: "Name: value\r\n" for each field that may be forwarded.
  // Those that frame or route were refused; those that authenticate or describe the content were left out (RFC 9110
  // section 6.5.1).
  [[nodiscard]] const std::string& trailers() const noexcept { return trailers_; }

 private:
  enum class State : std::uint8_t {
    size_start,
    size,
    padding,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer,
    trailer_lf,
    done
  };

  base::Result<void> size_byte(char c);
  base::Result<void> behind_size(char c) noexcept;
  base::Result<void> trailer_byte(char c);
  base::Result<void> take_trailer_line();

  State state_ = State::size_start;
  Sender sender_ = Sender::client;
  std::uint64_t left_ = 0;      // of the chunk
  std::size_t line_bytes_ = 0;  // of the size line
  std::uint64_t overhead_ = 0;  // of all size lines so far, beyond what the data justify
  std::size_t trailer_bytes_ = 0;
  std::size_t trailer_count_left_ = 0;
  bool last_chunk_ = false;
  std::string line_;  // a trailer line that is not complete yet
  std::string trailers_;
};

// "<hex size>\r\n" of a chunk; the view points into `storage`. Size is not 0.
[[nodiscard]] std::string_view chunk_size_line(std::uint64_t size, std::array<char, 20>& storage) noexcept;

}  // namespace lb::http
