// An Acceptor by io_uring.
#pragma once

#include <array>

#include "net/listener.hpp"
#include "net/ring_stream.hpp"

namespace lb::net {

class RingAcceptor {
 public:
  using Stream = RingStream;
  // One turn of the loop takes as many connections from the kernel's queue.
  static constexpr std::size_t kAcceptsAtOnce = 8;

  // The worker has a ring.
  RingAcceptor(Worker& worker, int descriptor);
  ~RingAcceptor();
  RingAcceptor(const RingAcceptor&) = delete;
  RingAcceptor& operator=(const RingAcceptor&) = delete;

  [[nodiscard]] Awaitable<Accepted<RingStream>> accept(std::size_t which);
  [[nodiscard]] Accepted<RingStream> accept_queued();
  void cancel() noexcept;
  void close() noexcept;

 private:
  // An accept() under way.
  struct Pending {
    AwaitedOperation operation;
    Tcp::endpoint peer;
    socklen_t peer_size = 0;
  };

  [[nodiscard]] Accepted<RingStream> take(int descriptor, Tcp::endpoint peer, socklen_t peer_size);

  Worker& worker_;
  int descriptor_;
  std::array<Pending, kAcceptsAtOnce> pending_;
};

static_assert(Acceptor<RingAcceptor>);

}  // namespace lb::net
