#include "app/server.hpp"

#include <algorithm>
#include <csignal>
#include <random>
#include <sched.h>
#include <sys/resource.h>
#include <utility>

#include "app/format.hpp"
#include "app/notify.hpp"
#include "app/operator.hpp"
#include "app/settings.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"

namespace lb::app {
namespace {

using base::LogLevel;

// The processors this process may use, which in a container are fewer than the machine has.
std::size_t processor_count() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<std::size_t>(std::max(CPU_COUNT(&set), 1));
}

std::size_t worker_count(const config::Config& config) noexcept {
  return config.server.threads == 0 ? processor_count() : config.server.threads;
}

// How many descriptors this process may have open.
std::size_t descriptor_limit() noexcept {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<std::size_t>(limit.rlim_cur) : SIZE_MAX;
}

}  // namespace

Server::Server(config::Config config, Options options)
    : config_(std::move(config)),
      options_(std::move(options)),
      file_backends_(config_.backends),
      cluster_(make_backend_specs(config_), make_thresholds(config_.health), worker_count(config_)),
      control_(base::system_clock()),
      resolver_(control_.executor(), control_.wheel(), make_resolver_settings(config_)),
      cache_(
          control_.executor(), control_.wheel(), resolver_,
          [this](std::uint32_t slot, const upstream::AddressSetPtr& addresses) { publish_addresses(slot, addresses); }),
      checker_(control_.executor(), control_.wheel(), control_.blocks(), cache_),
      monitor_(control_.executor(), control_.wheel(), control_.tasks(), cluster_, checker_,
               make_health_settings(config_.health), std::random_device()()),
      predecessor_(control_.executor(), control_.wheel()),
      successor_(
          control_.executor(), control_.wheel(), control_.tasks(), [this] { return what_is_left(); },
          [this] { on_taken_over(); }),
      watch_(control_.executor(), control_.wheel(), control_.tasks(), options_.watched_file,
             [this] { request_reload("the file has changed"); }),
      signals_(control_.executor()),
      stop_wait_(control_.executor(), control_.wheel()),
      changes_(control_.executor()),
      operator_(std::make_unique<Operator>(*this)),
      admin_(control_, *operator_) {
  history_.started = base::system_clock().wall_now();
  admin_.set_token(config_.admin.token);
  limit_connections();
  checker_.set_http(make_http_check(config_.health));
  monitor_.watch(*cluster_.members(), make_health_settings(config_.health));
  cluster_.on_down([this] { control_.post([this] { monitor_.reconsider(); }); });
  make_units();
}

// With io_uring where the kernel lets us, all of them or none.
void Server::make_units() {
  std::vector<std::unique_ptr<net::Ring>> rings(worker_count(config_));
  std::string problem;
  for (auto& ring : rings) {
    ring = net::Ring::open(problem);
    if (!ring) break;
  }
  const bool by_ring = rings.back() != nullptr;
  // Each request costs more by epoll, and who wonders why finds it here.
  base::log(by_ring ? LogLevel::debug : LogLevel::info,
            by_ring ? "workers use io_uring" : "workers use epoll, for io_uring is not to be had: " + problem);
  std::random_device seed;
  const proxy::Settings settings = make_proxy_settings(config_);
  const WorkerUnit::Shared shared{cluster_, wait_queues_, admissions_, units_, pipes_max()};
  for (auto& ring : rings) {
    units_.push_back(std::make_unique<WorkerUnit>(by_ring ? std::move(ring) : nullptr, settings, shared, units_.size(),
                                                  (std::uint64_t{seed()} << 32U) | seed()));
    units_.back()->recorder().configure({.keep_recent = config_.admin.port != 0});
  }
}

Server::~Server() {
  // Without handlers the signals would kill a process that is about to end well.
  boost::system::error_code ignored;
  signals_.clear(ignored);
  for (const int signal : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1}) std::signal(signal, SIG_IGN);
}

// Of each worker: all of them together take a sixteenth of the descriptors at most.
std::size_t Server::pipes_max() const noexcept {
  return std::min(base::kPipesMax, descriptor_limit() / 32 / worker_count(config_));
}

// A client that is being answered needs a second descriptor, for its backend; most clients idle between their requests.
// So three quarters of what the system gives are for clients. Should more than a third of them be busy at once, the
// others' requests wait for a descriptor (Exchange::may_try_again).
void Server::limit_connections() {
  const std::size_t descriptors = descriptor_limit();
  const std::size_t for_admin = config_.admin.port != 0 ? 2 * base::kAdminConnectionsMax : 0;
  const std::size_t for_pipes = 2 * pipes_max() * worker_count(config_);
  const std::size_t reserved =
      base::kDescriptorsReserved + 4 * processor_count() + config_.backends.size() + for_admin + for_pipes;
  const std::size_t free = descriptors > reserved ? descriptors - reserved : 0;
  const std::size_t turned_away_max = std::min(base::kTurnedAwayMax, free / 8);
  const std::size_t most =
      std::clamp((free - turned_away_max) / 4 * 3, std::size_t{1}, config_.server.limits.connections);
  const bool changed = admissions_.connections_max() != most;
  admissions_.limit(most, turned_away_max);
  if (!changed) return;
  if (most < config_.server.limits.connections) {
    base::log(LogLevel::info, "at most " + std::to_string(most) +
                                  " client connections at once: this process may open " + std::to_string(descriptors) +
                                  " files (ulimit -n)");
  }
}

std::string Server::run() {
  await_signal();
  control_.tasks().spawn(supervise());
  control_.tasks().when_empty([this] {
    resolver_.stop();  // its lookups would keep the loop from ending
    control_.release();
  });
  control_.io().run();
  if (units_busy_ == 0) {
    for (const auto& unit : units_) unit->worker().join();
  }
  access_logs_.finish();
  return problem_;
}

// The life of the server, from the first check of the backends to the last client.
net::Awaitable<void> Server::supervise() {
  problem_ = access_logs_.configure(config_);
  if (problem_.empty()) {
    co_await monitor_.check_now(cluster_.members()->endpoints(), first_round_time());
    monitor_.reconsider();
  }
  const bool open = problem_.empty() && !stopping_ && co_await open_listeners();
  if (open) {
    for (const auto& unit : units_) unit->start();
    control_.tasks().spawn(begin_to_serve());
    while (!stopping_) co_await stop_wait_.until(base::kNever);
    notify_supervisor("STOPPING=1");
    // What ends now is nothing to take over any more, and whoever starts meanwhile may offer its own.
    successor_.stop();
    co_await shut_down();
    monitor_.stop();
    watch_.stop();
  }
  co_await close_admin();
  boost::system::error_code ignored;
  signals_.cancel(ignored);
  for (const auto& unit : units_) unit->worker().release();
  // Two turns of the loop, for this coroutine and the monitor's to end. Checks and lookups under way are not waited
  // for: they may take as long as their timeouts.
  control_.post([this] { control_.post([this] { abandon_checks(); }); });
}

base::Duration Server::first_round_time() const noexcept {
  return std::min(base::kFirstRoundTime, config_.health.timeout);
}

// The port is open: whoever waited for that is told.
net::Awaitable<void> Server::begin_to_serve() {
  control_.tasks().spawn(monitor_.run());
  notify_supervisor("READY=1");
  serving_ = true;
  start_reload();
  co_await predecessor_.release();
  if (stopping_) co_return;
  if (config_.admin.port != 0 && !admin_.listening()) control_.tasks().spawn(wait_for_admin_port());
  successor_.offer_listeners(config_.server.address, port_, listening_);
  if (!options_.watched_file.empty()) {
    const std::string problem = watch_.start(options_.watched_as);
    if (!problem.empty()) base::log(LogLevel::error, problem + "; -watch does nothing");
  }
}

void Server::abandon_checks() {
  if (control_.tasks().size() > 0) control_.io().stop();
}

// From a predecessor, if one is to be taken over from and there is one, or new. False: there is nothing to serve, with
// problem_ set if that is not because of a stop.
net::Awaitable<bool> Server::open_listeners() {
  const config::Server& wanted = config_.server;
  Predecessor::Taken taken;
  if (options_.take_over) {
    taken = co_await predecessor_.take_listeners(wanted.address, wanted.port);
    if (stopping_) co_return false;
    base::log(taken.problem.empty() ? LogLevel::info : LogLevel::warning,
              !taken.descriptors.empty() ? "taking over from the process that serves this port"
              : taken.problem.empty()    ? "there is no process to take over from"
                                         : "cannot take over from the process that serves this port: " + taken.problem);
  }
  if (!taken.left.empty()) co_await inherit(taken.left);
  // A predecessor may still hold the port of the admin interface: that one is opened later.
  if (taken.descriptors.empty() && config_.admin.port != 0) {
    problem_ = admin_.listen(config_.admin.address, config_.admin.port);
    if (!problem_.empty()) co_return false;
  }
  auto sockets = taken.descriptors.empty() ? net::ListenSockets::open(wanted.address, wanted.port, units_.size())
                                           : net::ListenSockets::adopt(taken.descriptors, units_.size());
  if (!sockets) {
    problem_ = sockets.error();
    co_return false;
  }
  try {
    listen_on(*sockets);
  } catch (const boost::system::system_error& refused) {
    problem_ = std::string("cannot listen: ") + refused.what();
  }
  co_return problem_.empty();
}

void Server::listen_on(net::ListenSockets& sockets) {
  port_ = sockets.local().port();
  history_.listening = printable(sockets.local());
  // A predecessor may have had more workers: whatever waits in the queues of its sockets is served as well.
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    listening_.push_back(sockets.release(i));
    units_[i % units_.size()]->listen(listening_.back());
  }
  for (const auto& unit : units_) {
    unit->on_connect_failed(base::Callback<void(std::uint32_t)>::to<&Server::note_connect_failed>(*this));
  }
  base::log(LogLevel::info, "load-balancer " LB_VERSION " listening on " + history_.listening + ", " +
                                counted(units_.size(), "worker") + ", " + counted(cluster_.size(), "backend"));
}

// Any worker's thread.
void Server::note_connect_failed(std::uint32_t slot) noexcept {
  control_.post([this, slot] { refresh_address(slot); });
}

// Control thread. Before the workers run, and while they do: each gets a copy of its own.
void Server::publish_addresses(std::uint32_t slot, const upstream::AddressSetPtr& addresses) {
  for (const auto& unit : units_) {
    unit->worker().post([&unit = *unit, slot, addresses] { unit.set_addresses(slot, addresses); });
  }
  // A backend that is down may have come back somewhere else.
  const auto endpoint = endpoint_in(slot);
  if (!serving_ || stopping_ || addresses->list.empty() || !endpoint || endpoint->is_up()) return;
  if (!endpoint->is_disabled()) control_.tasks().spawn(monitor_.check_now({endpoint}, config_.health.timeout));
}

void Server::refresh_address(std::uint32_t slot) {
  const auto endpoint = endpoint_in(slot);
  if (endpoint && !stopping_) cache_.refresh(endpoint);
}

std::shared_ptr<upstream::Endpoint> Server::endpoint_in(std::uint32_t slot) const {
  for (const auto& endpoint : cluster_.members()->endpoints()) {
    if (endpoint->slot() == slot) return endpoint;
  }
  return nullptr;
}

void Server::on_taken_over() {
  base::log(LogLevel::info, "another process has taken over the port");
  admin_.stop_listening();  // it wants that port, too
  begin_to_stop();
}

void Server::await_signal() {
  boost::system::error_code ignored;
  for (const int signal : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1}) signals_.add(signal, ignored);
  signals_.async_wait([this](const boost::system::error_code& code, int signal) {
    if (code) return;
    on_signal(signal);
    await_signal();
  });
}

void Server::on_signal(int signal) {
  if (signal == SIGHUP) return request_reload("SIGHUP");
  if (signal == SIGUSR1) return access_logs_.reopen();
  ++stop_signals_;
  begin_to_stop();
}

// A signal, or a successor. Another signal is for shut_down() to notice.
void Server::begin_to_stop() {
  stop_wait_.wake();
  predecessor_.stop();
  if (std::exchange(stopping_, true)) return;
  base::log(LogLevel::info, "stopping: requests in flight have " + std::to_string(config_.shutdown_grace.count()) +
                                " ms to end; a second signal ends them now");
}

// Stop accepting, let exchanges end, wait, force, wait.
net::Awaitable<void> Server::shut_down() {
  units_busy_ = units_.size();
  for (const auto& unit : units_) unit->worker().post([this, &unit = *unit] { drain_worker(unit); });

  const base::Deadline deadline = control_.wheel().after(config_.shutdown_grace);
  while (units_busy_ > 0 && stop_signals_ < 2 && control_.wheel().now() < deadline) co_await stop_wait_.until(deadline);
  if (units_busy_ > 0) {
    base::log(LogLevel::warning, "ending the connections that are left: " + std::to_string(admissions_.connections()));
    for (const auto& unit : units_) unit->worker().post([&sessions = unit->worker().sessions()] { sessions.abort(); });
  }
  // What was aborted unwinds at once; a coroutine that connects to a backend does when that times out.
  const base::Deadline last = control_.wheel().after(config_.server.timeouts.connect + base::kLingerTime);
  while (units_busy_ > 0 && control_.wheel().now() < last) co_await stop_wait_.until(last);
  base::log(LogLevel::info, "stopped");
}

// Worker's thread.
void Server::drain_worker(WorkerUnit& unit) {
  unit.drain();
  unit.worker().tasks().when_empty([this, &unit] {
    unit.recorder().access_log().flush();
    control_.post([this] {
      --units_busy_;
      stop_wait_.wake();
    });
  });
}

}  // namespace lb::app
