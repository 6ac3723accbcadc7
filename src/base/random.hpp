// Chance for jitter: quick, seeded, and nothing that secrets may depend on.
#pragma once

#include <cstdint>

namespace lb::base {

// xorshift64, G. Marsaglia, "Xorshift RNGs", 2003. One thread.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed | 1U) {}

  [[nodiscard]] std::uint64_t next() noexcept {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 7U;
    state_ ^= state_ << 17U;
    return state_;
  }
  // 0 ... bound - 1; `bound` is not 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) noexcept { return (next() >> 11U) % bound; }
  // 0 <= share < 1.
  [[nodiscard]] double share() noexcept { return static_cast<double>(next() >> 11U) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace lb::base
