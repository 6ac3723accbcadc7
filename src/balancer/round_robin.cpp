#include "balancer/round_robin.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>

#include "base/check.hpp"

namespace lb::balancer {
namespace {

// Endpoints of one weight: those that were picked least often come first, in their order.
struct Peers {
  std::vector<std::uint32_t> endpoints;
  std::size_t next = 0;

  [[nodiscard]] std::uint32_t turn() const noexcept { return endpoints[next]; }
};

// What several weights gain and have. In groups of a fixed size, which compilers make vectors of: this is where a long
// schedule spends its time.
constexpr std::size_t kLanes = 8;
constexpr std::int32_t kNobody = INT32_MIN / 2;  // never the richest
struct Accounts {
  std::array<std::int32_t, kLanes> gain{};
  std::array<std::int32_t, kLanes> credit{kNobody, kNobody, kNobody, kNobody, kNobody, kNobody, kNobody, kNobody};
};

// Everybody gains; returns what the richest has then.
std::int32_t pay_in(std::vector<Accounts>& accounts) noexcept {
  std::array<std::int32_t, kLanes> most;
  most.fill(kNobody);
  for (Accounts& some : accounts) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      some.credit[lane] += some.gain[lane];
      most[lane] = std::max(most[lane], some.credit[lane]);
    }
  }
  return *std::ranges::max_element(most);
}

bool anybody_has(const Accounts& some, std::int32_t credit) noexcept {
  std::int32_t found = 0;
  for (std::size_t lane = 0; lane < kLanes; ++lane) found |= some.credit[lane] == credit ? 1 : 0;
  return found != 0;
}

}  // namespace

std::vector<std::uint32_t> make_schedule(std::span<const unsigned> weights) {
  LB_CHECK(!weights.empty());
  unsigned divisor = 0;
  for (const unsigned weight : weights) {
    LB_CHECK(weight > 0);
    divisor = std::gcd(divisor, weight);
  }
  // Each turn everybody gains its weight; the richest is picked, of equals the first, and pays the sum. Endpoints of
  // one weight are equally rich but for what they have paid: the richest of them is known, and so only one of each
  // weight takes part.
  std::map<unsigned, Peers> by_weight;
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    by_weight[weights[i] / divisor].endpoints.push_back(static_cast<std::uint32_t>(i));
    sum += weights[i] / divisor;
  }
  LB_CHECK(sum <= INT32_MAX);
  std::vector<Peers> peers;
  std::vector<Accounts> accounts((by_weight.size() + kLanes - 1) / kLanes);
  for (auto& [weight, its] : by_weight) {
    accounts[peers.size() / kLanes].gain[peers.size() % kLanes] = static_cast<std::int32_t>(weight);
    accounts[peers.size() / kLanes].credit[peers.size() % kLanes] = 0;
    peers.push_back(std::move(its));
  }
  std::vector<std::uint32_t> schedule;
  schedule.reserve(static_cast<std::size_t>(sum));
  for (std::int64_t turn = 0; turn < sum; ++turn) {
    const std::int32_t most = pay_in(accounts);
    std::size_t richest = peers.size();
    for (std::size_t group = 0; group < accounts.size(); ++group) {
      if (!anybody_has(accounts[group], most)) continue;
      for (std::size_t i = group * kLanes; i < std::min(peers.size(), (group + 1) * kLanes); ++i) {
        if (accounts[group].credit[i % kLanes] != most) continue;
        if (richest == peers.size() || peers[i].turn() < peers[richest].turn()) richest = i;
      }
    }
    Peers& its = peers[richest];
    schedule.push_back(its.turn());
    // The next of them has paid as often as this one had, unless all have now paid once more.
    if (++its.next == its.endpoints.size()) {
      its.next = 0;
      accounts[richest / kLanes].credit[richest % kLanes] -= static_cast<std::int32_t>(sum);
    }
  }
  return schedule;
}

RoundRobin::RoundRobin(std::span<const unsigned> weights, std::uint32_t next)
    : schedule_(make_schedule(weights)), positions_(schedule_.size()), first_(weights.size() + 1, 0) {
  LB_CHECK(next < weights.size());
  for (const std::uint32_t endpoint : schedule_) ++first_[endpoint + 1];
  std::partial_sum(first_.begin(), first_.end(), first_.begin());
  std::vector<std::uint32_t> filled(first_.begin(), first_.end() - 1);
  for (std::uint32_t slot = 0; slot < schedule_.size(); ++slot) positions_[filled[schedule_[slot]]++] = slot;
  position_ = positions_[first_[next]];
}

std::uint32_t RoundRobin::turn_of(std::uint32_t endpoint, std::uint32_t from) const noexcept {
  const std::span<const std::uint32_t> positions = positions_of(endpoint);
  const auto found = std::ranges::lower_bound(positions, from);
  return found == positions.end() ? positions.front() : *found;
}

}  // namespace lb::balancer
