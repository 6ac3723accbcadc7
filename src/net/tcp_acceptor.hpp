// An Acceptor by the event loop's reactor.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>

#include "net/acceptor.hpp"
#include "net/tcp_stream.hpp"
#include "net/worker.hpp"

namespace lb::net {

class TcpAcceptor final : public Acceptor {
 public:
  TcpAcceptor(Worker& worker, int descriptor);

  [[nodiscard]] std::size_t accepts_at_once() const noexcept override { return 1; }
  [[nodiscard]] Awaitable<Accepted> accept(std::size_t which) override;
  [[nodiscard]] Accepted accept_queued() override;
  void cancel() noexcept override;
  void close() noexcept override;

 private:
  Worker& worker_;
  asio::basic_socket_acceptor<Tcp, Executor> acceptor_;
};

}  // namespace lb::net
