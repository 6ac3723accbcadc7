// Two small backends inside the process, for -demo: something to look at with nothing else installed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "http1/server_connection.hpp"
#include "net/listen_sockets.hpp"
#include "net/listener.hpp"
#include "net/tcp_acceptor.hpp"

namespace lb::app {

// Runs on a thread of its own, on loopback and free ports, from construction to destruction.
class DemoBackends {
 public:
  // Null, with a sentence in `problem`, if the machine has no port to give.
  [[nodiscard]] static std::unique_ptr<DemoBackends> start(std::string& problem);
  ~DemoBackends();
  DemoBackends(const DemoBackends&) = delete;
  DemoBackends& operator=(const DemoBackends&) = delete;

  // "127.0.0.1" and these.
  [[nodiscard]] const std::vector<std::uint16_t>& ports() const noexcept { return ports_; }

 private:
  DemoBackends();
  void listen(net::ListenSockets sockets, unsigned number);
  net::Awaitable<void> serve(net::StreamPtr stream, unsigned number);

  http1::Settings settings_;
  net::Worker worker_;
  http1::RequestStates states_{worker_.blocks(), settings_};
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::vector<std::uint16_t> ports_;
};

}  // namespace lb::app
