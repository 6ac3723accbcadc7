#include "balancer/consistent_hash.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "balancer/hash.hpp"

namespace lb::balancer {

ConsistentHash::ConsistentHash(const std::vector<Candidate>& candidates) : DrawingPolicy(candidates) {
  std::size_t weights = 0;
  for (const Candidate& one : candidates) weights += one.weight;
  // Halved only where the ring would take tens of megabytes, for half of all points goes with it.
  std::size_t points = kPointsPerWeight;
  while (points > 1 && weights * points > kPointsMax) points /= 2;
  ring_.reserve(weights * points);
  for (std::uint32_t i = 0; i < candidates.size(); ++i) {
    const std::uint64_t identity = hash_of(candidates[i].identity);
    for (std::size_t point = 0; point < candidates[i].weight * points; ++point) {
      ring_.push_back({mix(identity + mix(point + 1)), i});
    }
  }
  std::ranges::sort(
      ring_, [](const Point& a, const Point& b) { return a.at != b.at ? a.at < b.at : a.endpoint < b.endpoint; });
  // A slot for each point or two: the points of a slot are a few.
  const auto bits = std::max(static_cast<unsigned>(std::bit_width(ring_.size())), 2U) - 1;
  shift_ = 64 - bits;
  std::size_t point = 0;
  for (std::uint64_t slot = 0; slot < std::uint64_t{1} << bits; ++slot) {
    while (point < ring_.size() && ring_[point].at >> shift_ < slot) ++point;
    first_.push_back(static_cast<std::uint32_t>(point));
  }
}

std::size_t ConsistentHash::behind(std::uint64_t key) const noexcept {
  std::size_t at = first_[key >> shift_];
  while (at < ring_.size() && ring_[at].at < key) ++at;
  return at == ring_.size() ? 0 : at;
}

// Exchanges at once for each unit of weight, one more included, of those in the tier. Where they are many it is counted
// anew with every so many picks only, so that each pays for the look at a few.
double ConsistentHash::load_per_weight(const Query& query) noexcept {
  constexpr std::uint32_t kLooked = 4;
  constexpr std::uint32_t kFew = 16;
  const std::uint32_t size = candidates().size();
  if (size > kFew && picks_.fetch_add(1, std::memory_order_relaxed) % (size / kLooked) != 0) {
    return average_.load(std::memory_order_relaxed);
  }
  double in_flight = 1;
  double weights = 0;
  candidates().visit(query.tier, 0, [&](std::uint32_t other) {
    in_flight += load(other).in_flight();
    weights += candidates().weight(other) * load(other).share(query.now);
    return true;
  });
  const double average = weights == 0 ? 0 : in_flight / weights;
  average_.store(static_cast<float>(average), std::memory_order_relaxed);
  return average;
}

// Whether one more would be more than kBound times its part of all, in whole exchanges, rounded up, as the paper has
// it. Two are always allowed: a client that has its whole answer asks again while the exchange before is being put
// away, and its key must not move for that.
bool ConsistentHash::is_full(std::uint32_t endpoint, const Query& query) noexcept {
  Load& its = load(endpoint);
  const std::uint32_t in_flight = its.in_flight();
  if (in_flight < 2) return false;
  const double weight = candidates().weight(endpoint) * its.share(query.now);
  return in_flight + 1 > std::ceil(kBound * load_per_weight(query) * weight);
}

std::optional<std::uint32_t> ConsistentHash::pick(const Query& query) noexcept {
  // Those that are passed over are few, or gone in a crowd: then a draw is as good as the ring.
  constexpr std::size_t kStepsMax = 256;
  const double place = static_cast<double>(mix(query.key) >> 11U) * 0x1p-53;
  std::optional<std::uint32_t> second;  // that would be taken but for its share or the bound
  std::uint32_t before = UINT32_MAX;
  std::size_t at = behind(query.key);
  for (std::size_t step = 0; step < std::min(kStepsMax, ring_.size());
       ++step, at = at + 1 == ring_.size() ? 0 : at + 1) {
    const std::uint32_t endpoint = ring_[at].endpoint;
    if (endpoint == before || !candidates().has(query.tier, endpoint) || !query.eligible(endpoint)) continue;
    before = endpoint;
    Load& its = load(endpoint);
    if (!(its.is_reduced() && place >= its.share(query.now)) && !is_full(endpoint, query)) return endpoint;
    if (!second) second = endpoint;
  }
  if (second) return second;
  base::Random chance(mix(query.key));  // the same each time, and everywhere
  return candidates().draw(query.tier, query.eligible, chance);
}

}  // namespace lb::balancer
