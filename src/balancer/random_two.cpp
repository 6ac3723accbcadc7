#include "balancer/random_two.hpp"

namespace lb::balancer {

// The first one if it idles: then it was drawn by weight, and nobody could serve sooner.
std::uint32_t RandomTwo::better(const Two& two, base::TimePoint now) const noexcept {
  if (!two.second || load(two.first).in_flight() == 0) return two.first;
  return pressure(*two.second, now) < pressure(two.first, now) ? *two.second : two.first;
}

std::optional<std::uint32_t> RandomTwo::pick(const Query& query) noexcept {
  return pick_of_two(query, [this](const Two& two, base::TimePoint now) { return better(two, now); });
}

}  // namespace lb::balancer
