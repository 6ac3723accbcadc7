// An Acceptor by io_uring.
#pragma once

#include "net/listener.hpp"
#include "net/ring_stream.hpp"

namespace lb::net {

// The ring tells when there is a connection, and a system call takes it with the address of its peer: one more for each
// connection than if the ring accepted it, but that one would have to ask for the address.
class RingAcceptor {
 public:
  using Stream = RingStream;

  // The worker has a ring.
  RingAcceptor(Worker& worker, int descriptor);
  ~RingAcceptor();
  RingAcceptor(const RingAcceptor&) = delete;
  RingAcceptor& operator=(const RingAcceptor&) = delete;

  [[nodiscard]] Awaitable<Accepted<RingStream>> accept();
  [[nodiscard]] Accepted<RingStream> accept_queued();
  void close() noexcept;

 private:
  Worker& worker_;
  int descriptor_;
  AwaitedOperation readable_;
};

static_assert(Acceptor<RingAcceptor>);

}  // namespace lb::net
