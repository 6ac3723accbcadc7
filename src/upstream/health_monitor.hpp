// Active health checks: the sibling coroutine that reinstates backends. It runs on a worker of its own, beside the
// signal handling, so that a slow lookup or a burst of traffic disturbs neither.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/random.hpp"
#include "net/pause.hpp"
#include "net/task_group.hpp"
#include "upstream/checker.hpp"
#include "upstream/cluster.hpp"

namespace lb::upstream {

struct HealthSettings {
  base::Duration interval{};
  base::Duration down_interval{};  // for those that are down; 0: the same
  base::Duration timeout{};
  unsigned jitter_percent = 0;  // of an interval, earlier or later
};

// One thread: that of the executor.
class HealthMonitor {
 public:
  // All of these outlive the monitor, and the tasks that it has spawned.
  HealthMonitor(net::Executor executor, net::DeadlineWheel& wheel, net::TaskGroup& tasks, Cluster& cluster,
                Checker& checker, const HealthSettings& settings, std::uint64_t seed);

  // Checks the endpoints, all at once, so that their next check is an interval away. Returns when all have answered, at
  // the latest at the deadline.
  [[nodiscard]] net::Awaitable<void> check_now(std::vector<std::shared_ptr<Endpoint>> endpoints,
                                               base::Duration timeout);

  // Watches exactly these from now on, by these settings. The next check of one that was watched stays due when it was,
  // if not later than the new interval says; that of a new one is due after an interval.
  void watch(const Members& members, const HealthSettings& settings);

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
    base::TimePoint due;
    bool checking = false;
  };

  net::Awaitable<void> check_for(std::shared_ptr<Endpoint> endpoint, base::Deadline deadline, std::size_t& left,
                                 net::Pause& done);
  net::Awaitable<void> check_watched(std::shared_ptr<Watched> watched, base::TimePoint began, double factor);
  net::Awaitable<void> check_one(const std::shared_ptr<Endpoint>& endpoint, base::Deadline deadline);
  void start_due_checks();
  [[nodiscard]] base::Deadline next_due() const noexcept;
  [[nodiscard]] base::Duration interval_of(const Endpoint& endpoint) const noexcept;

  net::Executor executor_;
  net::DeadlineWheel& wheel_;
  net::TaskGroup& tasks_;
  Cluster& cluster_;
  Checker& checker_;
  HealthSettings settings_;
  base::Random random_;
  std::vector<std::shared_ptr<Watched>> watched_;
  net::Pause pause_;
  bool stopped_ = false;
};

}  // namespace lb::upstream
