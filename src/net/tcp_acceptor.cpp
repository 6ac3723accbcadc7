#include "net/tcp_acceptor.hpp"

#include <utility>

#include "net/listen_sockets.hpp"

namespace lb::net {

TcpAcceptor::TcpAcceptor(Worker& worker, int descriptor) : worker_(worker), acceptor_(worker.executor()) {
  // The protocol only matters to Asio when it opens sockets itself; accepted ones carry their own.
  acceptor_.assign(local_endpoint(descriptor).protocol(), descriptor);
}

Awaitable<Accepted> TcpAcceptor::accept(std::size_t /*which*/) {
  TcpSocket socket(worker_.executor());
  Accepted accepted;
  std::tie(accepted.error) = co_await acceptor_.async_accept(socket, accepted.peer, use_result);
  if (!accepted.error)
    accepted.stream = std::make_unique<TcpStream>(std::move(socket), worker_.wheel(), base::Side::downstream);
  co_return accepted;
}

Accepted TcpAcceptor::accept_queued() {
  TcpSocket socket(worker_.executor());
  Accepted accepted;
  acceptor_.non_blocking(true, accepted.error);
  if (!accepted.error) acceptor_.accept(socket, accepted.peer, accepted.error);
  if (!accepted.error)
    accepted.stream = std::make_unique<TcpStream>(std::move(socket), worker_.wheel(), base::Side::downstream);
  return accepted;
}

void TcpAcceptor::cancel() noexcept {
  boost::system::error_code ignored;
  acceptor_.cancel(ignored);
}

void TcpAcceptor::close() noexcept {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
}

}  // namespace lb::net
