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

// The successor's side. One thread.
class Predecessor {
 public:
  struct Taken {
    std::vector<int> descriptors;  // the caller's; empty: none
    std::string problem;           // why none came although somebody is there
    std::string left{};            // what else it leaves; see app/inheritance.hpp
  };

  Predecessor(net::Executor executor, net::DeadlineWheel& wheel) : wheel_(wheel), socket_(std::move(executor)) {}

  // Asks the process whose first listener has this address and port for all its listening sockets. Returns within 10 s.
  [[nodiscard]] net::Awaitable<Taken> take_listeners(std::string address, std::uint16_t port);

  // "We serve now": it drains and ends. Returns when it has made way for offer_listeners(), within 10 s.
  [[nodiscard]] net::Awaitable<void> release();

  // Ends what is under way.
  void stop() noexcept;

 private:
  using Protocol = net::asio::local::stream_protocol;

  net::Awaitable<std::string> receive_all(Taken& taken);
  net::Awaitable<std::string> receive_text(std::string& text);

  net::DeadlineWheel& wheel_;
  net::asio::basic_stream_socket<Protocol, net::Executor> socket_;
};

// The running process' side. One thread.
class Successor {
 public:
  using Protocol = net::asio::local::stream_protocol;

  // `leave` says what a successor gets besides the sockets; `on_taken` is called when it serves.
  Successor(net::Executor executor, net::DeadlineWheel& wheel, net::TaskGroup& tasks,
            std::function<std::string()> leave, std::function<void()> on_taken);

  // Waits for a successor, who gets copies of these. Nothing happens where the name is taken: a successor is a
  // convenience that must not keep a server from starting.
  void offer_listeners(const std::string& address, std::uint16_t port, const std::vector<int>& descriptors);
  // The listeners have changed: a successor gets copies of these, and asks by the first one's address and port.
  void offer_others(const std::string& address, std::uint16_t port, const std::vector<int>& descriptors);
  // From now on nothing is given away.
  void stop();

 private:
  using Socket = net::asio::basic_stream_socket<Protocol, net::Executor>;

  [[nodiscard]] bool meet_at(const std::string& address, std::uint16_t port);
  void copy(const std::vector<int>& descriptors);
  net::Awaitable<void> run();
  net::Awaitable<bool> hand_over(Socket& socket);

  net::Executor executor_;
  net::DeadlineWheel& wheel_;
  net::TaskGroup& tasks_;
  std::function<std::string()> leave_;
  std::function<void()> on_taken_;
  net::asio::basic_socket_acceptor<Protocol, net::Executor> acceptor_;
  std::vector<int> descriptors_;  // our own copies
  std::string met_at_;
  bool stopped_ = false;
};

}  // namespace lb::app
