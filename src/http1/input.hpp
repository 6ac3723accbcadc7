// The bytes that were read from a connection and not used yet, and the body they belong to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/chunked.hpp"
#include "http/framing.hpp"
#include "net/block_pool.hpp"
#include "net/stream.hpp"

namespace lb::http1 {

// A contiguous buffer with a bound. Empty buffers hold no memory after release().
class InputBuffer final : public net::ReadBuffer {
 public:
  explicit InputBuffer(net::BlockPool& pool) noexcept : pool_(pool) {}

  [[nodiscard]] std::string_view unread() const noexcept { return {block_.data() + begin_, end_ - begin_}; }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  void consume(std::size_t bytes) noexcept;

  // For a read that is followed by commit(). The buffer never holds more than `bytes_max` unread bytes: the caller has
  // made sure that it holds fewer.
  [[nodiscard]] InputBuffer& up_to(std::size_t bytes_max) noexcept {
    bytes_max_ = bytes_max;
    return *this;
  }
  // Whether there is room behind the unread bytes where they are.
  [[nodiscard]] bool has_room() const noexcept { return end_ < block_.size(); }
  // Room behind the unread bytes; moves them when it has to.
  [[nodiscard]] net::asio::mutable_buffer prepare(std::size_t likely) override;
  // So many were put there. When they fill it, the buffer is exchanged for a large one the next time it is empty: a
  // body fills it again and again.
  void commit(std::size_t bytes) noexcept;

  // Gives the memory back if the buffer is empty.
  void release() noexcept override;
  // Forgets what it holds, and that it was filled.
  void reset() noexcept;

 private:
  net::BlockPool& pool_;
  net::Block block_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t bytes_max_ = 0;
  bool grow_ = false;
};

// Some of a body: views into the input buffer, valid until the next read.
struct BodyRun {
  static constexpr std::size_t kPiecesMax = 8;

  boost::container::static_vector<net::asio::const_buffer, kPiecesMax> pieces;
  std::size_t bytes = 0;
  bool end = false;  // nothing follows
};

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
  [[nodiscard]] base::Result<BodyRun> take(InputBuffer& input);

  // The connection ended: true if that is how this body ends.
  [[nodiscard]] bool end_of_input() noexcept;

  // After the end of a chunked body: its trailer fields, ready to be written.
  [[nodiscard]] std::string_view trailers() const noexcept { return chunked_.trailers(); }

 private:
  base::Result<BodyRun> take_chunked(InputBuffer& input);

  http::Framing framing_;
  http::ChunkedDecoder chunked_;
  bool ended_ = true;
};

}  // namespace lb::http1
