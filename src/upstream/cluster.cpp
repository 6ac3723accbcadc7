#include "upstream/cluster.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"

namespace lb::upstream {
namespace {

using base::LogLevel;

void log_up(const Endpoint& endpoint) {
  base::log(LogLevel::info, endpoint.url() + " [up]");
}

// The reason stands in a line before: the one of the change has words that users look for.
void log_down(const Endpoint& endpoint, std::string_view what_failed, std::string_view reason,
              const std::string& verdict) {
  std::string line(what_failed);
  base::log(LogLevel::warning, line.append(endpoint.url()).append(" failed: ").append(reason));
  base::log(LogLevel::warning, endpoint.url() + " [down] (" + verdict + ")");
}

// An address that is out. What has never been well yet is no news: localhost, say, has ::1, too.
void log_out(const Endpoint& endpoint, const Address& address, std::string_view reason, bool was_well) {
  base::log(was_well ? LogLevel::warning : LogLevel::info,
            text_of(address.where) + ", an address of " + endpoint.url() +
                ", gets no requests while others can: " + std::string(reason));
}

void log_back(const Endpoint& endpoint, const Address& address) {
  base::log(LogLevel::info, text_of(address.where) + ", an address of " + endpoint.url() + ", gets requests again");
}

// Where the new order begins, so that the endpoint whose turn it was is next; if it left, the one behind it.
std::uint32_t next_among(const std::vector<std::shared_ptr<Endpoint>>& endpoints, const Members& before) {
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto& candidate = before.endpoints()[(before.next() + i) % before.size()];
    const auto found = std::ranges::find(endpoints, candidate);
    if (found != endpoints.end()) return static_cast<std::uint32_t>(found - endpoints.begin());
  }
  return 0;
}

}  // namespace

Members::Members(std::vector<std::shared_ptr<Endpoint>> endpoints, const std::vector<unsigned>& weights,
                 std::uint32_t next)
    : endpoints_(std::move(endpoints)), order_(weights, next), known_(endpoints_.size(), Known::inactive) {
  for (const auto& endpoint : endpoints_) {
    const AvailabilityPtr& its = endpoint->availability();
    if (std::ranges::find(availability_, its) == availability_.end()) availability_.push_back(its);
  }
  for (std::uint32_t i = 0; i < endpoints_.size(); ++i) all_.insert(i);
  put_in_order();
}

std::uint64_t Members::changes() const noexcept {
  std::uint64_t sum = 0;
  for (const AvailabilityPtr& one : availability_) sum += one->changes();
  return sum;
}

// Moves the endpoints whose state has changed among the candidates. False: another worker is at it, or there has been a
// change since.
bool Members::put_in_order() noexcept {
  const std::uint64_t now = changes();
  if (now == seen_changes_.load(std::memory_order_acquire)) return true;
  if (looking_.test_and_set(std::memory_order_acquire)) return false;
  for (std::uint32_t i = 0; i < endpoints_.size(); ++i) {
    const Endpoint& endpoint = *endpoints_[i];
    const Known is = !endpoint.is_active() ? Known::inactive : endpoint.is_up() ? Known::up : Known::down;
    if (is == known_[i]) continue;
    if (is == Known::up) up_.insert(i);
    if (is == Known::down) down_.insert(i);
    if (known_[i] == Known::up) up_.erase(i);
    if (known_[i] == Known::down) down_.erase(i);
    known_[i] = is;
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
  const std::uint32_t from = order_.position();
  for (;;) {
    // While one changes its state it may be among neither: then all are asked.
    const auto index = order_.pick(!in_order ? all_ : last_resort ? down_ : up_, eligible);
    if (index) {
      Endpoint* const endpoint = endpoints_[*index].get();
      // Another worker may have taken the last place meanwhile.
      const bool limited = endpoint->is_limited();
      if (limited && !endpoint->acquire()) continue;
      if (record != nullptr) record_passed_over(from, tried, last_resort ? nullptr : endpoint, *record);
      return {endpoint, last_resort, limited, false};
    }
    if (!busy && !last_resort) {
      last_resort = true;
    } else if (!busy && in_order && changes() != seen_changes_.load(std::memory_order_acquire)) {
      in_order = last_resort = false;
    } else {
      if (record != nullptr) record_passed_over(from, tried, nullptr, *record);
      return {nullptr, false, false, busy};
    }
  }
}

// Those whose turns came before that of `picked`, or all of them: as many as are worth a step.
void Members::record_passed_over(std::uint32_t from, const Tried& tried, const Endpoint* picked,
                                 telemetry::RequestRecord& record) const noexcept {
  using telemetry::PassedOver;
  std::size_t left = base::kPassedOverStepsMax;
  order_.for_each_from(from, [&](std::uint32_t index) {
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

Cluster::Cluster(const std::vector<BackendSpec>& backends, const Thresholds& thresholds, std::size_t workers,
                 const base::Clock& clock)
    : clock_(clock), workers_(workers), thresholds_(thresholds), failures_max_(thresholds.failures) {
  replace(backends, thresholds);
}

MembersPtr Cluster::replace(const std::vector<BackendSpec>& backends, const Thresholds& thresholds) {
  std::unordered_map<std::string_view, std::shared_ptr<Endpoint>> known;
  if (members_) {
    for (const auto& endpoint : members_->endpoints()) known.emplace(endpoint->url(), endpoint);
  }
  std::vector<std::shared_ptr<Endpoint>> endpoints;
  std::vector<unsigned> weights;
  for (const BackendSpec& backend : backends) {
    const auto found = known.find(backend.url);
    endpoints.push_back(found != known.end() ? found->second : make_endpoint(backend));
    endpoints.back()->limit_connections(backend.connections_max);
    weights.push_back(backend.weight);
    if (found != known.end()) known.erase(found);
  }
  for (const auto& [url, endpoint] : known) endpoint->remove();
  const std::uint32_t next = members_ ? next_among(endpoints, *members_) : 0;
  thresholds_ = thresholds;
  failures_max_.store(thresholds.failures, std::memory_order_relaxed);
  members_ = std::make_shared<Members>(std::move(endpoints), weights, next);
  return members_;
}

std::shared_ptr<Endpoint> Cluster::make_endpoint(const BackendSpec& backend) {
  const auto free = std::ranges::find_if(slots_, [](const auto& slot) { return slot.expired(); });
  const auto slot = static_cast<std::uint32_t>(free - slots_.begin());
  auto endpoint = std::make_shared<Endpoint>(backend, slot, workers_, availability_);
  if (free == slots_.end()) {
    slots_.push_back(endpoint);
  } else {
    *free = endpoint;
  }
  return endpoint;
}

void Cluster::take_back_failure(Endpoint& endpoint) {
  if (endpoint.take_back_failure(failures_max_.load(std::memory_order_relaxed)) != Change::came_up) return;
  endpoint.note_change(HealthState::up, clock_.wall_now(), "the request that failed at it was the cause");
  log_up(endpoint);
}

void Cluster::record_failure(Endpoint& endpoint, std::string_view reason, RequestKind kind) {
  const std::uint32_t failures_max = failures_max_.load(std::memory_order_relaxed);
  if (endpoint.record_failure(failures_max, kind) == Change::went_down) went_down(endpoint, failures_max, reason);
}

void Cluster::went_down(Endpoint& endpoint, std::uint32_t failures, std::string_view reason) {
  const std::string verdict = std::to_string(failures) + " retries failed";
  endpoint.note_change(HealthState::down, clock_.wall_now(), verdict + ": " + std::string(reason));
  log_down(endpoint, "request to ", reason, verdict);
  if (endpoint.passed_last_check() && !endpoint.has_succeeded()) {
    base::log(LogLevel::warning, endpoint.url() + " passed its last health check, but requests to it fail");
  }
  if (on_down_) on_down_();
}

void Cluster::inherit_down(Endpoint& endpoint, const std::string& reason) {
  if (endpoint.inherit_down() != Change::went_down) return;
  endpoint.note_change(HealthState::down, clock_.wall_now(), reason);
  base::log(LogLevel::warning, endpoint.url() + " [down] (" + reason.substr(0, reason.find(':')) + ")");
  if (on_down_) on_down_();
}

void Cluster::record_recovery(Endpoint& endpoint) {
  if (endpoint.record_recovery() != Change::came_up) return;
  endpoint.note_change(HealthState::up, clock_.wall_now(), "a request to it succeeded");
  log_up(endpoint);
}

void Cluster::record_success(Endpoint& endpoint, Address& address) {
  endpoint.record_success();
  // Looked at before they are written, as those of the endpoint are.
  if (address.failures.load(std::memory_order_relaxed) != 0) address.failures.store(0, std::memory_order_relaxed);
  if (!address.out.load(std::memory_order_relaxed)) return;
  if (address.out.exchange(false, std::memory_order_relaxed)) log_back(endpoint, address);
}

void Cluster::record_failure(const Endpoint& endpoint, Address& address, std::string_view reason) {
  const std::uint32_t failures_max = failures_max_.load(std::memory_order_relaxed);
  if (address.failures.fetch_add(1, std::memory_order_relaxed) + 1 < failures_max) return;
  if (address.out.exchange(true, std::memory_order_relaxed)) return;
  log_out(endpoint, address, std::to_string(failures_max) + " in a row failed: " + std::string(reason), true);
}

void Cluster::take_back_failure(Endpoint& endpoint, Address& address) {
  // A success meanwhile has set the count back already.
  std::uint32_t failures = address.failures.load(std::memory_order_relaxed);
  while (failures != 0 && !address.failures.compare_exchange_weak(failures, failures - 1, std::memory_order_relaxed)) {
  }
  if (failures != failures_max_.load(std::memory_order_relaxed)) return;
  if (address.out.exchange(false, std::memory_order_relaxed)) log_back(endpoint, address);
  record_recovery(endpoint);
}

void Cluster::record_failure(Endpoint& endpoint, Address& address, const AddressSet& all, std::string_view reason,
                             RequestKind kind) {
  endpoint.note_failure(kind);
  record_failure(std::as_const(endpoint), address, reason);
  const auto is_out = [](const AddressPtr& one) { return one->out.load(std::memory_order_relaxed); };
  if (all.list.empty() || !std::ranges::all_of(all.list, is_out)) return;
  if (endpoint.record_failure(0, kind) != Change::went_down) return;
  went_down(endpoint, failures_max_.load(std::memory_order_relaxed), reason);
}

void Cluster::record_check(const Endpoint& endpoint, Address& address, bool passed, std::string_view reason) {
  const bool first = !std::exchange(address.checked, true);
  const bool row_goes_on = !first && address.passed_last_check == passed;
  address.checks_in_row = row_goes_on ? address.checks_in_row + 1 : 1;
  address.passed_last_check = passed;
  if (!first && address.checks_in_row < (passed ? thresholds_.rise : thresholds_.fall)) return;
  if (passed) address.failures.store(0, std::memory_order_relaxed);
  if (address.out.exchange(!passed, std::memory_order_relaxed) == !passed) return;
  if (passed) {
    log_back(endpoint, address);
  } else {
    log_out(endpoint, address, "its check failed: " + std::string(reason), !first);
  }
}

void Cluster::record_check(Endpoint& endpoint, bool passed, std::string_view reason, base::Duration took) {
  const base::WallTime now = clock_.wall_now();
  endpoint.note_check({now, passed, std::string(reason), took});
  // Not if it has failed since: then the check only tells what requests have told before.
  const bool last_request_succeeded = endpoint.take_succeeded() && endpoint.failures_in_row() == 0;
  const Change change = endpoint.record_check(passed, thresholds_);
  if (change == Change::came_up) {
    endpoint.note_change(HealthState::up, now, "health check passed");
    log_up(endpoint);
  }
  if (change == Change::went_down) {
    endpoint.note_change(HealthState::down, now, "health check failed: " + std::string(reason));
    log_down(endpoint, "check of ", reason, "health check failed");
  }
  if (!passed && last_request_succeeded) {
    base::log(LogLevel::warning, endpoint.url() + " fails its health check although the last request to it succeeded");
  }
}

}  // namespace lb::upstream
