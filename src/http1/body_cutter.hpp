// Cuts bodies out of what was read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/chunked.hpp"
#include "http/framing.hpp"
#include "message/body_run.hpp"
#include "net/input_buffer.hpp"

namespace lb::http1 {

// Cuts a body out of the input by its framing.
class BodyCutter {
 public:
  // Begins a body. `trailer_count_max` bounds trailer fields.
  void begin(const http::Framing& framing, std::size_t trailer_count_max) noexcept;

  [[nodiscard]] bool ended() const noexcept { return ended_; }

  // Of a body whose length is known: the bytes that are not taken yet; else 0.
  [[nodiscard]] std::uint64_t bytes_left() const noexcept {
    return framing_.kind == http::BodyKind::length ? framing_.length : 0;
  }
  // So many of those went another way than through an input, which was empty.
  void pass(std::uint64_t bytes) noexcept;

  // What the input holds of the body now; may be nothing. Errors: malformed, header_too_large (of trailers).
  [[nodiscard]] base::Result<message::BodyRun> take(net::InputBuffer& input);

  // The connection ended: true if that is how this body ends.
  [[nodiscard]] bool end_of_input() noexcept;

  // After the end of a chunked body: its trailer fields, ready to be written.
  [[nodiscard]] std::string_view trailers() const noexcept { return chunked_.trailers(); }

 private:
  base::Result<message::BodyRun> take_chunked(net::InputBuffer& input);

  http::Framing framing_;
  http::ChunkedDecoder chunked_;
  bool ended_ = true;
};

}  // namespace lb::http1
