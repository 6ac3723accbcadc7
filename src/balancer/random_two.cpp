#include "balancer/random_two.hpp"

namespace lb::balancer {

std::optional<std::uint32_t> RandomTwo::pick(const Query& query) noexcept {
  const auto first = draw(query);
  if (!first) return first;
  // Another one, if there is: two that are the same are no choice.
  const auto second = draw(query, {&*first, 1});
  return second && pressure(*second, query.now) < pressure(*first, query.now) ? second : first;
}

}  // namespace lb::balancer
