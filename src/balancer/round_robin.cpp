#include "balancer/round_robin.hpp"

#include <algorithm>
#include <numeric>

#include "base/check.hpp"

namespace lb::balancer {

std::vector<std::uint32_t> make_schedule(std::span<const unsigned> weights) {
  LB_CHECK(!weights.empty());
  unsigned divisor = 0;
  for (const unsigned weight : weights) {
    LB_CHECK(weight > 0);
    divisor = std::gcd(divisor, weight);
  }
  const bool equal = std::ranges::all_of(weights, [&](unsigned weight) { return weight == weights.front(); });
  std::vector<std::uint32_t> schedule;
  if (equal) {
    schedule.resize(weights.size());
    std::iota(schedule.begin(), schedule.end(), 0U);
    return schedule;
  }
  // Each turn everybody gains its weight; the richest is picked and pays the sum.
  std::int64_t sum = 0;
  for (const unsigned weight : weights) sum += weight / divisor;
  std::vector<std::int64_t> credit(weights.size(), 0);
  schedule.reserve(static_cast<std::size_t>(sum));
  for (std::int64_t turn = 0; turn < sum; ++turn) {
    std::size_t richest = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      credit[i] += weights[i] / divisor;
      if (credit[i] > credit[richest]) richest = i;
    }
    credit[richest] -= sum;
    schedule.push_back(static_cast<std::uint32_t>(richest));
  }
  return schedule;
}

RoundRobin::RoundRobin(std::span<const unsigned> weights, std::uint32_t next) : schedule_(make_schedule(weights)) {
  LB_CHECK(next < weights.size());
  position_ = static_cast<std::uint32_t>(std::ranges::find(schedule_, next) - schedule_.begin());
}

}  // namespace lb::balancer
