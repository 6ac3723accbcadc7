#include "upstream/health_recorder.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "net/address_text.hpp"

namespace lb::upstream {
namespace {

using base::LogLevel;

void log_up(const Endpoint& endpoint) {
  base::log(LogLevel::info, endpoint.url() + " [up]");
}

// Two lines: the reason, and the change in the words that users look for.
void log_down(const Endpoint& endpoint, std::string_view what_failed, std::string_view reason,
              const std::string& verdict) {
  std::string line(what_failed);
  base::log(LogLevel::warning, line.append(endpoint.url()).append(" failed: ").append(reason));
  base::log(LogLevel::warning, endpoint.url() + " [down] (" + verdict + ")");
}

// An address that is out. One that was never well is only information: localhost, say, has ::1, too.
void log_out(const Endpoint& endpoint, const Address& address, std::string_view reason, bool was_well) {
  base::log(was_well ? LogLevel::warning : LogLevel::info,
            net::to_text(address.where) + ", an address of " + endpoint.url() +
                ", gets no requests while others can: " + std::string(reason));
}

void log_back(const Endpoint& endpoint, const Address& address) {
  base::log(LogLevel::info,
            net::to_text(address.where) + ", an address of " + endpoint.url() + ", gets requests again");
}

}  // namespace

void HealthRecorder::take_back_failure(Endpoint& endpoint) {
  if (endpoint.take_back_failure(endpoint.failures_max()) != Change::came_up) return;
  endpoint.note_change(HealthState::up, clock_.wall_now(), "the request that failed at it was the cause");
  log_up(endpoint);
}

void HealthRecorder::record_stall(Endpoint& endpoint, base::Duration waited) {
  if (!endpoint.suspend(Suspension::stalled)) return;
  const std::string reason = "it owes every answer for " + std::to_string(waited.count()) + " ms, while others answer";
  endpoint.note_suspended_for(clock_.wall_now(), reason);
  base::log(LogLevel::warning, endpoint.url() + " [stalled] (" + reason + ")");
}

void HealthRecorder::record_answer_after_stall(Endpoint& endpoint) {
  if (!endpoint.resume(Suspension::stalled)) return;
  endpoint.start_slowly(clock_.now());
  endpoint.note_suspended_for(clock_.wall_now(), {});
  base::log(LogLevel::info, endpoint.url() + " answers again");
}

void HealthRecorder::record_ejection(Endpoint& endpoint, base::Duration length, std::string_view reason) {
  if (!endpoint.suspend(Suspension::ejected)) return;
  endpoint.note_suspended_for(clock_.wall_now(), std::string(reason));
  base::log(LogLevel::warning, endpoint.url() + " [ejected] for " + std::to_string(length.count() / 1000) + " s (" +
                                   std::string(reason) + ")");
}

void HealthRecorder::record_end_of_ejection(Endpoint& endpoint) {
  if (!endpoint.resume(Suspension::ejected)) return;
  endpoint.start_slowly(clock_.now());
  endpoint.note_suspended_for(clock_.wall_now(), {});
  base::log(LogLevel::info, endpoint.url() + " gets requests again after its ejection");
}

void HealthRecorder::record_reduction(Endpoint& endpoint, double share, std::string_view reason) {
  const std::string percent = std::to_string(static_cast<int>(share * 100 + 0.5)) + " % of its share";
  endpoint.note_reduced_for(clock_.wall_now(), share < 1 ? std::string(reason) : std::string());
  if (reason.empty()) {
    base::log(LogLevel::info, endpoint.url() + " gets " + percent + " again");
  } else {
    base::log(LogLevel::warning, endpoint.url() + " [reduced] to " + percent + " (" + std::string(reason) + ")");
  }
}

void HealthRecorder::record_failure(Endpoint& endpoint, std::string_view reason, RequestKind kind) {
  const std::uint32_t failures_max = endpoint.failures_max();
  if (endpoint.record_failure(failures_max, kind) == Change::went_down) went_down(endpoint, failures_max, reason);
}

void HealthRecorder::went_down(Endpoint& endpoint, std::uint32_t failures, std::string_view reason) {
  const std::string verdict = std::to_string(failures) + " retries failed";
  endpoint.note_change(HealthState::down, clock_.wall_now(), verdict + ": " + std::string(reason));
  log_down(endpoint, "request to ", reason, verdict);
  if (endpoint.passed_last_check() && !endpoint.has_succeeded()) {
    base::log(LogLevel::warning, endpoint.url() + " passed its last health check, but requests to it fail");
  }
  if (on_down_) on_down_();
}

void HealthRecorder::inherit_down(Endpoint& endpoint, const std::string& reason) {
  if (endpoint.inherit_down() != Change::went_down) return;
  endpoint.note_change(HealthState::down, clock_.wall_now(), reason);
  base::log(LogLevel::warning, endpoint.url() + " [down] (" + reason.substr(0, reason.find(':')) + ")");
  if (on_down_) on_down_();
}

void HealthRecorder::record_recovery(Endpoint& endpoint) {
  if (endpoint.record_recovery() != Change::came_up) return;
  endpoint.note_change(HealthState::up, clock_.wall_now(), "a request to it succeeded");
  endpoint.start_slowly(clock_.now());
  log_up(endpoint);
}

void HealthRecorder::record_success(Endpoint& endpoint, Address& address) {
  endpoint.record_success();
  // Looked at before they are written, as those of the endpoint are.
  if (address.failures.load(std::memory_order_relaxed) != 0) address.failures.store(0, std::memory_order_relaxed);
  if (!address.out.load(std::memory_order_relaxed)) return;
  if (address.out.exchange(false, std::memory_order_relaxed)) log_back(endpoint, address);
}

void HealthRecorder::record_failure(const Endpoint& endpoint, Address& address, std::string_view reason) {
  const std::uint32_t failures_max = endpoint.failures_max();
  if (address.failures.fetch_add(1, std::memory_order_relaxed) + 1 < failures_max) return;
  if (address.out.exchange(true, std::memory_order_relaxed)) return;
  log_out(endpoint, address, std::to_string(failures_max) + " in a row failed: " + std::string(reason), true);
}

void HealthRecorder::take_back_failure(Endpoint& endpoint, Address& address) {
  // A success meanwhile has set the count back already.
  std::uint32_t failures = address.failures.load(std::memory_order_relaxed);
  while (failures != 0 && !address.failures.compare_exchange_weak(failures, failures - 1, std::memory_order_relaxed)) {
  }
  if (failures != endpoint.failures_max()) return;
  if (address.out.exchange(false, std::memory_order_relaxed)) log_back(endpoint, address);
  record_recovery(endpoint);
}

void HealthRecorder::record_failure(Endpoint& endpoint, Address& address, const AddressSet& all,
                                    std::string_view reason, RequestKind kind) {
  endpoint.note_failure(kind);
  record_failure(std::as_const(endpoint), address, reason);
  const auto is_out = [](const AddressPtr& one) { return one->out.load(std::memory_order_relaxed); };
  if (all.list.empty() || !std::ranges::all_of(all.list, is_out)) return;
  if (endpoint.record_failure(0, kind) != Change::went_down) return;
  went_down(endpoint, endpoint.failures_max(), reason);
}

void HealthRecorder::record_check(const Endpoint& endpoint, Address& address, bool passed, std::string_view reason) {
  const bool first = !std::exchange(address.checked, true);
  const bool row_goes_on = !first && address.passed_last_check == passed;
  address.checks_in_row = row_goes_on ? address.checks_in_row + 1 : 1;
  address.passed_last_check = passed;
  if (!first && address.checks_in_row < (passed ? endpoint.thresholds().rise : endpoint.thresholds().fall)) return;
  if (passed) address.failures.store(0, std::memory_order_relaxed);
  if (address.out.exchange(!passed, std::memory_order_relaxed) == !passed) return;
  if (passed) {
    log_back(endpoint, address);
  } else {
    log_out(endpoint, address, "its check failed: " + std::string(reason), !first);
  }
}

void HealthRecorder::record_check(Endpoint& endpoint, bool passed, std::string_view reason, base::Duration took) {
  const base::WallTime now = clock_.wall_now();
  endpoint.note_check({now, passed, std::string(reason), took});
  // Not if it has failed since: then the check only tells what requests have told before.
  const bool last_request_succeeded = endpoint.take_succeeded() && endpoint.failures_in_row() == 0;
  const Change change = endpoint.record_check(passed, endpoint.thresholds());
  if (change == Change::came_up) {
    if (endpoint.last_change().state == HealthState::down) endpoint.start_slowly(clock_.now());
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
