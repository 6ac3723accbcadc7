#include "upstream/health_monitor.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"

namespace lb::upstream {
namespace {

base::Duration scaled(base::Duration interval, double factor) noexcept {
  return base::Duration(static_cast<base::Duration::rep>(static_cast<double>(interval.count()) * factor));
}

}  // namespace

HealthMonitor::HealthMonitor(net::Executor executor, net::DeadlineWheel& wheel, net::TaskGroup& tasks,
                             HealthRecorder& recorder, Checker& checker, std::uint64_t seed)
    : executor_(executor),
      wheel_(wheel),
      tasks_(tasks),
      recorder_(recorder),
      checker_(checker),
      random_(seed),
      pause_(std::move(executor), wheel) {}

net::Awaitable<void> HealthMonitor::check_now(std::vector<std::shared_ptr<Endpoint>> endpoints,
                                              base::Duration timeout) {
  const base::Deadline deadline = wheel_.after(timeout);
  for (const auto& watched : watched_) {
    const bool among = std::ranges::find(endpoints, watched->endpoint) != endpoints.end();
    if (!among) continue;
    watched->due = std::max(watched->due, wheel_.now() + interval_of(*watched->endpoint, *watched->settings));
  }
  // The checks refer to this frame, which waits for the last of them.
  std::size_t left = endpoints.size();
  net::Pause done(executor_, wheel_);
  for (const auto& endpoint : endpoints) tasks_.spawn(check_for(endpoint, deadline, left, done));
  while (left > 0) co_await done.until(base::kNever);
}

net::Awaitable<void> HealthMonitor::check_for(std::shared_ptr<Endpoint> endpoint, base::Deadline deadline,
                                              std::size_t& left, net::Pause& done) {
  const Watched* const watched = find(*endpoint);
  HealthSettingsPtr settings;
  if (watched != nullptr) settings = watched->settings;
  co_await check_one(endpoint, settings, deadline);
  if (--left == 0) done.wake();
}

void HealthMonitor::watch(const std::vector<Watch>& all) {
  std::unordered_map<const Endpoint*, std::shared_ptr<Watched>> known;
  for (const auto& one : watched_) known.emplace(one->endpoint.get(), one);
  std::vector<std::shared_ptr<Watched>> watched;
  for (const auto& [endpoint, settings] : all) {
    const auto found = known.find(endpoint.get());
    const base::TimePoint latest = wheel_.now() + interval_of(*endpoint, *settings);
    if (found == known.end()) {
      watched.push_back(std::make_shared<Watched>(Watched{endpoint, settings, latest}));
    } else {
      found->second->settings = settings;
      found->second->due = std::min(found->second->due, latest);
      watched.push_back(found->second);
    }
  }
  watched_ = std::move(watched);
  pause_.wake();
}

net::Awaitable<void> HealthMonitor::run() {
  while (!stopped_) {
    co_await pause_.until(next_due());
    if (!stopped_) start_due_checks();
  }
}

void HealthMonitor::stop() {
  stopped_ = true;
  pause_.wake();
}

void HealthMonitor::reconsider() {
  for (const auto& watched : watched_) {
    if (watched->endpoint->is_up()) continue;
    watched->due = std::min(watched->due, wheel_.now() + interval_of(*watched->endpoint, *watched->settings));
  }
  pause_.wake();
}

// Those that are due together stay together: one draw for all of them.
void HealthMonitor::start_due_checks() {
  const base::TimePoint now = wheel_.now();
  // The checks of several balancers must not fall into step.
  const double draw = 2.0 * random_.share() - 1.0;
  for (const auto& watched : watched_) {
    if (watched->checking || watched->due > now || watched->endpoint->is_disabled()) continue;
    watched->checking = true;
    tasks_.spawn(check_watched(watched, now, draw));
  }
}

net::Awaitable<void> HealthMonitor::check_watched(std::shared_ptr<Watched> watched, base::TimePoint began,
                                                  double draw) {
  co_await check_one(watched->endpoint, watched->settings, began + watched->settings->timeout);
  // An interval runs from beginning to beginning. One shorter than the check took begins anew.
  const base::TimePoint now = wheel_.now();
  const double factor = 1.0 + draw * watched->settings->jitter_percent / 100.0;
  watched->due = began + scaled(interval_of(*watched->endpoint, *watched->settings), factor);
  if (watched->due <= now) watched->due = now + base::kWheelTick;
  watched->checking = false;
  pause_.wake();
}

net::Awaitable<void> HealthMonitor::check_one(const std::shared_ptr<Endpoint>& endpoint, HealthSettingsPtr settings,
                                              base::Deadline deadline) {
  const base::TimePoint began = wheel_.now();
  const HttpCheck* const http = settings != nullptr ? settings->http.get() : nullptr;
  const CheckResult result = co_await checker_.check(endpoint, http, deadline);
  if (stopped_ || endpoint->is_removed() || endpoint->is_disabled()) co_return;
  for (const CheckResult::Part& part : result.parts) {
    recorder_.record_check(*endpoint, *part.address, part.passed, part.reason);
  }
  if (result.verdict == CheckResult::Verdict::unknown) {
    base::log(base::LogLevel::warning, "cannot check " + endpoint->url() + ": " + result.reason);
  } else {
    recorder_.record_check(*endpoint, result.verdict == CheckResult::Verdict::passed, result.reason,
                           std::chrono::duration_cast<base::Duration>(wheel_.now() - began));
  }
}

base::Deadline HealthMonitor::next_check(const Endpoint& endpoint) const noexcept {
  const Watched* const found = find(endpoint);
  return found == nullptr || endpoint.is_disabled() ? base::kNever : base::Deadline(found->due);
}

const HealthMonitor::Watched* HealthMonitor::find(const Endpoint& endpoint) const noexcept {
  const auto found = std::ranges::find_if(watched_, [&](const auto& one) { return one->endpoint.get() == &endpoint; });
  return found == watched_.end() ? nullptr : found->get();
}

base::Deadline HealthMonitor::next_due() const noexcept {
  base::Deadline next = base::kNever;
  for (const auto& watched : watched_) {
    if (!watched->checking && !watched->endpoint->is_disabled()) next = std::min(next, base::Deadline(watched->due));
  }
  return next;
}

base::Duration HealthMonitor::interval_of(const Endpoint& endpoint, const HealthSettings& settings) noexcept {
  const bool quick = !endpoint.is_up() && settings.down_interval.count() > 0;
  return quick ? settings.down_interval : settings.interval;
}

}  // namespace lb::upstream
