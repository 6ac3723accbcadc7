#include "balancer/round_robin_policy.hpp"

#include "balancer/candidates.hpp"

namespace lb::balancer {

RoundRobinPolicy::RoundRobinPolicy(const std::vector<Candidate>& candidates, std::uint32_t next)
    : order_(weights_of(candidates), next) {
  for (const Candidate& one : candidates) {
    tiers_.front().insert(static_cast<std::uint32_t>(loads_.size()));
    loads_.push_back(one.load);
  }
}

// Into the new one first: who looks meanwhile finds it twice rather than nowhere.
void RoundRobinPolicy::move(std::uint32_t endpoint, Tier from, Tier to) noexcept {
  if (to != Tier::none) tiers_[static_cast<std::size_t>(to)].insert(endpoint);
  if (from != Tier::none) tiers_[static_cast<std::size_t>(from)].erase(endpoint);
}

std::optional<std::uint32_t> RoundRobinPolicy::pick(const Query& query) noexcept {
  const Set& among = tiers_[static_cast<std::size_t>(query.tier)];
  bool passed = false;
  const auto takes_part = [&](std::uint32_t endpoint) {
    if (!query.eligible(endpoint)) return false;
    Load& load = *loads_[endpoint];
    if (!load.is_reduced() || query.random.share() < load.share(query.now)) return true;
    passed = true;
    return false;
  };
  const auto picked = order_.pick(among, takes_part);
  // Where nobody else is left, there is no share to be had less of.
  return picked || !passed ? picked : order_.pick(among, query.eligible);
}

}  // namespace lb::balancer
