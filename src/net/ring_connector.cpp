#include "net/ring_connector.hpp"

#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace lb::net {
namespace {

struct ConnectTimer {
  ConnectTimer(Ring& its_ring, AwaitedOperation& its_operation, DeadlineWheel& wheel)
      : ring(its_ring), operation(its_operation), entry(wheel, &ConnectTimer::fire, this) {}

  static void fire(void* context) noexcept {
    auto& self = *static_cast<ConnectTimer*>(context);
    self.expired = true;
    self.ring.cancel(self.operation);
  }

  Ring& ring;
  AwaitedOperation& operation;
  DeadlineWheel::Entry entry;
  bool expired = false;
};

boost::system::error_code system_error(int number) noexcept {
  return {number, boost::system::system_category()};
}

}  // namespace

Awaitable<base::Result<StreamPtr>> RingConnector::connect(Tcp::endpoint address, base::Deadline deadline) {
  const int descriptor = ::socket(address.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  if (descriptor < 0) co_return connect_error(system_error(errno), address, false);
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  AwaitedOperation connected;
  ConnectTimer timer(ring_, connected, wheel_);
  timer.entry.arm(deadline);
  ring_.connect(connected, descriptor, *address.data(), static_cast<socklen_t>(address.size()));
  co_await connected.waiter.suspend();
  timer.entry.disarm();
  const int result = connected.outcome.result;
  if (result >= 0) co_return std::make_unique<RingStream>(ring_, executor_, wheel_, descriptor, base::Side::upstream);
  ring_.close(descriptor);
  co_return connect_error(system_error(-result), address, timer.expired);
}

}  // namespace lb::net
