// A Connector by io_uring.
#pragma once

#include "net/connector.hpp"
#include "net/ring_stream.hpp"

namespace lb::net {

class RingConnector {
 public:
  using Stream = RingStream;

  // The ring outlives the connector.
  RingConnector(Ring& ring, Executor executor, DeadlineWheel& wheel) noexcept
      : ring_(ring), executor_(std::move(executor)), wheel_(wheel) {}

  [[nodiscard]] Awaitable<base::Result<std::unique_ptr<RingStream>>> connect(Tcp::endpoint address,
                                                                             base::Deadline deadline);
  [[nodiscard]] DeadlineWheel& wheel() const noexcept { return wheel_; }

 private:
  Ring& ring_;
  Executor executor_;
  DeadlineWheel& wheel_;
};

static_assert(Connector<RingConnector>);

}  // namespace lb::net
