#include "net/ring_acceptor.hpp"

#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace lb::net {

RingAcceptor::RingAcceptor(Worker& worker, int descriptor) : worker_(worker), descriptor_(descriptor) {}

RingAcceptor::~RingAcceptor() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Awaitable<Accepted<RingStream>> RingAcceptor::accept() {
  while (descriptor_ >= 0) {
    worker_.ring()->wait_readable(readable_, descriptor_);
    co_await readable_.waiter.suspend();
    Accepted<RingStream> accepted = accept_queued();
    if (accepted.error != asio::error::would_block) co_return accepted;
  }
  co_return Accepted<RingStream>{.stream = nullptr, .peer = {}, .error = asio::error::operation_aborted};
}

Accepted<RingStream> RingAcceptor::accept_queued() {
  Accepted<RingStream> accepted;
  accepted.peer = Tcp::endpoint(Tcp::v6(), 0);
  auto size = static_cast<socklen_t>(accepted.peer.capacity());
  // The listening socket does not block; what is accepted does, as the ring wants it.
  const int descriptor = ::accept4(descriptor_, accepted.peer.data(), &size, SOCK_CLOEXEC);
  if (descriptor < 0) {
    accepted.error = boost::system::error_code(errno, boost::system::system_category());
    return accepted;
  }
  accepted.peer.resize(size);
  accepted.stream = std::make_unique<RingStream>(*worker_.ring(), worker_.executor(), worker_.wheel(), descriptor,
                                                 base::Side::downstream);
  return accepted;
}

void RingAcceptor::close() noexcept {
  if (descriptor_ < 0) return;
  if (readable_.pending) worker_.ring()->cancel(readable_);
  ::close(std::exchange(descriptor_, -1));
}

}  // namespace lb::net
