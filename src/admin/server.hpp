// The admin interface: an HTTP server of its own, on the control thread, that traffic cannot crowd out and that cannot
// crowd out traffic.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "admin/control.hpp"
#include "http1/request_state.hpp"
#include "net/listen_sockets.hpp"
#include "net/listener.hpp"
#include "net/tcp_acceptor.hpp"

namespace lb::admin {

class Session;

// Control thread, or before it runs.
class Server {
 public:
  // Both outlive it, and the tasks that it has spawned on the worker.
  Server(net::Worker& worker, Control& control);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // A sentence for the user about what the machine refused; empty: it listens. Once.
  [[nodiscard]] std::string listen(const std::string& address, std::uint16_t port);
  [[nodiscard]] bool listening() const noexcept { return listener_ != nullptr && !stopped_; }
  // What every request has to show from now on, but for those to open paths; empty: nothing.
  void set_token(std::string token) { token_ = std::move(token); }

  // Gives the port up; connections go on.
  void stop_listening();
  // Ends all connections. They are gone a few turns of the loop later: see connections().
  void stop();
  [[nodiscard]] std::size_t connections() const noexcept { return connections_; }

 private:
  net::Awaitable<void> serve(std::unique_ptr<net::TcpStream> stream);
  // Ends the oldest connection that has no request under way, so that those who hold connections and ask nothing cannot
  // keep an operator out. False: there is none.
  bool give_up_one_that_waits() noexcept;

  net::Worker& worker_;
  Control& control_;
  http1::Settings settings_;
  http1::RequestStates<net::TcpStream> states_;
  std::string token_;
  std::unique_ptr<net::Listener<net::TcpAcceptor>> listener_;
  std::list<Session*> admitted_;  // oldest first
  std::size_t connections_ = 0;
  bool stopped_ = false;
};

}  // namespace lb::admin
