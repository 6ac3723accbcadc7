// Counts without locks: one thread writes, any thread reads.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace lb::telemetry {

using Micros = std::chrono::microseconds;

// A number that one thread raises and any thread reads. A read-modify-write would lock the cache line for nothing.
class Counter {
 public:
  void add(std::uint64_t count = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// The upper ends of the buckets in microseconds, six for each power of ten, from 100 us to 70 s: a quantile, which
// is interpolated within a bucket, is off by two thirds at the very most.
inline constexpr std::array<std::uint32_t, 36> kBucketMicros = {
    100,       150,       200,       300,        500,        700,        1'000,      1'500,      2'000,
    3'000,     5'000,     7'000,     10'000,     15'000,     20'000,     30'000,     50'000,     70'000,
    100'000,   150'000,   200'000,   300'000,    500'000,    700'000,    1'000'000,  1'500'000,  2'000'000,
    3'000'000, 5'000'000, 7'000'000, 10'000'000, 15'000'000, 20'000'000, 30'000'000, 50'000'000, 70'000'000};
inline constexpr std::size_t kBuckets = kBucketMicros.size() + 1;  // the last has no end

// A latency's distribution at one moment; adds up over workers, and subtracts to what came since an earlier one.
struct Distribution {
  std::array<std::uint64_t, kBuckets> buckets{};
  std::uint64_t sum_micros = 0;

  [[nodiscard]] std::uint64_t count() const noexcept;
  // The latency in microseconds below which the share `quantile` (0 to 1) lies, interpolated; 0 if nothing was counted.
  [[nodiscard]] double quantile_micros(double quantile) const noexcept;

  Distribution& operator+=(const Distribution& other) noexcept;
  Distribution& operator-=(const Distribution& earlier) noexcept;
};

class Histogram {
 public:
  // The writing thread.
  void record(Micros latency) noexcept;
  // Any thread. What is recorded meanwhile may be in it or not.
  void add_to(Distribution& distribution) const noexcept;

 private:
  std::array<Counter, kBuckets> buckets_{};
  Counter sum_micros_;
};

}  // namespace lb::telemetry
