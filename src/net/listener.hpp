// The listening sockets: one for each worker, so that the kernel spreads connections and no lock is shared.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/basic_socket_acceptor.hpp>

#include "net/pause.hpp"
#include "net/tcp_stream.hpp"
#include "net/worker.hpp"

namespace lb::net {

// Open, bound and listening descriptors, one for each worker, closed when this goes away unless released.
class ListenSockets {
 public:
  ListenSockets() = default;
  ListenSockets(ListenSockets&& other) noexcept { std::swap(descriptors_, other.descriptors_); }
  ListenSockets& operator=(ListenSockets&&) = delete;
  ~ListenSockets();

  // Binds `count` sockets to one address and port. `address` "::" also takes IPv4, and means 0.0.0.0 on a host without
  // IPv6. `port` 0 takes any free one. The first socket is bound without SO_REUSEPORT: a second instance, or any other
  // program, on the same port is refused, although the sockets share it among themselves.
  // Returns a sentence for the user on failure.
  [[nodiscard]] static boost::system::result<ListenSockets, std::string> open(const std::string& address,
                                                                              std::uint16_t port, std::size_t count);

  // Takes over descriptors that listen already, and binds more beside them until there are `count`; there may be more.
  [[nodiscard]] static boost::system::result<ListenSockets, std::string> adopt(const std::vector<int>& descriptors,
                                                                               std::size_t count);

  [[nodiscard]] std::size_t size() const noexcept { return descriptors_.size(); }
  [[nodiscard]] Tcp::endpoint local() const;
  // Hands one descriptor over.
  [[nodiscard]] int release(std::size_t index) noexcept { return std::exchange(descriptors_[index], -1); }

 private:
  std::vector<int> descriptors_;
};

// Accepts on one worker until stopped.
class Listener {
 public:
  // Called on the worker's thread with each new connection.
  using OnAccept = std::function<void(TcpSocket socket, const Tcp::endpoint& peer)>;
  // Whether one more may be handed over. While it is false the connection waits, and the others in the kernel's queue.
  using HasRoom = std::function<bool()>;

  // Takes the descriptor. The worker must not run yet, or this is called on its thread.
  Listener(Worker& worker, int descriptor, HasRoom has_room, OnAccept on_accept);

  // Starts accepting, as a task of the worker. Worker's thread, or before it runs.
  void start();
  // Accepts what waits in the kernel's queue and closes the port. Worker's thread.
  void stop();

 private:
  Awaitable<void> accept_loop();
  Awaitable<bool> accept_one(Pause& pause);

  Worker& worker_;
  asio::basic_socket_acceptor<Tcp, Executor> acceptor_;
  HasRoom has_room_;
  OnAccept on_accept_;
  bool stopped_ = false;
  bool complained_ = false;
};

}  // namespace lb::net
