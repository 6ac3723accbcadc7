#include "upstream/endpoint.hpp"

#include "base/limits.hpp"

namespace lb::upstream {
namespace {

std::string host_line_of(const BackendSpec& backend) {
  const bool v6 = backend.host.find(':') != std::string::npos;
  std::string line = "Host: " + (v6 ? "[" + backend.host + "]" : backend.host);
  const std::uint16_t usual = backend.url.starts_with("https:") ? 443 : 80;
  if (backend.port != usual) line += ":" + std::to_string(backend.port);
  return line + "\r\n";
}

}  // namespace

std::string_view to_string(HealthState state) noexcept {
  switch (state) {
    case HealthState::unknown:
      return "unknown";
    case HealthState::up:
      return "up";
    case HealthState::down:
      return "down";
  }
  return "";
}

std::string_view to_string(Administration administration) noexcept {
  switch (administration) {
    case Administration::active:
      return "active";
    case Administration::draining:
      return "draining";
    case Administration::disabled:
      return "disabled";
  }
  return "";
}

std::string_view to_string(Suspension suspension) noexcept {
  switch (suspension) {
    case Suspension::none:
      return "";
    case Suspension::stalled:
      return "stalled";
    case Suspension::ejected:
      return "ejected";
  }
  return "";
}

Endpoint::Endpoint(BackendSpec spec, std::uint32_t slot, std::size_t workers, AvailabilityPtr availability)
    : url_(std::move(spec.url)),
      host_line_(host_line_of(spec)),
      port_(spec.port),
      slot_(slot),
      availability_(std::move(availability)),
      workers_(workers),
      counters_(std::make_unique<telemetry::BackendCounters[]>(workers)),
      service_(workers),
      connections_max_(spec.connections_max) {
  host_ = std::move(spec.host);
}

Change Endpoint::record_check(bool passed, const Thresholds& thresholds) noexcept {
  // What exchanges have changed meanwhile begins a new row: the checks before it speak of another time.
  const HealthState before = state();
  const bool row_goes_on = passed == passed_last_check() && before == state_after_check_;
  checks_in_row_ = row_goes_on ? checks_in_row_ + 1 : 1;
  check_passed_.store(passed, std::memory_order_relaxed);
  const bool first = before == HealthState::unknown;
  const bool enough = first || checks_in_row_ >= (passed ? thresholds.rise : thresholds.fall);
  const HealthState verdict = passed ? HealthState::up : HealthState::down;
  state_after_check_ = enough ? verdict : before;
  return enough ? mark(verdict) : Change::none;
}

HealthChange Endpoint::last_change() const {
  const std::lock_guard lock(change_mutex_);
  return change_;
}

void Endpoint::note_change(HealthState state, base::WallTime at, std::string reason) {
  const std::lock_guard lock(change_mutex_);
  change_ = {state, at, std::move(reason), change_.count + 1};
}

Remark Endpoint::remark() const {
  const std::lock_guard lock(change_mutex_);
  return suspended_for_.reason.empty() ? reduced_for_ : suspended_for_;
}

void Endpoint::note_suspended_for(base::WallTime at, std::string reason) {
  const std::lock_guard lock(change_mutex_);
  suspended_for_ = {at, std::move(reason)};
}

void Endpoint::note_reduced_for(base::WallTime at, std::string reason) {
  const std::lock_guard lock(change_mutex_);
  reduced_for_ = {at, std::move(reason)};
}

void Endpoint::note_check(CheckRecord check) {
  if (checks_.size() == base::kChecksKept) checks_.erase(checks_.begin());
  checks_.push_back(std::move(check));
}

Change Endpoint::take_back_failure(std::uint32_t failures_max) noexcept {
  // A success meanwhile has set the count back already.
  std::uint32_t failures = failures_.load(std::memory_order_relaxed);
  while (failures != 0 && !failures_.compare_exchange_weak(failures, failures - 1, std::memory_order_relaxed)) {
  }
  return failures == failures_max ? mark(HealthState::up) : Change::none;
}

bool Endpoint::change_suspension(Suspension from, Suspension to) noexcept {
  if (!suspension_.compare_exchange_strong(from, to, std::memory_order_relaxed)) return false;
  if (to == Suspension::stalled) stalls_.fetch_add(1, std::memory_order_relaxed);
  if (to == Suspension::ejected) ejections_.fetch_add(1, std::memory_order_relaxed);
  availability_->note_change();
  return true;
}

std::uint64_t Endpoint::take_trial(base::TimePoint now, bool repeatable) noexcept {
  const base::TimePoint last(base::TimePoint::duration(tried_at_.load(std::memory_order_relaxed)));
  const base::Duration pause = repeatable ? base::kTrialPause : base::kTrialOfUnrepeatable;
  if (now - last < pause || trial_.load(std::memory_order_relaxed) != 0) return 0;
  std::uint64_t none = 0;
  const std::uint64_t trial = trials_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (!trial_.compare_exchange_strong(none, trial, std::memory_order_relaxed)) return 0;
  tried_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  return trial;
}

Change Endpoint::mark(HealthState state) noexcept {
  if (state == HealthState::up) failures_.store(0, std::memory_order_relaxed);
  const HealthState before = state_.exchange(state, std::memory_order_relaxed);
  if (before == state) return Change::none;
  availability_->note_change();
  return state == HealthState::up ? Change::came_up : Change::went_down;
}

}  // namespace lb::upstream
