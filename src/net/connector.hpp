// TCP connections to backends.
#pragma once

#include <concepts>
#include <memory>
#include <vector>

#include "net/tcp_stream.hpp"

namespace lb::net {

using Addresses = std::vector<Tcp::endpoint>;

// Connects to one address. Errors: connect_refused, connect_timeout, connect_failed, no_resources (ours, not the
// backend's).
template <class C>
concept Connector = requires(C connector, const Tcp::endpoint& address, base::Deadline deadline) {
  {
    connector.connect(address, deadline)
  } -> std::same_as<Awaitable<base::Result<std::unique_ptr<typename C::Stream>>>>;
  { connector.wheel() } -> std::same_as<DeadlineWheel&>;
};

// What a failed connect() to `address` says.
[[nodiscard]] base::Error connect_error(const boost::system::error_code& code, const Tcp::endpoint& address,
                                        bool expired) noexcept;

// A Connector by the event loop's reactor.
class TcpConnector {
 public:
  using Stream = TcpStream;

  TcpConnector(Executor executor, DeadlineWheel& wheel) noexcept : executor_(std::move(executor)), wheel_(wheel) {}

  [[nodiscard]] Awaitable<base::Result<std::unique_ptr<TcpStream>>> connect(Tcp::endpoint address,
                                                                            base::Deadline deadline);
  [[nodiscard]] DeadlineWheel& wheel() const noexcept { return wheel_; }

 private:
  Executor executor_;
  DeadlineWheel& wheel_;
};

// Tries the addresses in order, each for its share of the time that is left. Errors: those of the last address;
// resolve_failed if there is none. `addresses` is a copy: the list may be replaced meanwhile. `failed`, if not null,
// becomes the number of addresses that were tried in vain: the first ones of the list.
template <Connector C>
[[nodiscard]] Awaitable<base::Result<std::unique_ptr<typename C::Stream>>> connect_in_turn(
    C& connector, Addresses addresses, base::Deadline deadline, std::size_t* failed = nullptr) {
  base::Error last{base::ErrorKind::resolve_failed, base::Side::upstream, "the name has no address"};
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const base::TimePoint now = connector.wheel().now();
    if (now >= deadline) {
      co_return base::Error{base::ErrorKind::connect_timeout, base::Side::upstream, "connect timed out"};
    }
    const auto share = (deadline - now) / static_cast<std::int64_t>(addresses.size() - i);
    auto stream = co_await connector.connect(addresses[i], now + share);
    if (stream) co_return std::move(stream);
    last = stream.error();
    // What we lack says nothing against an address; another one may well have a port left.
    if (last.kind != base::ErrorKind::no_resources && failed != nullptr) *failed = i + 1;
  }
  co_return last;
}

}  // namespace lb::net
