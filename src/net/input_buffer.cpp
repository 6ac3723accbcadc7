#include "net/input_buffer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.hpp"
#include "base/limits.hpp"

namespace lb::net {

void InputBuffer::consume(std::size_t bytes) noexcept {
  LB_CHECK(bytes <= end_ - begin_);
  begin_ += bytes;
  if (begin_ == end_) begin_ = end_ = 0;
}

asio::mutable_buffer InputBuffer::prepare(std::size_t likely) {
  const std::size_t held = end_ - begin_;
  LB_CHECK(held < bytes_max_);
  const bool large = grow_ || std::min(likely, bytes_max_) > base::kSmallBlockBytes;
  if (held == 0 && large && block_.size() < base::kLargeBlockBytes) block_ = pool_.take(base::kLargeBlockBytes);
  if (!block_) block_ = pool_.take(base::kSmallBlockBytes);
  if (end_ == block_.size()) {
    if (begin_ > 0) {
      std::memmove(block_.data(), block_.data() + begin_, held);
    } else {
      // A head larger than the block: twice the room, but for the bound.
      Block larger = pool_.take(std::min(block_.size() * 2, std::max(bytes_max_, block_.size() + 1)));
      std::memcpy(larger.data(), block_.data(), held);
      block_ = std::move(larger);
    }
    begin_ = 0;
    end_ = held;
  }
  return {block_.data() + end_, block_.size() - end_};
}

void InputBuffer::commit(std::size_t bytes) noexcept {
  end_ += bytes;
  if (end_ == block_.size()) grow_ = true;
}

void InputBuffer::release() noexcept {
  if (empty()) block_ = Block();
}

void InputBuffer::reset() noexcept {
  block_ = Block();
  begin_ = end_ = 0;
  grow_ = false;
}

}  // namespace lb::net
