#include "balancer/random_two.hpp"

namespace lb::balancer {

// The first one if it idles: then it was drawn by weight, and nobody could serve sooner.
std::uint32_t RandomTwo::better(const Two& two, base::TimePoint now) const noexcept {
  if (!two.second || load(two.first).in_flight() == 0) return two.first;
  return pressure(*two.second, now) < pressure(two.first, now) ? *two.second : two.first;
}

std::optional<std::uint32_t> RandomTwo::pick(const Query& query) noexcept {
  if (const auto two = glance_at_two(query)) {
    const std::uint32_t one = better(*two, query.now);
    if (query.eligible(one)) return one;
  }
  const auto two = draw_two(query);
  return two ? std::optional(better(*two, query.now)) : std::nullopt;
}

}  // namespace lb::balancer
