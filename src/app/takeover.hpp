// Hands the listening sockets of a running process to its successor, so that not one connection is refused while a new
// version takes the place of an old one.
//
// The sockets themselves are passed (SCM_RIGHTS, unix(7)), with the connections that wait in their queues; binding new
// ones beside them (SO_REUSEPORT) would lose those that queue at the old ones when these close. The two processes meet
// at an abstract Unix socket whose name says address and port. Only the same user, or root, is given anything: whoever
// is that could bind the port beside us anyway.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "net/pause.hpp"
#include "net/task_group.hpp"

namespace lb::app {

// The successor's side.
class Predecessor {
 public:
  Predecessor() = default;
  Predecessor(const Predecessor&) = delete;
  Predecessor& operator=(const Predecessor&) = delete;
  ~Predecessor();

  // Asks the process that serves this address and port for its listening sockets. Empty if there is none, or it gives
  // none. Waits for a bounded while; the caller owns the descriptors.
  [[nodiscard]] std::vector<int> take_listeners(const std::string& address, std::uint16_t port);

  // "We serve now": it drains and ends. Waits, for a bounded while, until it has made way for offer_listeners().
  void release();

 private:
  int connection_ = -1;
};

// The running process' side. One thread.
class Successor {
 public:
  using Protocol = net::asio::local::stream_protocol;

  // `on_taken` is called when a successor serves.
  Successor(net::Executor executor, net::DeadlineWheel& wheel, net::TaskGroup& tasks, std::function<void()> on_taken);

  // Waits for a successor, who gets copies of these. Nothing happens where the name is taken: a successor is a
  // convenience that must not keep a server from starting.
  void offer_listeners(const std::string& address, std::uint16_t port, const std::vector<int>& descriptors);
  // From now on nothing is given away.
  void stop();

 private:
  using Socket = net::asio::basic_stream_socket<Protocol, net::Executor>;

  net::Awaitable<void> run();
  net::Awaitable<bool> hand_over(Socket& socket);

  net::Executor executor_;
  net::DeadlineWheel& wheel_;
  net::TaskGroup& tasks_;
  std::function<void()> on_taken_;
  net::asio::basic_socket_acceptor<Protocol, net::Executor> acceptor_;
  std::vector<int> descriptors_;  // our own copies
  bool stopped_ = false;
};

}  // namespace lb::app
