// An Acceptor by io_uring.
#pragma once

#include <array>

#include "net/acceptor.hpp"
#include "net/ring_stream.hpp"
#include "net/tcp_stream.hpp"
#include "net/worker.hpp"

namespace lb::net {

class RingAcceptor final : public Acceptor {
 public:
  // The worker has a ring.
  RingAcceptor(Worker& worker, int descriptor);
  ~RingAcceptor() override;

  [[nodiscard]] std::size_t accepts_at_once() const noexcept override { return kAcceptsAtOnce; }
  [[nodiscard]] Awaitable<Accepted> accept(std::size_t which) override;
  [[nodiscard]] Accepted accept_queued() override;
  void cancel() noexcept override;
  void close() noexcept override;

 private:
  // One turn of the loop takes as many connections from the kernel's queue.
  static constexpr std::size_t kAcceptsAtOnce = 8;

  // An accept() under way.
  struct Pending {
    AwaitedOperation operation;
    Tcp::endpoint peer;
    socklen_t peer_size = 0;
  };

  [[nodiscard]] Accepted take(int descriptor, Tcp::endpoint peer, socklen_t peer_size);

  Worker& worker_;
  int descriptor_;
  std::array<Pending, kAcceptsAtOnce> pending_;
};

}  // namespace lb::net
