#include "upstream/members.hpp"

#include <algorithm>
#include <utility>

#include "balancer/round_robin_policy.hpp"
#include "base/limits.hpp"

namespace lb::upstream {

using balancer::Tier;

Members::Members(std::vector<EndpointPtr> endpoints, const std::vector<unsigned>& weights, std::uint32_t next)
    : endpoints_(std::move(endpoints)),
      policy_(std::make_unique<balancer::RoundRobinPolicy>(weights, next)),
      tiers_(endpoints_.size(), Tier::none) {
  for (const auto& endpoint : endpoints_) {
    const AvailabilityPtr& its = endpoint->availability();
    if (std::ranges::find(availability_, its) == availability_.end()) availability_.push_back(its);
  }
  put_in_order();
}

std::uint64_t Members::changes() const noexcept {
  std::uint64_t sum = 0;
  for (const AvailabilityPtr& one : availability_) sum += one->changes();
  return sum;
}

// Moves endpoints whose state has changed to their tier. False: the tiers may not be current, for another worker is at
// it or a state has changed since.
bool Members::put_in_order() noexcept {
  const std::uint64_t now = changes();
  if (now == seen_changes_.load(std::memory_order_acquire)) return true;
  if (looking_.test_and_set(std::memory_order_acquire)) return false;
  for (std::uint32_t i = 0; i < endpoints_.size(); ++i) {
    const Endpoint& endpoint = *endpoints_[i];
    const Tier is = !endpoint.is_active() ? Tier::none : endpoint.is_up() ? Tier::up : Tier::down;
    if (is != tiers_[i]) policy_->move(i, tiers_[i], is);
    tiers_[i] = is;
  }
  seen_changes_.store(now, std::memory_order_release);
  looking_.clear(std::memory_order_release);
  return now == changes();
}

Pick Members::pick(const Tried& tried, PickScope among, telemetry::RequestRecord* record) noexcept {
  bool in_order = put_in_order();
  bool busy = false;
  bool last_resort = false;
  const auto eligible = [&](std::uint32_t index) {
    const Endpoint& endpoint = *endpoints_[index];
    if (!endpoint.is_active() || (!last_resort && !endpoint.is_up())) return false;
    if (std::ranges::find(tried, endpoint.slot()) != tried.end()) return false;
    const bool room = among == PickScope::all ? endpoint.has_room() : !endpoint.is_limited();
    busy = busy || !room;
    return room;
  };
  const std::uint32_t from = policy_->position();
  for (;;) {
    // The tiers may not be current: then all endpoints are asked, and eligible() decides.
    const auto index = policy_->pick(!in_order ? Tier::none : last_resort ? Tier::down : Tier::up, eligible);
    if (index) {
      Endpoint* const endpoint = endpoints_[*index].get();
      if (!endpoint->acquire()) continue;  // another worker has taken the last place meanwhile
      if (record != nullptr) record_passed_over(from, tried, last_resort ? nullptr : endpoint, *record);
      return {endpoint, last_resort, false};
    }
    if (!busy && !last_resort) {
      last_resort = true;
    } else if (!busy && in_order && changes() != seen_changes_.load(std::memory_order_acquire)) {
      in_order = last_resort = false;
    } else {
      if (record != nullptr) record_passed_over(from, tried, nullptr, *record);
      return {nullptr, false, busy};
    }
  }
}

// Those whose turns came before that of `picked`, or all of them: as many as are worth a step.
void Members::record_passed_over(std::uint32_t from, const Tried& tried, const Endpoint* picked,
                                 telemetry::RequestRecord& record) const noexcept {
  using telemetry::PassedOver;
  std::size_t left = base::kPassedOverStepsMax;
  policy_->visit(from, [&](std::uint32_t index) {
    const Endpoint& endpoint = *endpoints_[index];
    if (&endpoint == picked) return false;
    const PassedOver why = endpoint.is_disabled()                                     ? PassedOver::disabled
                           : !endpoint.is_active()                                    ? PassedOver::drained
                           : !endpoint.is_up()                                        ? PassedOver::down
                           : std::ranges::find(tried, endpoint.slot()) != tried.end() ? PassedOver::tried
                                                                                      : PassedOver::busy;
    record.pass_over(endpoint.url(), why);
    return --left > 0;
  });
}

}  // namespace lb::upstream
