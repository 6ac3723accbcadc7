#include "net/connector.hpp"

#include <cerrno>
#include <utility>

namespace lb::net {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;
using base::Side;

struct ConnectTimer {
  ConnectTimer(TcpSocket& s, DeadlineWheel& wheel) : socket(s), entry(wheel, &ConnectTimer::fire, this) {}

  static void fire(void* context) noexcept {
    auto& self = *static_cast<ConnectTimer*>(context);
    self.expired = true;
    boost::system::error_code ignored;
    self.socket.close(ignored);
  }

  TcpSocket& socket;
  DeadlineWheel::Entry entry;
  bool expired = false;
};

// What a failed connect() to `address` says.
Error connect_error(const boost::system::error_code& code, const Tcp::endpoint& address, bool expired) noexcept {
  if (expired) return {ErrorKind::connect_timeout, Side::upstream, "connect timed out"};
  // EADDRNOTAVAIL: for IPv4 our ports to that address ran out; for IPv6 it nearly always means a host without IPv6, as
  // containers are, to which the backend is simply not reachable.
  if (code.value() == EADDRNOTAVAIL && address.address().is_v6()) {
    return {ErrorKind::connect_failed, Side::upstream, "no route over IPv6"};
  }
  switch (base::kind_of(code)) {
    case ErrorKind::connect_refused:
      return {ErrorKind::connect_refused, Side::upstream, "connection refused"};
    case ErrorKind::timeout:
      return {ErrorKind::connect_timeout, Side::upstream, "connect timed out"};
    case ErrorKind::no_resources:
      return {ErrorKind::no_resources, Side::internal, "out of descriptors or ports"};
    default:
      return {ErrorKind::connect_failed, Side::upstream, "connect failed"};
  }
}

}  // namespace

Awaitable<Result<std::unique_ptr<TcpStream>>> connect_tcp(Executor executor, DeadlineWheel& wheel, Addresses addresses,
                                                          base::Deadline deadline, std::size_t* failed) {
  Error last{ErrorKind::resolve_failed, Side::upstream, "the name has no address"};
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const base::TimePoint now = wheel.now();
    if (now >= deadline) co_return Error{ErrorKind::connect_timeout, Side::upstream, "connect timed out"};
    TcpSocket socket(executor);
    boost::system::error_code code;
    socket.open(addresses[i].protocol(), code);
    if (!code) {
      ConnectTimer timer(socket, wheel);
      timer.entry.arm(now + (deadline - now) / static_cast<std::int64_t>(addresses.size() - i));
      std::tie(code) = co_await socket.async_connect(addresses[i], use_result);
      timer.entry.disarm();
      if (!code && !timer.expired) co_return std::make_unique<TcpStream>(std::move(socket), wheel, Side::upstream);
      last = connect_error(code, addresses[i], timer.expired);
    } else {
      last = connect_error(code, addresses[i], false);
    }
    // Another address takes a descriptor, too; it may well have a port left.
    if (code == asio::error::no_descriptors) break;
    if (failed != nullptr) *failed = i + 1;
  }
  co_return last;
}

}  // namespace lb::net
