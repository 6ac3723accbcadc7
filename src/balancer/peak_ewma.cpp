#include "balancer/peak_ewma.hpp"

namespace lb::balancer {

std::uint32_t PeakEwma::better(const Two& two, base::TimePoint now) const noexcept {
  if (!two.second) return two.first;
  const std::uint32_t first = two.first;
  const std::uint32_t second = *two.second;
  const bool first_fails = fails(first, now);
  if (first_fails != fails(second, now)) return first_fails ? second : first;
  double latency = load(first).peak(now);
  double other_latency = load(second).peak(now);
  if (are_alike(latency, other_latency)) {
    // If it idles, it was drawn by weight, and nobody could serve sooner.
    if (load(first).in_flight() == 0) return first;
    latency = other_latency = 1;
  }
  return other_latency * pressure(second, now) < latency * pressure(first, now) ? second : first;
}

std::optional<std::uint32_t> PeakEwma::pick(const Query& query) noexcept {
  return pick_of_two(query, [this](const Two& two, base::TimePoint now) { return better(two, now); });
}

}  // namespace lb::balancer
