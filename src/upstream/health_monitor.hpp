// Active health checks: the sibling coroutine that reinstates backends. It runs on the control
// thread, so that a burst of traffic does not disturb it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/random.hpp"
#include "net/pause.hpp"
#include "net/task_group.hpp"
#include "upstream/checker.hpp"
#include "upstream/health_recorder.hpp"

namespace lb::upstream {

struct HealthSettings {
  base::Duration interval{};
  base::Duration down_interval{};  // for those that are down; 0: the same
  base::Duration timeout{};
  unsigned jitter_percent = 0;              // of an interval, earlier or later
  std::shared_ptr<const HttpCheck> http{};  // null: checks by TCP alone
};
using HealthSettingsPtr = std::shared_ptr<const HealthSettings>;

// One thread: that of the executor.
class HealthMonitor {
 public:
  // All of these outlive the monitor, and the tasks that it has spawned.
  HealthMonitor(net::Executor executor, net::DeadlineWheel& wheel, net::TaskGroup& tasks, HealthRecorder& recorder,
                Checker& checker, std::uint64_t seed);

  // Checks the endpoints, all at once, so that their next check is an interval away. Returns when all have answered, at
  // the latest at the deadline. By the settings by which they are watched; those that are not, by TCP.
  [[nodiscard]] net::Awaitable<void> check_now(std::vector<std::shared_ptr<Endpoint>> endpoints,
                                               base::Duration timeout);

  struct Watch {
    std::shared_ptr<Endpoint> endpoint;
    HealthSettingsPtr settings;
  };
  // Watches exactly these from now on. The next check of one that was watched stays due when it was, if not later than
  // the new interval says; that of a new one is due after an interval.
  void watch(const std::vector<Watch>& all);

  // Checks each when it is due, until stop(). A task of the group.
  [[nodiscard]] net::Awaitable<void> run();

  // When the endpoint is checked next; kNever: it is not watched, or disabled. In the past: it is being checked.
  [[nodiscard]] base::Deadline next_check(const Endpoint& endpoint) const noexcept;

  // Endpoints may have been marked down by exchanges, so that their checks may be due sooner, or be enabled again.
  void reconsider();

  // Ends run(); results of checks under way are no longer recorded.
  void stop();

 private:
  struct Watched {
    std::shared_ptr<Endpoint> endpoint;
    HealthSettingsPtr settings;
    base::TimePoint due;
    bool checking = false;
  };

  net::Awaitable<void> check_for(std::shared_ptr<Endpoint> endpoint, base::Deadline deadline, std::size_t& left,
                                 net::Pause& done);
  net::Awaitable<void> check_watched(std::shared_ptr<Watched> watched, base::TimePoint began, double draw);
  net::Awaitable<void> check_one(const std::shared_ptr<Endpoint>& endpoint, HealthSettingsPtr settings,
                                 base::Deadline deadline);
  [[nodiscard]] const Watched* find(const Endpoint& endpoint) const noexcept;
  void start_due_checks();
  [[nodiscard]] base::Deadline next_due() const noexcept;
  [[nodiscard]] static base::Duration interval_of(const Endpoint& endpoint, const HealthSettings& settings) noexcept;

  net::Executor executor_;
  net::DeadlineWheel& wheel_;
  net::TaskGroup& tasks_;
  HealthRecorder& recorder_;
  Checker& checker_;
  base::Random random_;
  std::vector<std::shared_ptr<Watched>> watched_;
  net::Pause pause_;
  bool stopped_ = false;
};

}  // namespace lb::upstream
