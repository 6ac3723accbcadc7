#include "balancer/candidates.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/check.hpp"

namespace lb::balancer {

std::vector<unsigned> weights_of(const std::vector<Candidate>& candidates) {
  std::vector<unsigned> weights;
  weights.reserve(candidates.size());
  for (const Candidate& one : candidates) weights.push_back(one.weight);
  return weights;
}

Candidates::Candidates(std::vector<unsigned> weights) : weights_(std::move(weights)) {
  LB_CHECK(!weights_.empty());
  for (std::size_t tier = 0; tier < kTiers; ++tier) sets_.emplace_back(size());
  for (std::uint32_t i = 0; i < size(); ++i) sets_.front().insert(i);
  if (std::ranges::all_of(weights_, [&](unsigned weight) { return weight == weights_.front(); })) return;
  const double sum = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  std::vector<double> share;
  std::vector<std::uint32_t> poor;
  std::vector<std::uint32_t> rich;
  aliases_.resize(size());
  for (std::uint32_t i = 0; i < size(); ++i) {
    share.push_back(weights_[i] * static_cast<double>(size()) / sum);
    (share.back() < 1 ? poor : rich).push_back(i);
  }
  while (!poor.empty() && !rich.empty()) {
    const std::uint32_t less = poor.back();
    const std::uint32_t more = rich.back();
    poor.pop_back();
    aliases_[less] = {static_cast<std::uint32_t>(share[less] * 0x1p32), more};
    share[more] -= 1 - share[less];
    if (share[more] < 1) {
      rich.pop_back();
      poor.push_back(more);
    }
  }
}

void Candidates::move(std::uint32_t endpoint, Tier from, Tier to) noexcept {
  if (to != Tier::none) sets_[static_cast<std::size_t>(to)].insert(endpoint);
  if (from != Tier::none) sets_[static_cast<std::size_t>(from)].erase(endpoint);
}

std::optional<std::uint32_t> Candidates::draw(Tier tier, Eligible eligible, base::Random& random) const noexcept {
  const PositionSet& among = set_of(tier);
  for (int i = 0; i < kDrawsMax; ++i) {
    const std::uint32_t drawn = draw_any(random);
    if (among.contains(drawn) && eligible(drawn)) return drawn;
  }
  return sample(tier, eligible, random);
}

// Each takes the place of those before it by its share in the weight so far: in the end, each has it by its weight.
std::optional<std::uint32_t> Candidates::sample(Tier tier, Eligible eligible, base::Random& random) const noexcept {
  std::optional<std::uint32_t> drawn;
  std::uint64_t weight = 0;
  int seen = 0;
  const auto take_part = [&](std::uint32_t endpoint) {
    if (!eligible(endpoint)) return true;
    weight += weights_[endpoint];
    if (random.below(weight) < weights_[endpoint]) drawn = endpoint;
    return ++seen < kSampled;
  };
  visit(tier, below(random, size()), take_part);
  return drawn;
}

void Candidates::visit(Tier tier, std::uint32_t from, Eligible visit) const noexcept {
  const PositionSet& among = set_of(tier);
  bool wrapped = false;
  for (std::uint32_t at = from;;) {
    const std::optional<std::uint32_t> found = among.next(at);
    if (!found && !wrapped) {
      wrapped = true;
      at = 0;
      continue;
    }
    if (!found || (wrapped && *found >= from) || !visit(*found)) return;
    at = *found + 1;
  }
}

}  // namespace lb::balancer
