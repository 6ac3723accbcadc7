// One backend's live state, shared by all workers: plain atomics, no lock. It outlives a reload of the configuration.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "balancer/load.hpp"
#include "base/clock.hpp"
#include "telemetry/counters.hpp"
#include "upstream/service_record.hpp"

namespace lb::upstream {

struct BackendSpec {
  std::string url;   // canonical: a backend's identity
  std::string host;  // name, or address without brackets
  std::uint16_t port = 80;
  unsigned weight = 1;
  std::uint32_t connections_max = 0;  // exchanges at once; 0: no limit
  bool backup = false;                // only for when none of the others is up
};

enum class HealthState : std::uint8_t { unknown, up, down };

// What the operator wants of an endpoint, whatever its health.
enum class Administration : std::uint8_t {
  active,
  draining,  // it gets no new requests; what is under way ends; checks go on
  disabled,  // it gets nothing, and is not checked
};

// Why an endpoint that is up gets no requests for now.
enum class Suspension : std::uint8_t {
  none,
  stalled,  // it owes every answer, while others answer: one request at a time tries it
  ejected,  // it does much worse than the others: until its time is over
};

// "unknown", "up", "down"; "active", "draining", "disabled"; "", "stalled", "ejected": the words of logs, metrics and
// answers.
[[nodiscard]] std::string_view to_string(HealthState state) noexcept;
[[nodiscard]] std::string_view to_string(Administration administration) noexcept;
[[nodiscard]] std::string_view to_string(Suspension suspension) noexcept;

// The last change of an endpoint's health.
struct HealthChange {
  HealthState state = HealthState::unknown;
  base::WallTime at{};
  std::string reason = "not checked yet";  // for people
  std::uint64_t count = 0;                 // of changes, this one included
};

// Why an endpoint that is up gets less than its share, or nothing.
struct Remark {
  base::WallTime at{};
  std::string reason;  // for people; empty: it does not
};

// One health check. `passed` means nothing if the check could not be made.
struct CheckRecord {
  base::WallTime at{};
  bool passed = false;
  std::string reason;  // why it failed, for people
  base::Duration took{};
};

// A change of state that one caller has brought about, and therefore logs.
enum class Change : std::uint8_t { none, came_up, went_down };

// How many results in a row it takes.
struct Thresholds {
  std::uint32_t failures = 3;  // failed exchanges that mark an endpoint down
  std::uint32_t rise = 1;      // passed checks that bring one back
  std::uint32_t fall = 1;      // failed checks that mark one down
};

// A version of what decides which endpoints may be picked: a reader compares it to see whether its copy is current. Any
// thread.
class Availability {
 public:
  [[nodiscard]] std::uint64_t changes() const noexcept { return changes_.load(std::memory_order_acquire); }
  void note_change() noexcept { changes_.fetch_add(1, std::memory_order_release); }

 private:
  alignas(64) std::atomic<std::uint64_t> changes_{0};
};
using AvailabilityPtr = std::shared_ptr<Availability>;

class Endpoint {
 public:
  // `slot`: its place in what each worker keeps for it (pool, addresses). No other living endpoint has the same.
  // `workers`: how many count what they do with it. `availability` is told of its changes.
  Endpoint(BackendSpec spec, std::uint32_t slot, std::size_t workers = 1,
           AvailabilityPtr availability = std::make_shared<Availability>());
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  [[nodiscard]] const std::string& url() const noexcept { return url_; }
  [[nodiscard]] const std::string& host() const noexcept { return host_; }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::uint32_t slot() const noexcept { return slot_; }
  // "Host: name:port\r\n", for requests that came without one.
  [[nodiscard]] const std::string& host_line() const noexcept { return host_line_; }

  // Health. Any thread, but for record_check(). An endpoint that was never checked counts as up: it may well be.
  [[nodiscard]] HealthState state() const noexcept { return state_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool is_up() const noexcept { return state() != HealthState::down; }

  // An exchange succeeded: failures in a row start from 0.
  void record_success() noexcept {
    // Looked at before they are written: the line stays shared between the workers while all is well.
    if (failures_.load(std::memory_order_relaxed) != 0) failures_.store(0, std::memory_order_relaxed);
    if (!succeeded_.load(std::memory_order_relaxed)) succeeded_.store(true, std::memory_order_relaxed);
    if (row_goes_on_.load(std::memory_order_relaxed)) row_goes_on_.store(false, std::memory_order_relaxed);
  }
  // The same, of a request of this kind, seen by `worker`, from 0.
  void record_success(std::size_t worker, RequestKind kind, base::TimePoint now) noexcept {
    service_.note_success(worker, kind, now);
    record_success();
  }
  // A request of this kind failed; for serves_others() alone.
  void note_failure(RequestKind kind) noexcept {
    service_.note_failure(kind, !row_goes_on_.exchange(true, std::memory_order_relaxed));
  }
  // The failure that was noted last was the request's own fault.
  void take_back_note() noexcept { service_.take_back_failure(); }
  // Whether others than requests of this kind are served well, and none but those fail.
  [[nodiscard]] bool serves_others(RequestKind kind, base::TimePoint now) const noexcept {
    return service_.serves_others(kind, now);
  }

  [[nodiscard]] std::uint32_t failures_in_row() const noexcept { return failures_.load(std::memory_order_relaxed); }

  // An exchange failed through the endpoint's fault.
  [[nodiscard]] Change record_failure(std::uint32_t failures_max, RequestKind kind = 0) noexcept {
    note_failure(kind);
    const std::uint32_t failures = failures_.fetch_add(1, std::memory_order_relaxed) + 1;
    return failures >= failures_max ? mark(HealthState::down) : Change::none;
  }
  // The last of those was not its fault: it counts no more. An endpoint that it has marked down comes back.
  [[nodiscard]] Change take_back_failure(std::uint32_t failures_max) noexcept;

  // An exchange that was tried although the endpoint was down has succeeded.
  [[nodiscard]] Change record_recovery() noexcept { return mark(HealthState::up); }

  // It was down in the process before this one.
  [[nodiscard]] Change inherit_down() noexcept { return mark(HealthState::down); }

  // A check's result. The first one decides alone: there is nothing yet that it could be weighed against. One thread.
  [[nodiscard]] Change record_check(bool passed, const Thresholds& thresholds) noexcept;

  // What is known of it is of long ago: the next check decides alone. Only while it gets no requests. One thread, that
  // of the checks.
  void forget_health() noexcept {
    state_.store(HealthState::unknown, std::memory_order_relaxed);
    failures_.store(0, std::memory_order_relaxed);
    availability_->note_change();
  }

  [[nodiscard]] bool passed_last_check() const noexcept { return check_passed_.load(std::memory_order_relaxed); }

  // Whether an exchange has succeeded since the last check, or since take_succeeded().
  [[nodiscard]] bool has_succeeded() const noexcept { return succeeded_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool take_succeeded() noexcept { return succeeded_.exchange(false, std::memory_order_relaxed); }

  // Exchanges at once. acquire() says how many there are then; 0: the limit is reached. Each but 0 is paid back by
  // release(). Any thread.
  [[nodiscard]] bool has_room() const noexcept {
    const std::uint32_t most = connections_max_.load(std::memory_order_relaxed);
    return most == 0 || in_use() < most;
  }
  [[nodiscard]] std::uint32_t acquire() noexcept {
    return load_.acquire(connections_max_.load(std::memory_order_relaxed));
  }
  void release() noexcept { load_.release(); }
  [[nodiscard]] bool is_limited() const noexcept { return connections_max_.load(std::memory_order_relaxed) != 0; }
  [[nodiscard]] std::uint32_t in_use() const noexcept { return load_.in_flight(); }
  // What policies choose by. Any thread.
  [[nodiscard]] balancer::Load& load() noexcept { return load_; }
  [[nodiscard]] const balancer::Load& load() const noexcept { return load_; }

  // Up, and yet not to be asked. Any thread. The calls are true if they have changed something; resume() does not if
  // it is suspended for another reason.
  [[nodiscard]] Suspension suspension() const noexcept { return suspension_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool suspend(Suspension why) noexcept { return change_suspension(Suspension::none, why); }
  [[nodiscard]] bool resume(Suspension why) noexcept { return change_suspension(why, Suspension::none); }
  // Whether a request may try it although it is stalled: one at a time, and at most one a second; one that could not be
  // repeated elsewhere only after kTrialOfUnrepeatable without another. 0: it may not. Else it is paid back by
  // end_trial(), once or more.
  [[nodiscard]] std::uint64_t take_trial(base::TimePoint now, bool repeatable) noexcept;
  void end_trial(std::uint64_t trial) noexcept { trial_.compare_exchange_strong(trial, 0, std::memory_order_relaxed); }
  // Exchanges that have waited long for its answer.
  [[nodiscard]] std::uint32_t owed() const noexcept { return owed_.load(std::memory_order_relaxed); }
  // How often it was suspended so.
  [[nodiscard]] std::uint64_t stalls() const noexcept { return stalls_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t ejections() const noexcept { return ejections_.load(std::memory_order_relaxed); }
  void note_owed() noexcept { owed_.fetch_add(1, std::memory_order_relaxed); }
  void forget_owed() noexcept { owed_.fetch_sub(1, std::memory_order_relaxed); }

  // What the configuration says of it now. The thread of the checks; its counts are for any thread.
  void configure(std::uint32_t connections_max, const Thresholds& thresholds, base::Duration slow_start = {}) noexcept {
    connections_max_.store(connections_max, std::memory_order_relaxed);
    slow_start_.store(slow_start.count(), std::memory_order_relaxed);
    failures_max_.store(thresholds.failures, std::memory_order_relaxed);
    thresholds_ = thresholds;
  }
  [[nodiscard]] const Thresholds& thresholds() const noexcept { return thresholds_; }
  // It comes, or comes back: its share grows from little to all of it, if that was configured. Any thread.
  void start_slowly(base::TimePoint now) noexcept {
    const base::Duration length(slow_start_.load(std::memory_order_relaxed));
    if (length.count() != 0) load_.start_slowly(now, length);
  }
  [[nodiscard]] std::uint32_t failures_max() const noexcept { return failures_max_.load(std::memory_order_relaxed); }

  // Whether a fresh lookup of its name is worth asking for now: at most once a second. Any thread.
  [[nodiscard]] bool take_lookup_turn(base::TimePoint now) noexcept {
    const std::int64_t second = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    return lookup_second_.load(std::memory_order_relaxed) != second &&
           lookup_second_.exchange(second, std::memory_order_relaxed) != second;
  }

  // What the operator wants. Any thread.
  [[nodiscard]] Administration administration() const noexcept {
    return administration_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool is_active() const noexcept { return administration() == Administration::active; }
  [[nodiscard]] bool is_disabled() const noexcept { return administration() == Administration::disabled; }
  void administer(Administration wanted) noexcept {
    administration_.store(wanted, std::memory_order_relaxed);
    availability_->note_change();
  }
  [[nodiscard]] const AvailabilityPtr& availability() const noexcept { return availability_; }

  // The operator's last order: an enabled endpoint may be checked before it is active. The thread of the operator.
  struct Order {
    std::uint64_t number = 0;
    Administration wanted = Administration::active;
    base::WallTime at{};
  };
  [[nodiscard]] const Order& last_order() const noexcept { return order_; }
  std::uint64_t note_order(Administration wanted, base::WallTime at) noexcept {
    order_ = {order_.number + 1, wanted, at};
    return order_.number;
  }

  // How the health came to be what it is. Any thread; a lock, for seldom use.
  [[nodiscard]] HealthChange last_change() const;
  void note_change(HealthState state, base::WallTime at, std::string reason);
  [[nodiscard]] Remark remark() const;
  void note_suspended_for(base::WallTime at, std::string reason);
  void note_reduced_for(base::WallTime at, std::string reason);
  // The last few checks, oldest first. The thread of the checks.
  [[nodiscard]] const std::vector<CheckRecord>& checks() const noexcept { return checks_; }
  void note_check(CheckRecord check);

  // What `worker`, from 0, counts; only that one writes.
  [[nodiscard]] telemetry::BackendCounters& counters(std::size_t worker) noexcept { return counters_[worker]; }
  [[nodiscard]] const telemetry::BackendCounters& counters(std::size_t worker) const noexcept {
    return counters_[worker];
  }
  [[nodiscard]] std::size_t workers() const noexcept { return workers_; }

  // It has left the configuration: exchanges under way end, and their connections are not kept.
  [[nodiscard]] bool is_removed() const noexcept { return removed_.load(std::memory_order_relaxed); }
  void remove() noexcept { removed_.store(true, std::memory_order_relaxed); }

 private:
  [[nodiscard]] Change mark(HealthState state) noexcept;
  bool change_suspension(Suspension from, Suspension to) noexcept;

  std::string url_;
  std::string host_;
  std::string host_line_;
  std::uint16_t port_;
  std::uint32_t slot_;
  AvailabilityPtr availability_;
  Thresholds thresholds_;
  std::uint32_t checks_in_row_ = 0;  // with the result below
  HealthState state_after_check_ = HealthState::unknown;
  std::atomic<bool> check_passed_{false};
  std::vector<CheckRecord> checks_;
  Order order_;
  mutable std::mutex change_mutex_;
  HealthChange change_;
  Remark suspended_for_;
  Remark reduced_for_;
  std::size_t workers_;
  std::unique_ptr<telemetry::BackendCounters[]> counters_;
  ServiceRecord service_;
  alignas(64) std::atomic<HealthState> state_{HealthState::unknown};
  std::atomic<std::uint32_t> failures_{0};
  std::atomic<bool> succeeded_{false};
  std::atomic<bool> row_goes_on_{false};  // from a failure to the next success, even if the failure was taken back
  std::atomic<bool> removed_{false};
  std::atomic<Administration> administration_{Administration::active};
  std::atomic<Suspension> suspension_{Suspension::none};
  std::atomic<std::uint64_t> trial_{0};   // that is under way
  std::atomic<std::uint64_t> trials_{0};  // so far
  std::atomic<std::uint32_t> connections_max_;
  std::atomic<std::uint32_t> failures_max_{thresholds_.failures};
  std::atomic<std::uint32_t> owed_{0};
  std::atomic<std::uint64_t> stalls_{0};
  std::atomic<std::uint64_t> ejections_{0};
  std::atomic<std::int64_t> lookup_second_{0};
  std::atomic<std::int64_t> tried_at_{0};
  std::atomic<std::int64_t> slow_start_{0};  // ms
  balancer::Load load_;
};

}  // namespace lb::upstream
