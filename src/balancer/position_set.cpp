#include "balancer/position_set.hpp"

#include <bit>

#include "base/check.hpp"

namespace lb::balancer {
namespace {

constexpr std::uint32_t kWordBits = 64;

constexpr std::uint64_t bit(std::uint32_t index) noexcept {
  return std::uint64_t{1} << (index % kWordBits);
}

}  // namespace

PositionSet::PositionSet(std::uint32_t size) : size_(size) {
  LB_CHECK(size > 0);
  std::uint32_t words = size;
  do {
    words = (words + kWordBits - 1) / kWordBits;
    levels_.push_back(std::make_unique<std::atomic<std::uint64_t>[]>(words));
  } while (words > 1);
}

void PositionSet::insert(std::uint32_t position) noexcept {
  LB_CHECK(position < size_);
  std::uint32_t index = position;
  for (Level& level : levels_) {
    level[index / kWordBits].fetch_or(bit(index), std::memory_order_release);
    index /= kWordBits;
  }
}

void PositionSet::erase(std::uint32_t position) noexcept {
  LB_CHECK(position < size_);
  std::uint32_t index = position;
  for (Level& level : levels_) {
    const std::uint64_t left = level[index / kWordBits].fetch_and(~bit(index), std::memory_order_release) & ~bit(index);
    if (left != 0) return;  // others keep the bits above set
    index /= kWordBits;
  }
}

std::optional<std::uint32_t> PositionSet::next(std::uint32_t from) const noexcept {
  std::uint32_t index = from;
  std::uint32_t limit = size_;  // of the level's indices
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    if (index >= limit) return std::nullopt;
    const std::uint64_t word = levels_[level][index / kWordBits].load(std::memory_order_acquire);
    const std::uint64_t rest = word & (~std::uint64_t{0} << (index % kWordBits));
    if (rest != 0) {
      index = index / kWordBits * kWordBits + static_cast<std::uint32_t>(std::countr_zero(rest));
      // Down again. Behind a word that was emptied meanwhile the search goes on.
      while (level > 0) {
        --level;
        const std::uint64_t below = levels_[level][index].load(std::memory_order_acquire);
        if (below == 0) return next((index + 1) << (6 * (level + 1)));
        index = index * kWordBits + static_cast<std::uint32_t>(std::countr_zero(below));
      }
      return index;
    }
    index = index / kWordBits + 1;
    limit = (limit + kWordBits - 1) / kWordBits;
  }
  return std::nullopt;
}

}  // namespace lb::balancer
