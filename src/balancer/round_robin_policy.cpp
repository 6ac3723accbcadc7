#include "balancer/round_robin_policy.hpp"

namespace lb::balancer {

RoundRobinPolicy::RoundRobinPolicy(std::span<const unsigned> weights, std::uint32_t next) : order_(weights, next) {
  for (std::uint32_t i = 0; i < weights.size(); ++i) all_.insert(i);
}

// Into the new one first: who looks meanwhile finds it twice rather than nowhere.
void RoundRobinPolicy::move(std::uint32_t endpoint, Tier from, Tier to) noexcept {
  if (to == Tier::up) up_.insert(endpoint);
  if (to == Tier::down) down_.insert(endpoint);
  if (from == Tier::up) up_.erase(endpoint);
  if (from == Tier::down) down_.erase(endpoint);
}

std::optional<std::uint32_t> RoundRobinPolicy::pick(Tier tier, Eligible eligible) noexcept {
  const RoundRobin::Candidates& among = tier == Tier::up ? up_ : tier == Tier::down ? down_ : all_;
  return order_.pick(among, eligible);
}

}  // namespace lb::balancer
