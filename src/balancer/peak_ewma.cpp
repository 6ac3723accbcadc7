#include "balancer/peak_ewma.hpp"

#include <algorithm>

namespace lb::balancer {

std::optional<std::uint32_t> PeakEwma::pick(const Query& query) noexcept {
  const auto first = draw(query);
  if (!first) return first;
  const auto second = draw(query, {&*first, 1});
  if (!second) return first;
  const auto latency_of = [&](std::uint32_t endpoint) {
    return load(endpoint).peak(query.now) + failure_latency(endpoint, query.now);
  };
  double latency = latency_of(*first);
  double other_latency = latency_of(*second);
  // One of which nothing is known is as quick as the other, for all that can be said.
  if (latency == 0 || other_latency == 0 || are_alike(latency, other_latency)) {
    latency = other_latency = std::max({latency, other_latency, 1.0});
  }
  const double cost = latency * (1 + pressure(*first, query.now));
  const double other_cost = other_latency * (1 + pressure(*second, query.now));
  return other_cost < cost ? second : first;
}

}  // namespace lb::balancer
