// Wires everything: workers, listeners, backends, health checks, signals.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/signal_set.hpp>

#include "config/config.hpp"
#include "net/listener.hpp"
#include "proxy/handler.hpp"
#include "upstream/health_monitor.hpp"
#include "upstream/tcp_transport.hpp"

namespace lb::app {

// One worker with all that is its own.
class WorkerUnit {
 public:
  WorkerUnit(const proxy::Settings& settings, upstream::Cluster& cluster, std::uint64_t seed)
      : worker(base::system_clock()),
        transport(worker.executor(), worker.wheel(), cluster.size()),
        handler(worker.executor(), worker.wheel(), worker.blocks(), worker.sessions(), settings, cluster, transport,
                seed) {}

  net::Worker worker;
  upstream::TcpTransport transport;
  proxy::Handler<upstream::TcpTransport> handler;
  std::unique_ptr<net::Listener> listener;
};

class Server {
 public:
  // `config` was checked; it names at least one backend.
  explicit Server(config::Config config);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves until SIGTERM or SIGINT, on the calling thread and those it starts. Returns nothing after a stop, or a
  // sentence for the user about what the machine refused.
  [[nodiscard]] std::string run();

  // After run(): whether something was left under way (a name lookup, a health check, a coroutine that did not unwind
  // in time), so that the process has to end without destroying this object.
  [[nodiscard]] bool still_busy() const noexcept {
    return resolver_.pending() > 0 || units_busy_ > 0 || control_.tasks().size() > 0;
  }

 private:
  net::Awaitable<void> supervise();
  void abandon_checks();
  void limit_connections();
  [[nodiscard]] bool open_listeners();
  void accept(WorkerUnit& unit, net::TcpSocket socket, const net::Tcp::endpoint& peer);
  enum class Admission : std::uint8_t { admitted, turned_away };
  net::Awaitable<void> serve(WorkerUnit& unit, std::unique_ptr<net::TcpStream> stream, std::string client_address,
                             Admission admission);
  void publish_addresses(std::size_t index, const net::Addresses& addresses);

  // Stopping, as a protocol: docs/architecture.md has the steps.
  void await_signal();
  void on_signal(int signal);
  net::Awaitable<void> shut_down();
  void drain_worker(WorkerUnit& unit);

  config::Config config_;
  proxy::Settings settings_;
  upstream::Cluster cluster_;
  net::Worker control_;  // signals and health checks, on the thread that called run()
  upstream::Resolver resolver_;
  upstream::HealthMonitor monitor_;
  std::vector<std::unique_ptr<WorkerUnit>> units_;
  net::asio::basic_signal_set<net::Executor> signals_;
  net::Pause stop_wait_;                     // woken by signals and by workers that have drained
  std::atomic<std::size_t> connections_{0};  // admitted or being turned away
  std::size_t connections_max_ = 0;
  std::size_t turned_away_max_ = 0;
  std::size_t units_busy_ = 0;
  unsigned stop_signals_ = 0;
  std::string problem_;
};

}  // namespace lb::app
