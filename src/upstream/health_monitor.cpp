#include "upstream/health_monitor.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"

namespace lb::upstream {
namespace {

base::Duration scaled(base::Duration interval, double factor) noexcept {
  return base::Duration(static_cast<base::Duration::rep>(static_cast<double>(interval.count()) * factor));
}

}  // namespace

HealthMonitor::HealthMonitor(net::Executor executor, net::DeadlineWheel& wheel, net::TaskGroup& tasks, Cluster& cluster,
                             Checker& checker, const HealthSettings& settings, std::uint64_t seed)
    : executor_(executor),
      wheel_(wheel),
      tasks_(tasks),
      cluster_(cluster),
      checker_(checker),
      settings_(settings),
      random_(seed),
      pause_(std::move(executor), wheel) {}

net::Awaitable<void> HealthMonitor::check_now(std::vector<std::shared_ptr<Endpoint>> endpoints,
                                              base::Duration timeout) {
  const base::Deadline deadline = wheel_.after(timeout);
  for (const auto& watched : watched_) {
    const bool among = std::ranges::find(endpoints, watched->endpoint) != endpoints.end();
    if (among) watched->due = std::max(watched->due, wheel_.now() + interval_of(*watched->endpoint));
  }
  // The checks refer to this frame, which waits for the last of them.
  std::size_t left = endpoints.size();
  net::Pause done(executor_, wheel_);
  for (const auto& endpoint : endpoints) tasks_.spawn(check_for(endpoint, deadline, left, done));
  while (left > 0) co_await done.until(base::kNever);
}

net::Awaitable<void> HealthMonitor::check_for(std::shared_ptr<Endpoint> endpoint, base::Deadline deadline,
                                              std::size_t& left, net::Pause& done) {
  co_await check_one(endpoint, deadline);
  if (--left == 0) done.wake();
}

void HealthMonitor::watch(const Members& members, const HealthSettings& settings) {
  settings_ = settings;
  std::vector<std::shared_ptr<Watched>> watched;
  for (const auto& endpoint : members.endpoints()) {
    const auto known = std::ranges::find_if(watched_, [&](const auto& one) { return one->endpoint == endpoint; });
    const base::TimePoint latest = wheel_.now() + interval_of(*endpoint);
    if (known == watched_.end()) {
      watched.push_back(std::make_shared<Watched>(Watched{endpoint, latest}));
    } else {
      (*known)->due = std::min((*known)->due, latest);
      watched.push_back(*known);
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
    watched->due = std::min(watched->due, wheel_.now() + interval_of(*watched->endpoint));
  }
  pause_.wake();
}

// Those that are due together stay together: one draw for all of them.
void HealthMonitor::start_due_checks() {
  const base::TimePoint now = wheel_.now();
  // The checks of several balancers must not fall into step.
  const double factor = 1.0 + (2.0 * random_.share() - 1.0) * settings_.jitter_percent / 100.0;
  for (const auto& watched : watched_) {
    if (watched->checking || watched->due > now || watched->endpoint->is_disabled()) continue;
    watched->checking = true;
    tasks_.spawn(check_watched(watched, now, factor));
  }
}

net::Awaitable<void> HealthMonitor::check_watched(std::shared_ptr<Watched> watched, base::TimePoint began,
                                                  double factor) {
  co_await check_one(watched->endpoint, began + settings_.timeout);
  // An interval runs from beginning to beginning. One shorter than the check took begins anew.
  const base::TimePoint now = wheel_.now();
  watched->due = began + scaled(interval_of(*watched->endpoint), factor);
  if (watched->due <= now) watched->due = now + base::kWheelTick;
  watched->checking = false;
  pause_.wake();
}

net::Awaitable<void> HealthMonitor::check_one(const std::shared_ptr<Endpoint>& endpoint, base::Deadline deadline) {
  const base::TimePoint began = wheel_.now();
  const CheckResult result = co_await checker_.check(endpoint, deadline);
  if (stopped_ || endpoint->is_removed() || endpoint->is_disabled()) co_return;
  for (const CheckResult::Part& part : result.parts) {
    cluster_.record_check(*endpoint, *part.address, part.passed, part.reason);
  }
  if (result.verdict == CheckResult::Verdict::unknown) {
    base::log(base::LogLevel::warning, "cannot check " + endpoint->url() + ": " + result.reason);
  } else {
    cluster_.record_check(*endpoint, result.verdict == CheckResult::Verdict::passed, result.reason,
                          std::chrono::duration_cast<base::Duration>(wheel_.now() - began));
  }
}

base::Deadline HealthMonitor::next_check(const Endpoint& endpoint) const noexcept {
  const auto found = std::ranges::find_if(watched_, [&](const auto& one) { return one->endpoint.get() == &endpoint; });
  return found == watched_.end() || endpoint.is_disabled() ? base::kNever : base::Deadline((*found)->due);
}

base::Deadline HealthMonitor::next_due() const noexcept {
  base::Deadline next = base::kNever;
  for (const auto& watched : watched_) {
    if (!watched->checking && !watched->endpoint->is_disabled()) next = std::min(next, base::Deadline(watched->due));
  }
  return next;
}

base::Duration HealthMonitor::interval_of(const Endpoint& endpoint) const noexcept {
  const bool quick = !endpoint.is_up() && settings_.down_interval.count() > 0;
  return quick ? settings_.down_interval : settings_.interval;
}

}  // namespace lb::upstream
