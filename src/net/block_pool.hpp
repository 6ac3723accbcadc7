// Buffers of one worker, in two sizes, given back while a connection idles.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "net/asan.hpp"
#include "net/deadline_wheel.hpp"

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
    small_.blocks.reserve(base::kFreeBlocksMax);
    large_.blocks.reserve(base::kFreeBlocksMax / 4);
  }

  // From now on what was free for base::kBlocksUnusedFor or longer is given to the allocator. The wheel outlives the
  // pool.
  void give_up_unused(DeadlineWheel& wheel) {
    if (!sweep_) sweep_.emplace(wheel, DeadlineWheel::Fire::to<&BlockPool::sweep>(*this));
    wheel_ = &wheel;
  }

  // A block of at least `size` bytes: small, large, or (for unusual header limits) of exactly that size. One thread.
  [[nodiscard]] Block take(std::size_t size) {
    if (size <= base::kSmallBlockBytes) return take_from(small_, base::kSmallBlockBytes);
    if (size <= base::kLargeBlockBytes) return take_from(large_, base::kLargeBlockBytes);
    return {this, std::make_unique_for_overwrite<char[]>(size), size};
  }

  // Of both sizes.
  [[nodiscard]] std::size_t free_count() const noexcept { return small_.blocks.size() + large_.blocks.size(); }

 private:
  friend class Block;

  // The one that was used last is used next; those in front are the ones that a crowd has left.
  struct Free {
    std::vector<std::unique_ptr<char[]>> blocks;
    std::size_t unused = 0;  // so many, in front, were not taken since the last sweep

    void sweep() noexcept {
      blocks.erase(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(unused));
      unused = blocks.size();
    }
  };

  Block take_from(Free& free, std::size_t size) {
    if (free.blocks.empty()) return {this, std::make_unique_for_overwrite<char[]>(size), size};
    Block block(this, std::move(free.blocks.back()), size);
    free.blocks.pop_back();
    unpoison(block.data(), size);
    free.unused = std::min(free.unused, free.blocks.size());
    return block;
  }

  void give_back(std::unique_ptr<char[]> bytes, std::size_t size) noexcept {
    Free* const free = size == base::kSmallBlockBytes ? &small_ : size == base::kLargeBlockBytes ? &large_ : nullptr;
    // Its vector has room for all that are kept: a crowd is not worth keeping.
    if (free == nullptr || free->blocks.size() == free->blocks.capacity()) return;
    poison(bytes.get(), size);
    free->blocks.push_back(std::move(bytes));
    if (!sweeping_) sweep_again();
  }

  void sweep() noexcept {
    small_.sweep();
    large_.sweep();
    sweeping_ = false;
    if (!small_.blocks.empty() || !large_.blocks.empty()) sweep_again();
  }
  void sweep_again() noexcept {
    if (!sweep_) return;
    sweeping_ = true;
    sweep_->arm(wheel_->after(base::kBlocksUnusedFor));
  }

  Free small_;
  Free large_;
  DeadlineWheel* wheel_ = nullptr;
  std::optional<DeadlineWheel::Entry> sweep_;
  bool sweeping_ = false;
};

inline Block::~Block() {
  if (pool_ != nullptr) pool_->give_back(std::move(bytes_), size_);
}

}  // namespace lb::net
