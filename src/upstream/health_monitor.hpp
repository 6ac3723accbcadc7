// Active health checks: the sibling coroutine that reinstates backends. It runs on a worker of its own, beside the
// signal handling, so that a slow lookup or a burst of traffic disturbs neither.
#pragma once

#include <functional>
#include <vector>

#include "net/connector.hpp"
#include "net/pause.hpp"
#include "net/worker.hpp"
#include "upstream/cluster.hpp"
#include "upstream/resolver.hpp"

namespace lb::upstream {

struct HealthSettings {
  base::Duration interval{};
  base::Duration timeout{};
};

class HealthMonitor {
 public:
  // Called on the monitor's thread when the addresses of a backend were looked up and are not what they were.
  using OnAddresses = std::function<void(std::size_t index, const net::Addresses& addresses)>;

  // The worker, the resolver and the cluster outlive the monitor.
  HealthMonitor(net::Worker& worker, Resolver& resolver, Cluster& cluster, HealthSettings settings,
                OnAddresses on_addresses);

  // Looks up and connects to every backend, all at once: one that answers is up, one that does not is down. Returns
  // when all have, at the latest at the deadline. An address that is refused because of our own lack of descriptors
  // says nothing about its backend.
  [[nodiscard]] net::Awaitable<void> check_all(base::Duration timeout);

  // Waits for the interval and checks all, until stop(). A task of the worker.
  [[nodiscard]] net::Awaitable<void> run();

  // Looks the backend's name up again, soon: connecting to it has failed. At most once a second for each backend;
  // nothing happens for those that are given by address. Monitor's thread.
  void refresh(std::size_t index);

  // Ends run(). Monitor's thread.
  void stop();

 private:
  struct Watched {
    net::Addresses addresses;
    base::TimePoint refreshed{};  // when refresh() last did something
    bool looking_up = false;
  };

  net::Awaitable<void> check(std::size_t index, base::Deadline deadline, std::size_t& left, net::Event& done);
  net::Awaitable<void> look_up(std::size_t index, base::Deadline deadline);
  net::Awaitable<void> refresh_one(std::size_t index);

  net::Worker& worker_;
  Resolver& resolver_;
  Cluster& cluster_;
  HealthSettings settings_;
  OnAddresses on_addresses_;
  std::vector<Watched> watched_;
  net::Pause pause_;
  bool stopped_ = false;
};

}  // namespace lb::upstream
