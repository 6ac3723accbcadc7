#include "balancer/random_two.hpp"

namespace lb::balancer {

std::optional<std::uint32_t> RandomTwo::pick(const Query& query) noexcept {
  std::array<std::uint32_t, 2> two{};
  if (glance_at_two(query, two)) {
    const std::uint32_t better = pressure(two[1], query.now) < pressure(two[0], query.now) ? two[1] : two[0];
    if (query.eligible(better)) return better;
  }
  const auto first = draw(query);
  if (!first) return first;
  // Another one, if there is: two that are the same are no choice.
  const auto second = draw(query, {&*first, 1});
  return second && pressure(*second, query.now) < pressure(*first, query.now) ? second : first;
}

}  // namespace lb::balancer
