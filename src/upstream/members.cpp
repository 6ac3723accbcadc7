#include "upstream/members.hpp"

#include <algorithm>
#include <utility>

#include <boost/container/static_vector.hpp>

#include "base/limits.hpp"

namespace lb::upstream {

using balancer::Tier;

namespace {

// An answer may well take twice as long as the longest of late.
constexpr double kUsualFactor = 2;

// The tier that is asked when this one has nobody left.
Tier below(Tier tier) noexcept {
  return static_cast<Tier>(static_cast<std::uint8_t>(tier) - 1);
}

balancer::PolicyPtr make_policy(const std::vector<Member>& members, balancer::PolicyKind kind, std::uint32_t next) {
  std::vector<balancer::Candidate> candidates;
  candidates.reserve(members.size());
  for (const Member& member : members) {
    candidates.push_back({member.endpoint->url(), member.weight, &member.endpoint->load()});
  }
  return balancer::make_policy(kind, candidates, next);
}

}  // namespace

Members::Members(const std::vector<Member>& members, balancer::PolicyKind policy, std::uint32_t next)
    : policy_(make_policy(members, policy, next)),
      has_turns_(policy == balancer::PolicyKind::round_robin),
      explores_(policy_->may_starve()),
      tiers_(members.size(), Tier::none) {
  for (const Member& member : members) {
    endpoints_.push_back(member.endpoint);
    backups_.push_back(member.backup);
    const AvailabilityPtr& its = member.endpoint->availability();
    if (std::ranges::find(availability_, its) == availability_.end()) availability_.push_back(its);
    if (policy_->is_load_aware()) member.endpoint->load().observe();
  }
  put_in_order();
}

std::uint64_t Members::changes() const noexcept {
  std::uint64_t sum = 0;
  for (const AvailabilityPtr& one : availability_) sum += one->changes();
  return sum;
}

Tier Members::tier_of(std::uint32_t index) const noexcept {
  const Endpoint& endpoint = *endpoints_[index];
  if (!endpoint.is_active()) return Tier::none;
  if (!endpoint.is_up()) return Tier::down;
  if (endpoint.suspension() != Suspension::none) return Tier::suspended;
  return backups_[index] ? Tier::backup : Tier::up;
}

// Moves endpoints whose state has changed to their tier. False: the tiers may not be current, for another worker is at
// it or a state has changed since.
bool Members::put_in_order() noexcept {
  const std::uint64_t now = changes();
  if (now == seen_changes_.load(std::memory_order_acquire)) return true;
  if (looking_.test_and_set(std::memory_order_acquire)) return false;
  bool any_stalled = false;
  bool any_up = false;
  for (std::uint32_t i = 0; i < endpoints_.size(); ++i) {
    const Tier is = tier_of(i);
    if (is != tiers_[i]) policy_->move(i, tiers_[i], is);
    tiers_[i] = is;
    any_stalled = any_stalled || (is == Tier::suspended && endpoints_[i]->suspension() == Suspension::stalled);
    any_up = any_up || is == Tier::up;
  }
  any_up_.store(any_up, std::memory_order_relaxed);
  any_stalled_.store(any_stalled, std::memory_order_relaxed);
  seen_changes_.store(now, std::memory_order_release);
  looking_.clear(std::memory_order_release);
  return now == changes();
}

Pick Members::pick(const Seeker& seeker) noexcept {
  bool in_order = put_in_order();
  if (any_stalled_.load(std::memory_order_relaxed)) {
    if (const Pick trial = try_stalled(seeker)) return trial;
  }
  bool busy = false;
  Tier tier = Tier::up;
  const auto eligible = [&](std::uint32_t index) {
    const Endpoint& endpoint = *endpoints_[index];
    if (tier_of(index) < tier) return false;
    if (std::ranges::find(seeker.tried, endpoint.slot()) != seeker.tried.end()) return false;
    const bool room = seeker.among == PickScope::all ? endpoint.has_room() : !endpoint.is_limited();
    busy = busy || !room;
    return room;
  };
  const std::uint32_t from = policy_->position();
  for (;;) {
    std::optional<std::uint32_t> index;
    if (explores_ && tier == Tier::up) index = overdue(seeker.now, eligible);
    // The tiers may not be current: then all endpoints are asked, and eligible() decides.
    if (!index) index = policy_->pick({in_order ? tier : Tier::none, eligible, seeker.key, seeker.now, seeker.random});
    if (index) {
      Endpoint* const endpoint = endpoints_[*index].get();
      const std::uint32_t in_flight = endpoint->acquire();
      if (in_flight == 0) continue;  // another worker has taken the last place meanwhile
      if (explores_) endpoint->load().note_choice(seeker.now);
      const bool last_resort = tier == Tier::down;
      if (seeker.record != nullptr) record_passed_over(from, seeker, last_resort ? nullptr : endpoint);
      return {.endpoint = endpoint, .in_flight = in_flight, .last_resort = last_resort};
    }
    if (!busy && tier != Tier::down) {
      tier = below(tier);
    } else if (!busy && in_order && changes() != seen_changes_.load(std::memory_order_acquire)) {
      in_order = false;
      tier = Tier::up;
    } else {
      if (seeker.record != nullptr) record_passed_over(from, seeker, nullptr);
      return {.busy = busy};
    }
  }
}

bool Members::keeps_own(std::uint32_t index) const noexcept {
  const Endpoint& endpoint = *endpoints_[index];
  const bool has_duty = !backups_[index] || !any_up_.load(std::memory_order_relaxed);
  // One that is being enabled is checked first.
  const bool is_checked = endpoint.is_active() || endpoint.state() == HealthState::up;
  return endpoint.is_up() && is_checked && !endpoint.is_disabled() && endpoint.suspension() == Suspension::none &&
         has_duty;
}

Pick Members::pick_own(std::uint32_t index, const Seeker& seeker) noexcept {
  static_cast<void>(put_in_order());
  Endpoint& endpoint = *endpoints_[index];
  const bool asked = keeps_own(index) && std::ranges::find(seeker.tried, endpoint.slot()) == seeker.tried.end() &&
                     (seeker.among == PickScope::all || !endpoint.is_limited());
  const std::uint32_t in_flight = asked ? endpoint.acquire() : 0;
  if (in_flight == 0) return {};
  if (explores_) endpoint.load().note_choice(seeker.now);
  return {.endpoint = &endpoint, .in_flight = in_flight};
}

// One that is stalled may have recovered: now and then a request finds out.
Pick Members::try_stalled(const Seeker& seeker) noexcept {
  const std::int64_t ticks = seeker.now.time_since_epoch().count();
  if (ticks < trial_due_.load(std::memory_order_relaxed)) return {};
  const auto pause = std::chrono::duration_cast<base::TimePoint::duration>(base::kTrialLook);
  trial_due_.store(ticks + pause.count(), std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < endpoints_.size(); ++i) {
    Endpoint& endpoint = *endpoints_[i];
    if (endpoint.suspension() != Suspension::stalled || tier_of(i) != Tier::suspended) continue;
    if (std::ranges::find(seeker.tried, endpoint.slot()) != seeker.tried.end()) continue;
    if (seeker.among == PickScope::unlimited && endpoint.is_limited()) continue;
    if (backups_[i] && any_up_.load(std::memory_order_relaxed)) continue;
    const std::uint64_t trial = endpoint.take_trial(seeker.now, seeker.repeatable);
    if (trial == 0) continue;
    if (const std::uint32_t in_flight = endpoint.acquire(); in_flight != 0) {
      return {.endpoint = &endpoint, .in_flight = in_flight, .trial = trial};
    }
    endpoint.end_trial(trial);
  }
  return {};
}

Members::Wait Members::judge_wait(const Endpoint& endpoint, const Waiting& waiting,
                                  base::TimePoint now) const noexcept {
  const bool is_known = endpoint.suspension() == Suspension::stalled;
  if (is_known && !waiting.trial) return Wait::stalled;
  // The others, or a sample of them: how long their answers took of late, at most, and whether any has come. Their
  // median, for one that serves a long poll says little about the rest.
  boost::container::static_vector<double, 2 * base::kStallOthers> longest;  // microseconds
  bool others_answer = false;
  const auto size = static_cast<std::uint32_t>(endpoints_.size());
  const std::uint32_t step = std::max(size / base::kStallOthers, 1U);
  for (std::uint32_t i = endpoint.slot() % step; i < size && longest.size() < longest.capacity(); i += step) {
    const Endpoint& other = *endpoints_[i];
    if (&other == &endpoint || tier_of(i) < Tier::backup) continue;
    if (const double its = other.load().longest(); its > 0) longest.push_back(its);
    others_answer = others_answer || other.load().answered_at() > waiting.since;
  }
  if (longest.empty()) return Wait::usual;  // of what is usual nothing is known
  const auto median = longest.begin() + static_cast<std::ptrdiff_t>((longest.size() - 1) / 2);
  std::nth_element(longest.begin(), median, longest.end());
  const auto usual = std::chrono::duration_cast<base::TimePoint::duration>(
      std::chrono::duration<double, std::micro>(kUsualFactor * *median));
  const auto waited = now - waiting.since;
  const base::TimePoint::duration stall = waiting.stall;
  if (waited < std::max(stall / base::kStallLooks, usual)) return Wait::usual;
  // One alone may be a long poll; two are a pattern, unless anything was answered meanwhile.
  const std::uint32_t owed = endpoint.owed() + (waiting.owed ? 0 : 1);
  const bool all_owed = owed >= 2 && now - endpoint.load().answered_at() >= stall;
  const bool for_long = waited >= std::max(stall, usual);
  return for_long && (is_known || (all_owed && others_answer)) ? Wait::stalled : Wait::owed;
}

bool Members::has_others(const Endpoint& endpoint, const Tried& tried) const noexcept {
  for (std::uint32_t i = 0; i < endpoints_.size(); ++i) {
    if (endpoints_[i].get() == &endpoint || tier_of(i) < Tier::backup) continue;
    if (std::ranges::find(tried, endpoints_[i]->slot()) == tried.end()) return true;
  }
  return false;
}

// One that nobody has asked for so long that what is known of it may not hold any more. A few are looked at with each
// pick; when all were, none is for a while.
std::optional<std::uint32_t> Members::overdue(base::TimePoint now, balancer::Eligible eligible) noexcept {
  const std::int64_t ticks = now.time_since_epoch().count();
  if (ticks < look_due_.load(std::memory_order_relaxed)) return std::nullopt;
  const auto size = static_cast<std::uint32_t>(endpoints_.size());
  const std::uint32_t steps = std::min(size, base::kOverdueLooks);
  const std::uint32_t from = look_at_.fetch_add(steps, std::memory_order_relaxed);
  // Of those few, the one that has waited longest.
  std::optional<std::uint32_t> longest;
  base::TimePoint before = now - base::kExploreAfter;
  for (std::uint32_t i = 0; i < steps; ++i) {
    const std::uint32_t index = (from + i) % size;
    const base::TimePoint chosen = endpoints_[index]->load().chosen_at();
    if (chosen >= before || tier_of(index) != Tier::up || !eligible(index)) continue;
    before = chosen;
    longest = index;
  }
  if (longest) {
    looked_.store(0, std::memory_order_relaxed);
  } else if (looked_.fetch_add(steps, std::memory_order_relaxed) + steps >= size) {
    looked_.store(0, std::memory_order_relaxed);
    const auto pause = std::chrono::duration_cast<base::TimePoint::duration>(base::kExploreLook);
    look_due_.store(ticks + pause.count(), std::memory_order_relaxed);
  }
  return longest;
}

// Those whose turns came before that of `picked`, or all of them; where there are no turns, those that were out of the
// question. As many as are worth a step.
void Members::record_passed_over(std::uint32_t from, const Seeker& seeker, const Endpoint* picked) const noexcept {
  using telemetry::PassedOver;
  if (!has_turns_ && picked != nullptr && seeker.tried.empty()) return;  // /why looks at the others' state
  std::size_t left = base::kPassedOverStepsMax;
  policy_->visit(from, [&](std::uint32_t index) {
    const Endpoint& endpoint = *endpoints_[index];
    if (&endpoint == picked) return !has_turns_;
    const auto is_tried = [&] { return std::ranges::find(seeker.tried, endpoint.slot()) != seeker.tried.end(); };
    const bool room = seeker.among == PickScope::all ? endpoint.has_room() : !endpoint.is_limited();
    std::optional<PassedOver> why;
    if (endpoint.is_disabled()) {
      why = PassedOver::disabled;
    } else if (!endpoint.is_active()) {
      why = PassedOver::drained;
    } else if (!endpoint.is_up()) {
      why = PassedOver::down;
    } else if (endpoint.suspension() != Suspension::none) {
      why = endpoint.suspension() == Suspension::stalled ? PassedOver::stalled : PassedOver::ejected;
    } else if (is_tried()) {
      why = PassedOver::tried;
    } else if (backups_[index]) {
      // It has no turn to be passed over.
    } else if (has_turns_ || !room) {
      why = endpoint.load().is_reduced() && room ? PassedOver::reduced : PassedOver::busy;
    }
    if (why) seeker.record->pass_over(endpoint.url(), *why);
    return --left > 0;
  });
}

}  // namespace lb::upstream
