// TCP connections to backends.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "net/tcp_stream.hpp"

namespace lb::net {

using Addresses = std::vector<Tcp::endpoint>;

// Connects to one address at a time. One worker.
class Connector {
 public:
  Connector() = default;
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;
  virtual ~Connector() = default;

  // `preface`: bytes that the connection begins with, before anything else; they stay until it is made. Errors:
  // connect_refused, connect_timeout, connect_failed, no_resources (ours, not the backend's).
  [[nodiscard]] virtual Awaitable<base::Result<StreamPtr>> connect(Tcp::endpoint address, base::Deadline deadline,
                                                                   std::string_view preface) = 0;
  [[nodiscard]] virtual DeadlineWheel& wheel() const noexcept = 0;
};

// Sends what a new connection begins with.
[[nodiscard]] Awaitable<base::Result<StreamPtr>> begin_with(StreamPtr stream, std::string_view preface,
                                                            base::Deadline deadline);

// What a failed connect() to `address` says.
[[nodiscard]] base::Error connect_error(const boost::system::error_code& code, const Tcp::endpoint& address,
                                        bool expired) noexcept;

// A Connector by the event loop's reactor.
class TcpConnector final : public Connector {
 public:
  TcpConnector(Executor executor, DeadlineWheel& wheel) noexcept : executor_(std::move(executor)), wheel_(wheel) {}

  [[nodiscard]] Awaitable<base::Result<StreamPtr>> connect(Tcp::endpoint address, base::Deadline deadline,
                                                           std::string_view preface) override;
  [[nodiscard]] DeadlineWheel& wheel() const noexcept override { return wheel_; }

 private:
  Executor executor_;
  DeadlineWheel& wheel_;
};

}  // namespace lb::net
