#include "balancer/least_requests.hpp"

namespace lb::balancer {

std::optional<std::uint32_t> LeastRequests::pick(const Query& query) noexcept {
  std::optional<std::uint32_t> best = draw(query);
  if (!best) return best;
  const auto cost = [&](std::uint32_t endpoint) {
    return pressure(endpoint, query.now) + failure_pressure(endpoint, query.now);
  };
  double least = cost(*best);
  const bool all = candidates().size() <= kLooked;
  for (std::uint32_t i = 0; i < kLooked && least > 0; ++i) {
    if (all && (i >= candidates().size() || !candidates().has(query.tier, i) || !query.eligible(i))) continue;
    const auto other = all ? std::optional(i) : draw(query);
    // One that idles because its share is reduced is not to be filled up by those that look for the emptiest.
    if (all && load(i).is_reduced() && query.random.share() >= load(i).share(query.now)) continue;
    const double its = cost(*other);
    if (its >= least) continue;
    least = its;
    best = other;
  }
  return best;
}

}  // namespace lb::balancer
