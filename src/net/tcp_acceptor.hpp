// An Acceptor by the event loop's reactor.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>

#include "net/listener.hpp"

namespace lb::net {

class TcpAcceptor {
 public:
  using Stream = TcpStream;
  static constexpr std::size_t kAcceptsAtOnce = 1;

  TcpAcceptor(Worker& worker, int descriptor);

  [[nodiscard]] Awaitable<Accepted<TcpStream>> accept(std::size_t which);
  [[nodiscard]] Accepted<TcpStream> accept_queued();
  void cancel() noexcept;
  void close() noexcept;

 private:
  Worker& worker_;
  asio::basic_socket_acceptor<Tcp, Executor> acceptor_;
};

static_assert(Acceptor<TcpAcceptor>);

}  // namespace lb::net
