// A set of positions in a schedule, in which the next one is found in a few steps however empty it is.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace lb::balancer {

// A bit for each position, and above each 64 of those one that says whether any of them is set, and so on. Readers on
// any thread; one writer at a time. A reader may find a position that leaves meanwhile, or miss one that comes.
class PositionSet {
 public:
  // Empty, for positions below `size`, which is at least 1.
  explicit PositionSet(std::uint32_t size);

  void insert(std::uint32_t position) noexcept;
  void erase(std::uint32_t position) noexcept;
  [[nodiscard]] bool contains(std::uint32_t position) const noexcept {
    return (levels_.front()[position / 64].load(std::memory_order_acquire) >> (position % 64) & 1U) != 0;
  }

  // The first position at or behind `from`, without going round. At most twice as many steps as there are levels:
  // 3 for the longest schedule.
  [[nodiscard]] std::optional<std::uint32_t> next(std::uint32_t from) const noexcept;

 private:
  using Level = std::unique_ptr<std::atomic<std::uint64_t>[]>;

  std::uint32_t size_;
  std::vector<Level> levels_;  // the positions first
};

}  // namespace lb::balancer
