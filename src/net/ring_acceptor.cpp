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

Awaitable<Accepted> RingAcceptor::accept(std::size_t which) {
  Pending& pending = pending_[which];
  if (descriptor_ < 0) co_return take(-ECANCELED, {}, 0);
  pending.peer = Tcp::endpoint(Tcp::v6(), 0);
  pending.peer_size = static_cast<socklen_t>(pending.peer.capacity());
  worker_.ring()->accept(pending.operation, descriptor_, *pending.peer.data(), pending.peer_size);
  co_await pending.operation.waiter.suspend();
  co_return take(pending.operation.outcome.result, pending.peer, pending.peer_size);
}

Accepted RingAcceptor::accept_queued() {
  Tcp::endpoint peer(Tcp::v6(), 0);
  auto size = static_cast<socklen_t>(peer.capacity());
  // The listening socket does not block; what is accepted does, as the ring wants it.
  const int descriptor = ::accept4(descriptor_, peer.data(), &size, SOCK_CLOEXEC);
  return take(descriptor < 0 ? -errno : descriptor, peer, size);
}

Accepted RingAcceptor::take(int descriptor, Tcp::endpoint peer, socklen_t peer_size) {
  if (descriptor < 0) {
    return {.stream = nullptr, .peer = {}, .error = {-descriptor, boost::system::system_category()}};
  }
  peer.resize(peer_size);
  auto stream = std::make_unique<RingStream>(*worker_.ring(), worker_.executor(), worker_.wheel(), descriptor,
                                             base::Side::downstream);
  return {.stream = std::move(stream), .peer = peer, .error = {}};
}

void RingAcceptor::cancel() noexcept {
  for (Pending& pending : pending_) {
    if (pending.operation.pending) worker_.ring()->cancel(pending.operation);
  }
}

void RingAcceptor::close() noexcept {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

}  // namespace lb::net
