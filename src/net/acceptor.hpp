// Accepts connections on one listening descriptor.
#pragma once

#include <cstddef>

#include <boost/asio/ip/tcp.hpp>

#include "net/stream.hpp"

namespace lb::net {

// A connection that was accepted; without a stream, why not.
struct Accepted {
  StreamPtr stream;
  asio::ip::tcp::endpoint peer;
  boost::system::error_code error;
};

// Owns the descriptor. One worker.
class Acceptor {
 public:
  Acceptor() = default;
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  virtual ~Acceptor() = default;

  // How many may wait in accept() at once.
  [[nodiscard]] virtual std::size_t accepts_at_once() const noexcept = 0;
  // The next connection, once there is one. Those that wait have numbers, from 0.
  [[nodiscard]] virtual Awaitable<Accepted> accept(std::size_t which) = 0;
  // One that waits in the kernel's queue; else would_block. Never waits.
  [[nodiscard]] virtual Accepted accept_queued() = 0;
  // What waits in accept() ends with an error, if it does not have a connection yet.
  virtual void cancel() noexcept = 0;
  // While nothing waits.
  virtual void close() noexcept = 0;
};

}  // namespace lb::net
