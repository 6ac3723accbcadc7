#include "balancer/least_requests.hpp"

#include <algorithm>

namespace lb::balancer {

std::optional<std::uint32_t> LeastRequests::pick(const Query& query) noexcept {
  std::optional<std::uint32_t> best = draw(query);
  if (!best) return best;
  bool best_fails = fails(*best, query.now);
  // If it idles, it was drawn by weight, and nobody could serve sooner.
  if (load(*best).in_flight() == 0 && !best_fails) return best;
  double least = pressure(*best, query.now);
  const std::uint32_t size = candidates().size();
  const bool all = size <= kLooked;
  std::uint32_t other = candidates().draw_any(query.random);
  for (std::uint32_t i = 0; i < std::min(kLooked, size); ++i) {
    other = all ? (other + 1 == size ? 0 : other + 1) : candidates().draw_any(query.random);
    if (other == *best || !candidates().has(query.tier, other)) continue;
    const bool its_fails = fails(other, query.now);
    const double its = pressure(other, query.now);
    if (its_fails == best_fails ? its >= least : its_fails) continue;
    if (!query.eligible(other)) continue;
    // One that idles because its share is reduced is not to be filled up by those that look for the emptiest.
    if (load(other).is_reduced() && query.random.share() >= load(other).share(query.now)) continue;
    least = its;
    best_fails = its_fails;
    best = other;
  }
  return best;
}

}  // namespace lb::balancer
