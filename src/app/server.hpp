// Wires everything: workers, listeners, backends, health checks, signals, reloads.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/signal_set.hpp>

#include "admin/server.hpp"
#include "app/access_logs.hpp"
#include "app/file_watch.hpp"
#include "app/takeover.hpp"
#include "app/worker_unit.hpp"
#include "config/config.hpp"
#include "config/config_error.hpp"
#include "net/async_mutex.hpp"
#include "net/listen_sockets.hpp"
#include "net/pause.hpp"
#include "upstream/health_monitor.hpp"
#include "upstream/resolver_cache.hpp"

namespace lb::app {

struct Options {
  // Makes the configuration anew, from the same file and flags; null if there is no file.
  std::function<config::Checked<config::Config>()> read_again;
  std::string watched_file;  // to be read again when it changes; empty: none
  std::string watched_as;    // its fingerprint before it was read
  bool take_over = false;    // from the process that serves the same port
};

class Server {
 public:
  // `config` was checked; it names at least one backend.
  Server(config::Config config, Options options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves until SIGTERM or SIGINT, on the calling thread and those it starts. Returns nothing after a stop, or a
  // sentence for the user about what the machine refused.
  [[nodiscard]] std::string run();

  // After run(): whether something was left under way (a health check, a coroutine that did not unwind in time), so
  // that the process has to end without destroying this object.
  [[nodiscard]] bool still_busy() const noexcept { return units_busy_ > 0 || control_.tasks().size() > 0; }

 private:
  class Operator;

  net::Awaitable<void> supervise();
  net::Awaitable<void> begin_to_serve();
  void abandon_checks();
  [[nodiscard]] base::Duration first_round_time() const noexcept;

  // Client connections.
  void make_units();
  [[nodiscard]] std::size_t pipes_max() const noexcept;
  void limit_connections();
  [[nodiscard]] net::Awaitable<bool> open_listeners();
  void listen_on(net::ListenSockets& sockets);

  // Take-over.
  [[nodiscard]] std::string what_is_left() const;
  net::Awaitable<void> inherit(std::string text);

  // Where the backends are.
  void publish_addresses(std::uint32_t slot, const upstream::AddressSetPtr& addresses);
  [[nodiscard]] std::shared_ptr<upstream::Endpoint> endpoint_in(std::uint32_t slot) const;
  void note_connect_failed(std::uint32_t slot) noexcept;
  void refresh_address(std::uint32_t slot);

  // Another configuration.
  void request_reload(std::string_view reason);
  void start_reload();
  net::Awaitable<void> reload();
  net::Awaitable<void> read_again();
  net::Awaitable<std::string> apply(config::Config config);
  void log_administration() const;

  // The admin interface.
  net::Awaitable<void> wait_for_admin_port();
  net::Awaitable<void> close_admin();

  // Stopping, as a protocol: docs/architecture.md has the steps.
  void await_signal();
  void on_signal(int signal);
  void on_taken_over();
  void begin_to_stop();
  net::Awaitable<void> shut_down();
  void drain_worker(WorkerUnit& unit);

  config::Config config_;
  Options options_;
  std::vector<config::Backend> file_backends_;  // as they were read: the operator may have changed config_'s
  upstream::Cluster cluster_;
  net::Worker control_;  // signals, checks, lookups, reloads: on the thread that called run()
  upstream::Resolver resolver_;
  upstream::ResolverCache cache_;
  upstream::NetworkChecker checker_;
  upstream::HealthMonitor monitor_;
  Predecessor predecessor_;
  Successor successor_;
  FileWatch watch_;
  proxy::WaitQueues wait_queues_;
  Admissions admissions_;
  std::vector<std::unique_ptr<WorkerUnit>> units_;
  AccessLogs access_logs_{control_, units_};
  std::vector<int> listening_;  // descriptors, which the listeners own
  std::uint16_t port_ = 0;
  net::asio::basic_signal_set<net::Executor> signals_;
  net::Pause stop_wait_;  // woken by signals and by workers that have drained
  std::size_t units_busy_ = 0;
  bool stopping_ = false;
  unsigned stop_signals_ = 0;
  bool serving_ = false;  // the port is open
  bool reloading_ = false;
  bool reload_asked_ = false;
  std::string problem_;
  admin::Snapshot history_;  // what of a snapshot is not looked up: when it began, where it listens, reloads
  net::AsyncMutex changes_;  // of the configuration
  std::unique_ptr<Operator> operator_;
  admin::Server admin_;
};

}  // namespace lb::app
