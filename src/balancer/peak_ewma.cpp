#include "balancer/peak_ewma.hpp"

#include <array>

namespace lb::balancer {

// The better of two; of equals the first.
std::uint32_t PeakEwma::better(std::uint32_t first, std::uint32_t second, base::TimePoint now) const noexcept {
  const auto latency_of = [&](std::uint32_t endpoint) {
    return load(endpoint).peak(now) + failure_latency(endpoint, now);
  };
  double latency = latency_of(first);
  double other_latency = latency_of(second);
  // One of which nothing is known is as quick as the other, for all that can be said.
  if (latency == 0 || other_latency == 0 || are_alike(latency, other_latency)) latency = other_latency = 1;
  return other_latency * (1 + pressure(second, now)) < latency * (1 + pressure(first, now)) ? second : first;
}

std::optional<std::uint32_t> PeakEwma::pick(const Query& query) noexcept {
  std::array<std::uint32_t, 2> two{};
  if (glance_at_two(query, two)) {
    const std::uint32_t one = better(two[0], two[1], query.now);
    if (query.eligible(one)) return one;
  }
  const auto first = draw(query);
  if (!first) return first;
  const auto second = draw(query, {&*first, 1});
  return second ? better(*first, *second, query.now) : first;
}

}  // namespace lb::balancer
