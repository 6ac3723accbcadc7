#include "net/connector.hpp"

#include <cerrno>
#include <poll.h>
#include <utility>

#include "net/connect_timer.hpp"

namespace lb::net {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;
using base::Side;

class TcpConnectTimer final : public ConnectTimer {
 public:
  TcpConnectTimer(TcpSocket& socket, DeadlineWheel& wheel, base::Deadline deadline) noexcept
      : ConnectTimer(wheel, deadline), socket_(socket) {}

 private:
  bool give_up() noexcept override {
    // The thread may have been held up for longer than the deadline, while the kernel has got an answer: that one
    // counts, and comes as soon as the loop looks.
    pollfd answered{.fd = socket_.native_handle(), .events = POLLOUT, .revents = 0};
    if (::poll(&answered, 1, 0) == 1) return false;
    boost::system::error_code ignored;
    socket_.close(ignored);
    return true;
  }

  TcpSocket& socket_;
};

}  // namespace

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

Awaitable<Result<StreamPtr>> begin_with(StreamPtr stream, std::string_view preface, base::Deadline deadline) {
  BufferList buffers;
  buffers.emplace_back(preface.data(), preface.size());
  const auto left = std::chrono::duration_cast<base::Duration>(deadline - stream->wheel().now());
  const auto sent = co_await stream->write(buffers, std::max(left, base::Duration(1)));
  if (!sent) co_return sent.error();
  co_return std::move(stream);
}

Awaitable<Result<StreamPtr>> TcpConnector::connect(Tcp::endpoint address, base::Deadline deadline,
                                                   std::string_view preface) {
  TcpSocket socket(executor_);
  boost::system::error_code code;
  socket.open(address.protocol(), code);
  if (code) co_return connect_error(code, address, false);
  TcpConnectTimer timer(socket, wheel_, deadline);
  std::tie(code) = co_await socket.async_connect(address, use_result);
  timer.disarm();
  if (code || timer.expired()) co_return connect_error(code, address, timer.expired());
  StreamPtr stream = std::make_unique<TcpStream>(std::move(socket), wheel_, Side::upstream);
  if (!preface.empty()) co_return co_await begin_with(std::move(stream), preface, deadline);
  co_return std::move(stream);
}

}  // namespace lb::net
