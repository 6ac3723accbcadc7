#include "app/server.hpp"

#include <algorithm>
#include <csignal>
#include <random>
#include <sched.h>
#include <sys/resource.h>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"

namespace lb::app {
namespace {

using base::LogLevel;

proxy::Settings make_settings(const config::Config& config) {
  const config::Timeouts& from = config.server.timeouts;
  proxy::Settings settings;
  settings.http.timeouts = {.header = from.header,
                            .body_idle = from.body_idle,
                            .write_idle = from.write_idle,
                            .keep_alive_idle = from.keep_alive_idle,
                            .connect = from.connect,
                            .first_response_byte = from.first_response_byte,
                            .response_idle = from.response_idle,
                            .tunnel_idle = from.tunnel_idle};
  settings.http.header_bytes = config.server.limits.header_bytes;
  settings.http.header_count = config.server.limits.header_count;
  settings.http.body_bytes = config.server.limits.body_bytes;
  settings.pool = {config.pool.idle_connections, config.pool.idle_timeout};
  settings.attempts = config.retry.attempts;
  settings.replay_bytes = config.retry.body_bytes;
  return settings;
}

std::vector<upstream::BackendSpec> make_specs(const config::Config& config) {
  std::vector<upstream::BackendSpec> specs;
  for (const config::Backend& backend : config.backends) {
    specs.push_back({backend.url, backend.host, backend.port, backend.weight});
  }
  return specs;
}

// The processors this process may use, which in a container are fewer than the machine has.
std::size_t processor_count() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<std::size_t>(std::max(CPU_COUNT(&set), 1));
}

// How many descriptors this process may have open.
std::size_t descriptor_limit() noexcept {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<std::size_t>(limit.rlim_cur) : SIZE_MAX;
}

std::string printable(const net::Tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

// The address for X-Forwarded-For: an IPv4 client of a dual-stack socket is shown as what it is.
std::string client_address_of(const net::Tcp::endpoint& peer) {
  const auto address = peer.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return net::asio::ip::make_address_v4(net::asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

}  // namespace

Server::Server(config::Config config)
    : config_(std::move(config)),
      settings_(make_settings(config_)),
      cluster_(make_specs(config_), config_.health.failures),
      control_(base::system_clock()),
      monitor_(control_, resolver_, cluster_, {config_.health.interval, config_.health.timeout},
               [this](std::size_t index, const net::Addresses& addresses) { publish_addresses(index, addresses); }),
      signals_(control_.executor()),
      stop_wait_(control_.executor(), control_.wheel()) {
  limit_connections();
  std::random_device seed;
  const std::size_t count = config_.server.threads == 0 ? processor_count() : config_.server.threads;
  for (std::size_t i = 0; i < count; ++i) {
    units_.push_back(std::make_unique<WorkerUnit>(settings_, cluster_, (std::uint64_t{seed()} << 32U) | seed()));
  }
}

Server::~Server() {
  // Without handlers the signals would kill a process that is about to end well.
  boost::system::error_code ignored;
  signals_.clear(ignored);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) std::signal(signal, SIG_IGN);
}

// A client that is being answered needs a second descriptor, for its backend; most clients idle between their requests.
// So three quarters of what the system gives are for clients. Should more than a third of them be busy at once, the
// others' requests wait for a descriptor (Exchange::may_try_again).
void Server::limit_connections() {
  const std::size_t descriptors = descriptor_limit();
  const std::size_t reserved = base::kDescriptorsReserved + 4 * processor_count() + config_.backends.size();
  const std::size_t free = descriptors > reserved ? descriptors - reserved : 0;
  turned_away_max_ = std::min(base::kTurnedAwayMax, free / 8);
  connections_max_ = std::clamp((free - turned_away_max_) / 4 * 3, std::size_t{1}, config_.server.limits.connections);
  if (connections_max_ < config_.server.limits.connections) {
    base::log(LogLevel::info, "at most " + std::to_string(connections_max_) +
                                  " client connections at once: this process may open " + std::to_string(descriptors) +
                                  " files (ulimit -n)");
  }
}

std::string Server::run() {
  await_signal();
  control_.tasks().spawn(supervise());
  control_.tasks().when_empty([this] { control_.release(); });
  control_.io().run();
  if (units_busy_ == 0) {
    for (const auto& unit : units_) unit->worker.join();
  }
  return problem_;
}

// The life of the server, from the first check of the backends to the last client.
net::Awaitable<void> Server::supervise() {
  co_await monitor_.check_all(std::min(base::kFirstRoundTime, config_.health.timeout));
  if (stop_signals_ == 0 && open_listeners()) {
    for (const auto& unit : units_) {
      unit->listener->start();
      unit->worker.start();
    }
    control_.tasks().spawn(monitor_.run());
    while (stop_signals_ == 0) co_await stop_wait_.until(base::kNever);
    co_await shut_down();
    monitor_.stop();
  }
  boost::system::error_code ignored;
  signals_.cancel(ignored);
  for (const auto& unit : units_) unit->worker.release();
  // Two turns of the loop, for this coroutine and the monitor's to end. Checks and lookups under way are not waited
  // for: they may take as long as their timeouts.
  control_.post([this] { control_.post([this] { abandon_checks(); }); });
}

void Server::abandon_checks() {
  if (control_.tasks().size() > 0) control_.io().stop();
}

bool Server::open_listeners() {
  auto sockets = net::ListenSockets::open(config_.server.address, config_.server.port, units_.size());
  if (!sockets) {
    problem_ = sockets.error();
    return false;
  }
  const std::string where = printable(sockets->local());
  for (std::size_t i = 0; i < units_.size(); ++i) {
    WorkerUnit& unit = *units_[i];
    unit.listener = std::make_unique<net::Listener>(
        unit.worker, sockets->release(i), [this, &unit](net::TcpSocket socket, const net::Tcp::endpoint& peer) {
          accept(unit, std::move(socket), peer);
        });
    unit.handler.on_connect_failed(
        [](void* self, std::size_t index) {
          auto& server = *static_cast<Server*>(self);
          server.control_.post([&server, index] { server.monitor_.refresh(index); });
        },
        this);
  }
  base::log(LogLevel::info, "load-balancer " LB_VERSION " listening on " + where + ", " +
                                std::to_string(units_.size()) + (units_.size() == 1 ? " worker, " : " workers, ") +
                                std::to_string(cluster_.size()) + (cluster_.size() == 1 ? " backend" : " backends"));
  return true;
}

void Server::accept(WorkerUnit& unit, net::TcpSocket socket, const net::Tcp::endpoint& peer) {
  const std::size_t before = connections_.fetch_add(1, std::memory_order_relaxed);
  if (before >= connections_max_ + turned_away_max_) {
    connections_.fetch_sub(1, std::memory_order_relaxed);
    return;  // closes it without a word
  }
  auto stream = std::make_unique<net::TcpStream>(std::move(socket), unit.worker.wheel(), base::Side::downstream);
  unit.worker.tasks().spawn(serve(unit, std::move(stream), client_address_of(peer),
                                  before < connections_max_ ? Admission::admitted : Admission::turned_away));
}

net::Awaitable<void> Server::serve(WorkerUnit& unit, std::unique_ptr<net::TcpStream> stream, std::string client_address,
                                   Admission admission) {
  if (admission == Admission::admitted) {
    co_await unit.handler.serve(std::move(stream), std::move(client_address));
  } else {
    co_await unit.handler.turn_away(std::move(stream), std::move(client_address));
  }
  connections_.fetch_sub(1, std::memory_order_relaxed);
}

// Control thread. Before the workers run, and while they do: each gets a copy of its own.
void Server::publish_addresses(std::size_t index, const net::Addresses& addresses) {
  for (const auto& unit : units_) {
    unit->worker.post([&transport = unit->transport, index, addresses] { transport.set_addresses(index, addresses); });
  }
}

void Server::await_signal() {
  boost::system::error_code ignored;
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) signals_.add(signal, ignored);
  signals_.async_wait([this](const boost::system::error_code& code, int signal) {
    if (code) return;
    on_signal(signal);
    await_signal();
  });
}

void Server::on_signal(int signal) {
  if (signal == SIGHUP) {
    base::log(LogLevel::warning, "SIGHUP: this version reads its configuration at start only; nothing was changed");
    return;
  }
  if (++stop_signals_ == 1) {
    base::log(LogLevel::info, "stopping: requests in flight have " + std::to_string(config_.shutdown_grace.count()) +
                                  " ms to end; a second signal ends them now");
  }
  stop_wait_.wake();
}

// Stop accepting, let exchanges end, wait, force, wait.
net::Awaitable<void> Server::shut_down() {
  units_busy_ = units_.size();
  for (const auto& unit : units_) unit->worker.post([this, &unit = *unit] { drain_worker(unit); });

  const base::Deadline deadline = control_.wheel().after(config_.shutdown_grace);
  while (units_busy_ > 0 && stop_signals_ == 1 && control_.wheel().now() < deadline)
    co_await stop_wait_.until(deadline);
  if (units_busy_ > 0) {
    base::log(LogLevel::warning,
              "ending the connections that are left: " + std::to_string(connections_.load(std::memory_order_relaxed)));
    for (const auto& unit : units_) unit->worker.post([&sessions = unit->worker.sessions()] { sessions.abort(); });
  }
  // What was aborted unwinds at once; a coroutine that connects to a backend does when that times out.
  const base::Deadline last = control_.wheel().after(settings_.http.timeouts.connect + base::kLingerTime);
  while (units_busy_ > 0 && control_.wheel().now() < last) co_await stop_wait_.until(last);
  base::log(LogLevel::info, "stopped");
}

// Worker's thread.
void Server::drain_worker(WorkerUnit& unit) {
  unit.listener->stop();
  unit.worker.sessions().drain();
  unit.handler.close_idle();
  unit.worker.tasks().when_empty([this] {
    control_.post([this] {
      --units_busy_;
      stop_wait_.wake();
    });
  });
}

}  // namespace lb::app
