// Buffers of one worker, in two sizes, given back while a connection idles.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "base/limits.hpp"

namespace lb::net {

class BlockPool;

// An owned run of bytes; returns to its pool. Movable, empty after a move. Must not outlive the pool.
class Block {
 public:
  Block() noexcept = default;
  Block(Block&& other) noexcept { swap(other); }
  Block& operator=(Block&& other) noexcept {
    Block taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~Block();

  [[nodiscard]] char* data() const noexcept { return bytes_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] explicit operator bool() const noexcept { return size_ != 0; }

 private:
  friend class BlockPool;
  Block(BlockPool* pool, std::unique_ptr<char[]> bytes, std::size_t size) noexcept
      : pool_(pool), bytes_(std::move(bytes)), size_(size) {}
  void swap(Block& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
  }

  BlockPool* pool_ = nullptr;
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
};

class BlockPool {
 public:
  // Giving back never allocates, so that it cannot fail.
  BlockPool() {
    small_.reserve(base::kFreeBlocksMax);
    large_.reserve(base::kFreeBlocksMax / 8);
  }

  // A block of at least `size` bytes: small, large, or (for unusual header limits) of exactly that size. One thread.
  [[nodiscard]] Block take(std::size_t size) {
    if (size <= base::kSmallBlockBytes) return take_from(small_, base::kSmallBlockBytes);
    if (size <= base::kLargeBlockBytes) return take_from(large_, base::kLargeBlockBytes);
    return {this, std::make_unique_for_overwrite<char[]>(size), size};
  }

 private:
  friend class Block;
  using Free = std::vector<std::unique_ptr<char[]>>;

  Block take_from(Free& free, std::size_t size) {
    if (free.empty()) return {this, std::make_unique_for_overwrite<char[]>(size), size};
    Block block(this, std::move(free.back()), size);
    free.pop_back();
    return block;
  }

  void give_back(std::unique_ptr<char[]> bytes, std::size_t size) noexcept {
    // Large blocks are worth an allocation each time they are needed; a crowd of them is not worth keeping.
    if (size == base::kSmallBlockBytes && small_.size() < base::kFreeBlocksMax) small_.push_back(std::move(bytes));
    if (size == base::kLargeBlockBytes && large_.size() < base::kFreeBlocksMax / 8) large_.push_back(std::move(bytes));
  }

  Free small_;
  Free large_;
};

inline Block::~Block() {
  if (pool_ != nullptr) pool_->give_back(std::move(bytes_), size_);
}

}  // namespace lb::net
