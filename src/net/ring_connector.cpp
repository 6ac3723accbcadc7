#include "net/ring_connector.hpp"

#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "net/connect_timer.hpp"

namespace lb::net {
namespace {

class RingConnectTimer final : public ConnectTimer {
 public:
  RingConnectTimer(Ring& ring, AwaitedOperation& operation, DeadlineWheel& wheel, base::Deadline deadline) noexcept
      : ConnectTimer(wheel, deadline), ring_(ring), operation_(operation) {}

 private:
  bool give_up() noexcept override {
    ring_.cancel(operation_);
    return true;
  }

  Ring& ring_;
  AwaitedOperation& operation_;
};

boost::system::error_code system_error(int number) noexcept {
  return {number, boost::system::system_category()};
}

}  // namespace

Awaitable<base::Result<StreamPtr>> RingConnector::connect(Tcp::endpoint address, base::Deadline deadline,
                                                          std::string_view preface) {
  const int descriptor = ::socket(address.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  if (descriptor < 0) co_return connect_error(system_error(errno), address, false);
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  AwaitedOperation connected;
  RingConnectTimer timer(ring_, connected, wheel_, deadline);
  ring_.connect(connected, descriptor, *address.data(), static_cast<socklen_t>(address.size()));
  co_await connected.waiter.suspend();
  timer.disarm();
  const int result = connected.outcome.result;
  if (result >= 0) {
    StreamPtr stream = std::make_unique<RingStream>(ring_, executor_, wheel_, descriptor, base::Side::upstream);
    if (!preface.empty()) co_return co_await begin_with(std::move(stream), preface, deadline);
    co_return std::move(stream);
  }
  ring_.close(descriptor);
  co_return connect_error(system_error(-result), address, timer.expired());
}

}  // namespace lb::net
