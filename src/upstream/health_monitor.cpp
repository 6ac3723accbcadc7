#include "upstream/health_monitor.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"

namespace lb::upstream {

HealthMonitor::HealthMonitor(net::Worker& worker, Resolver& resolver, Cluster& cluster, HealthSettings settings,
                             OnAddresses on_addresses)
    : worker_(worker),
      resolver_(resolver),
      cluster_(cluster),
      settings_(settings),
      on_addresses_(std::move(on_addresses)),
      watched_(cluster.size()),
      pause_(worker.executor(), worker.wheel()) {}

net::Awaitable<void> HealthMonitor::run() {
  while (!stopped_) {
    co_await pause_.until(worker_.wheel().after(settings_.interval));
    if (!stopped_) co_await check_all(settings_.timeout);
  }
}

void HealthMonitor::stop() {
  stopped_ = true;
  pause_.wake();
}

net::Awaitable<void> HealthMonitor::check_all(base::Duration timeout) {
  const base::Deadline deadline = worker_.wheel().after(timeout);
  // The checks refer to this frame, which waits for the last of them.
  std::size_t left = cluster_.size();
  net::Event done(worker_.executor());
  for (std::size_t index = 0; index < cluster_.size(); ++index) {
    worker_.tasks().spawn(check(index, deadline, left, done));
  }
  co_await done.wait();
}

net::Awaitable<void> HealthMonitor::check(std::size_t index, base::Deadline deadline, std::size_t& left,
                                          net::Event& done) {
  co_await look_up(index, deadline);
  const auto connected =
      co_await net::connect_tcp(worker_.executor(), worker_.wheel(), watched_[index].addresses, deadline);
  if (!connected && connected.error().kind == base::ErrorKind::no_resources) {
    base::log(base::LogLevel::warning, "cannot check " + cluster_.spec(index).url + ": out of descriptors");
  } else if (!stopped_) {
    cluster_.record_check(cluster_.endpoint(index), connected.has_value());
  }
  if (--left == 0) done.set();
}

net::Awaitable<void> HealthMonitor::look_up(std::size_t index, base::Deadline deadline) {
  const BackendSpec& spec = cluster_.spec(index);
  net::Addresses found =
      co_await resolver_.resolve(worker_.executor(), worker_.wheel(), spec.host, spec.port, deadline);
  // A lookup that fails leaves the addresses that worked: name servers fail more often than backends move.
  if (found.empty() || found == watched_[index].addresses) co_return;
  watched_[index].addresses = std::move(found);
  on_addresses_(index, watched_[index].addresses);
}

void HealthMonitor::refresh(std::size_t index) {
  constexpr base::Duration kRefreshEvery{1000};
  Watched& watched = watched_[index];
  const base::TimePoint now = worker_.wheel().now();
  if (stopped_ || watched.looking_up || now - watched.refreshed < kRefreshEvery) return;
  watched.refreshed = now;
  watched.looking_up = true;
  worker_.tasks().spawn(refresh_one(index));
}

net::Awaitable<void> HealthMonitor::refresh_one(std::size_t index) {
  co_await look_up(index, worker_.wheel().after(base::kResolveTime));
  watched_[index].looking_up = false;
}

}  // namespace lb::upstream
