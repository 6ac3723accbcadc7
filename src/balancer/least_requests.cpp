#include "balancer/least_requests.hpp"

#include <algorithm>

namespace lb::balancer {

std::optional<std::uint32_t> LeastRequests::pick(const Query& query) noexcept {
  std::optional<std::uint32_t> best = draw(query);
  if (!best) return best;
  const auto cost = [&](std::uint32_t endpoint) {
    return pressure(endpoint, query.now) + failure_pressure(endpoint, query.now);
  };
  double least = cost(*best);
  const bool all = candidates().size() <= kLooked;
  const std::uint32_t looks = std::min(kLooked, candidates().size());
  for (std::uint32_t i = 0; i < looks && least > 0; ++i) {
    const std::uint32_t other = all ? i : candidates().draw_any(query.random);
    if (!candidates().has(query.tier, other)) continue;
    const double its = cost(other);
    if (its >= least || !query.eligible(other)) continue;
    // One that idles because its share is reduced is not to be filled up by those that look for the emptiest.
    if (load(other).is_reduced() && query.random.share() >= load(other).share(query.now)) continue;
    least = its;
    best = other;
  }
  return best;
}

}  // namespace lb::balancer
