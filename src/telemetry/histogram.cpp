#include "telemetry/histogram.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

namespace lb::telemetry {
namespace {

constexpr auto kWidths = static_cast<std::size_t>(std::bit_width(kBucketMicros.back())) + 1;

// By the number of a latency's binary digits, the first bucket that it may be in: two or three follow at most.
constexpr std::array<std::uint8_t, kWidths> kFirst = [] {
  std::array<std::uint8_t, kWidths> first{};
  for (std::size_t width = 1; width < kWidths; ++width) {
    const std::uint32_t least = std::uint32_t{1} << (width - 1);
    first[width] = static_cast<std::uint8_t>(std::ranges::lower_bound(kBucketMicros, least) - kBucketMicros.begin());
  }
  return first;
}();

}  // namespace

std::uint64_t Distribution::count() const noexcept {
  return std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
}

double Distribution::quantile_micros(double quantile) const noexcept {
  const std::uint64_t all = count();
  if (all == 0) return 0;
  const double rank = quantile * static_cast<double>(all);
  double below = 0;
  for (std::size_t i = 0; i < kBucketMicros.size(); ++i) {
    const auto here = static_cast<double>(buckets[i]);
    if (here > 0 && below + here >= rank) {
      const double from = i == 0 ? 0 : kBucketMicros[i - 1];
      return from + (kBucketMicros[i] - from) * std::max(rank - below, 0.0) / here;
    }
    below += here;
  }
  return kBucketMicros.back();  // or more
}

Distribution& Distribution::operator+=(const Distribution& other) noexcept {
  for (std::size_t i = 0; i < kBuckets; ++i) buckets[i] += other.buckets[i];
  sum_micros += other.sum_micros;
  return *this;
}

Distribution& Distribution::operator-=(const Distribution& earlier) noexcept {
  for (std::size_t i = 0; i < kBuckets; ++i) buckets[i] -= earlier.buckets[i];
  sum_micros -= earlier.sum_micros;
  return *this;
}

void Histogram::record(Micros latency) noexcept {
  const auto micros = static_cast<std::uint64_t>(std::max<Micros::rep>(latency.count(), 0));
  const auto width = static_cast<std::size_t>(std::bit_width(micros));
  std::size_t bucket = width < kWidths ? kFirst[width] : kBucketMicros.size();
  while (bucket < kBucketMicros.size() && kBucketMicros[bucket] < micros) ++bucket;
  buckets_[bucket].add();
  sum_micros_.add(micros);
}

void Histogram::add_to(Distribution& distribution) const noexcept {
  for (std::size_t i = 0; i < kBuckets; ++i) distribution.buckets[i] += buckets_[i].value();
  distribution.sum_micros += sum_micros_.value();
}

}  // namespace lb::telemetry
