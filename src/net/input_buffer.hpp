// The bytes that were read from a connection and not used yet.
#pragma once

#include <cstddef>
#include <string_view>

#include "net/block_pool.hpp"
#include "net/stream.hpp"

namespace lb::net {

// A contiguous buffer with a bound. Empty buffers hold no memory after release().
class InputBuffer final : public ReadBuffer {
 public:
  explicit InputBuffer(BlockPool& pool) noexcept : pool_(pool) {}

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
  [[nodiscard]] asio::mutable_buffer prepare(std::size_t likely) override;
  // So many were put there. When they fill it, the buffer is exchanged for a large one the next time it is empty: a
  // body fills it again and again.
  void commit(std::size_t bytes) noexcept;

  // Gives the memory back if the buffer is empty.
  void release() noexcept override;
  // Forgets what it holds, and that it was filled.
  void reset() noexcept;

 private:
  BlockPool& pool_;
  Block block_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t bytes_max_ = 0;
  bool grow_ = false;
};

}  // namespace lb::net
