// A Connector by io_uring.
#pragma once

#include "net/connector.hpp"
#include "net/ring_stream.hpp"

namespace lb::net {

class RingConnector final : public Connector {
 public:
  // The ring outlives the connector.
  RingConnector(Ring& ring, Executor executor, DeadlineWheel& wheel) noexcept
      : ring_(ring), executor_(std::move(executor)), wheel_(wheel) {}

  [[nodiscard]] Awaitable<base::Result<StreamPtr>> connect(Tcp::endpoint address, base::Deadline deadline,
                                                           std::string_view preface) override;
  [[nodiscard]] DeadlineWheel& wheel() const noexcept override { return wheel_; }

 private:
  Ring& ring_;
  Executor executor_;
  DeadlineWheel& wheel_;
};

}  // namespace lb::net
