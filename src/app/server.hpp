// Wires everything: the life of the process from the first check of the backends to the last client.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <boost/asio/signal_set.hpp>

#include "admin/server.hpp"
#include "app/access_logs.hpp"
#include "app/automatic_certificates.hpp"
#include "app/backends.hpp"
#include "app/certificates.hpp"
#include "app/configuration.hpp"
#include "app/file_watch.hpp"
#include "app/listeners.hpp"
#include "app/operator.hpp"
#include "app/takeover.hpp"
#include "app/workers.hpp"
#include "config/config.hpp"
#include "net/listen_sockets.hpp"
#include "net/pause.hpp"

namespace lb::app {

struct Options {
  // Makes the configuration anew, from the same file and flags; null if there is no file.
  Configuration::ReadAgain read_again;
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
  [[nodiscard]] bool still_busy() const noexcept { return workers_busy_ > 0 || control_.tasks().size() > 0; }

 private:
  [[nodiscard]] const config::Config& config() const noexcept { return configuration_.now(); }

  net::Awaitable<void> supervise();
  net::Awaitable<void> begin_to_serve();
  net::Awaitable<void> open_admin_later();
  void in_force(const config::Config& config);
  void load_certificates(const config::Config& config);
  void take_automatic_certificates();
  net::Awaitable<void> watch_certificates();
  void abandon_checks();

  // Client connections.
  [[nodiscard]] net::Awaitable<bool> open_listeners();
  void listen(const config::Config& config);
  void listen_again(const config::Config& config);
  void log_listeners(const std::vector<std::string>& before);

  // Stopping, as a protocol: docs/architecture.md has the steps.
  void await_signal();
  void on_signal(int signal);
  void on_taken_over();
  void begin_to_stop();
  net::Awaitable<void> shut_down();

  std::string problem_;
  net::Worker control_;  // signals, checks, lookups, reloads: on the thread that called run()
  ServerState state_;
  Workers workers_;
  AutomaticCertificates automatic_;
  Certificates certificates_;
  Backends backends_;
  Listeners listeners_;
  AccessLogs access_logs_;
  Operator operator_;
  admin::Server admin_;
  Configuration configuration_;
  Predecessor predecessor_;
  Successor successor_;
  std::string watched_as_;
  FileWatch watch_;
  bool take_over_;
  net::asio::basic_signal_set<net::Executor> signals_;
  net::Pause stop_wait_;  // woken by signals and by workers that have drained
  net::Pause certificate_pause_;
  std::size_t workers_busy_ = 0;
  unsigned stop_signals_ = 0;
};

}  // namespace lb::app
