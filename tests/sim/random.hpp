// Chance in a simulated run. All of it follows from the run's seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace lb::sim {

// splitmix64, after G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators", 2014: neighbouring
// seeds have nothing in common.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept {
    std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15U;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
  }
  // 0 ... bound - 1.
  std::size_t below(std::size_t bound) noexcept { return static_cast<std::size_t>(next() % bound); }
  // low ... high.
  std::size_t between(std::size_t low, std::size_t high) noexcept { return low + below(high - low + 1); }
  bool once_in(std::size_t times) noexcept { return below(times) == 0; }
  template <class T>
  const T& one_of(std::span<const T> from) noexcept {
    return from[below(from.size())];
  }

 private:
  std::uint64_t state_;
};

}  // namespace lb::sim
