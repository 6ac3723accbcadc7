// The admin interface: an HTTP server of its own, on the control thread, that traffic cannot crowd out and that cannot
// crowd out traffic.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "admin/control.hpp"
#include "admin/session.hpp"
#include "http1/request_state.hpp"
#include "net/listen_sockets.hpp"
#include "net/listener.hpp"
#include "net/tcp_acceptor.hpp"

namespace lb::admin {

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
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  // What every request has to show from now on, but for those to open paths; empty: nothing. Streams that were opened
  // with another one end.
  void set_token(std::string token);

  // The same, for as long as somebody else has the port: a predecessor gives it up as soon as it knows, which may take
  // a moment. Ends with no problem when it is not wanted any more.
  [[nodiscard]] net::Awaitable<std::string> listen_when_free(std::string address, std::uint16_t port,
                                                             base::Duration patience, std::function<bool()> wanted);

  // Gives the port up, and takes none from now on; connections go on.
  void stop_listening();
  // Ends all connections as well: what is being answered may be cut. They are gone a few turns of the loop later.
  void stop();
  // The same, and waits for that, half a second at most.
  [[nodiscard]] net::Awaitable<void> close();
  [[nodiscard]] std::size_t connections() const noexcept { return connections_; }

 private:
  net::Awaitable<void> serve(net::StreamPtr stream);
  // Ends a connection that its client keeps waiting, so that those who hold connections and ask nothing, or trickle,
  // cannot keep an operator out: of those that idle between requests the one that does so for the longest time, else
  // of the slow ones. False: there is none.
  bool give_up_one_that_waits() noexcept;

  net::Worker& worker_;
  Control& control_;
  http1::Settings settings_;
  http1::RequestStates states_;
  std::string token_;
  Places places_;
  std::uint16_t port_ = 0;
  std::unique_ptr<net::Listener> listener_;
  std::list<Session*> admitted_;  // but for those that were given up
  std::size_t connections_ = 0;
  bool stopped_ = false;
};

}  // namespace lb::admin
