#include "net/tcp_stream.hpp"

#include <algorithm>
#include <sys/socket.h>
#include <utility>

#include "base/check.hpp"
#include "net/pipe.hpp"

namespace lb::net {

using base::Error;
using base::ErrorKind;
using base::Result;

namespace {

boost::system::error_code error_code_of(ssize_t result) noexcept {
  return {static_cast<int>(-result), boost::system::system_category()};
}

}  // namespace

TcpStream::TcpStream(TcpSocket socket, DeadlineWheel& wheel, base::Side side)
    : Stream(socket.get_executor(), wheel, side),
      socket_(std::move(socket)),
      read_{{wheel, DeadlineWheel::Fire::to<&TcpStream::read_expired>(*this)}},
      write_{{wheel, DeadlineWheel::Fire::to<&TcpStream::write_expired>(*this)}} {
  boost::system::error_code ignored;  // a connection that is gone already says so on its first use
  socket_.non_blocking(true, ignored);
  socket_.set_option(Tcp::no_delay(true), ignored);
}

void TcpStream::begin(Direction& direction, base::Deadline deadline) noexcept {
  LB_CHECK(!direction.pending);
  direction.pending = true;
  direction.stop = Stop::none;
  direction.deadline.arm(deadline);
}

// Asio's cancel() ends the operations of both directions; the one that was not meant begins again (see disturbed()).
// Operations that have completed already are not affected, so that no byte is lost.
void TcpStream::stop(Direction& direction, Stop why) noexcept {
  if (!direction.pending || direction.stop != Stop::none) return;
  direction.stop = why;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void TcpStream::read_expired() noexcept {
  stop(read_, Stop::expired);
}

void TcpStream::write_expired() noexcept {
  stop(write_, Stop::expired);
}

bool TcpStream::disturbed(const Direction& direction, const boost::system::error_code& code) const noexcept {
  return code == asio::error::operation_aborted && direction.stop == Stop::none && socket_.is_open();
}

Error TcpStream::finish(Direction& direction, const boost::system::error_code& code) noexcept {
  direction.pending = false;
  direction.deadline.disarm();
  if (!code) return {};  // as nearly always: nobody looks at it
  if (direction.stop == Stop::expired) return {ErrorKind::timeout, side_, "no progress within the timeout"};
  if (direction.stop == Stop::cancelled || code == asio::error::operation_aborted || !socket_.is_open()) {
    return {ErrorKind::cancelled, side_, "cancelled"};
  }
  return {base::kind_of(code), side_, base::to_string(base::kind_of(code))};
}

Awaitable<Result<std::size_t>> TcpStream::read_some(ReadBuffer& into, base::Deadline deadline) {
  begin(read_, deadline);
  const asio::mutable_buffer room = into.prepare(0);
  for (;;) {
    const auto [code, bytes] = co_await socket_.async_read_some(room, use_result);
    if (disturbed(read_, code)) continue;
    const Error error = finish(read_, code);
    filled_ = !code && bytes == room.size();
    if (!code) co_return bytes;
    co_return error;
  }
}

std::size_t TcpStream::read_at_hand(ReadBuffer& into) {
  LB_CHECK(!read_.pending);
  const asio::mutable_buffer room = into.prepare(0);
  const ssize_t bytes = ::recv(socket_.native_handle(), room.data(), room.size(), MSG_DONTWAIT);
  filled_ = bytes > 0 && static_cast<std::size_t>(bytes) == room.size();
  return static_cast<std::size_t>(std::max<ssize_t>(bytes, 0));
}

Awaitable<Result<void>> TcpStream::wait_readable(base::Deadline deadline) {
  begin(read_, deadline);
  for (;;) {
    const auto [code] = co_await socket_.async_wait(TcpSocket::wait_read, use_result);
    if (disturbed(read_, code)) continue;
    const Error error = finish(read_, code);
    if (!code) co_return Result<void>();
    co_return error;
  }
}

Awaitable<Result<void>> TcpStream::write(const BufferList& from, base::Duration idle, Next next) {
  const int flags = next == Next::anything ? 0 : MSG_MORE;
  BufferList rest = from;
  begin(write_, base::kNever);
  for (;;) {
    // Written at once where there is room, which is nearly always: no turn through the event loop.
    boost::system::error_code code;
    std::size_t written = socket_.send(rest, flags, code);
    bytes_written_ += written;
    while (!rest.empty() && written >= rest.front().size()) {
      written -= rest.front().size();
      rest.erase(rest.begin());
    }
    if (!rest.empty()) rest.front() += written;
    if (!code && rest.empty()) {
      static_cast<void>(finish(write_, code));
      co_return Result<void>();
    }
    if (!code) continue;
    if (code == asio::error::would_block || code == asio::error::try_again) {
      write_.deadline.arm(wheel_.after(idle));
      std::tie(code) = co_await socket_.async_wait(TcpSocket::wait_write, use_result);
      if (!code && write_.stop == Stop::expired) write_.stop = Stop::none;  // there is room: it came too late
      if (!code || disturbed(write_, code)) continue;
    }
    co_return finish(write_, code);
  }
}

Result<std::size_t> TcpStream::splice_in(Pipe& pipe, std::size_t bytes_max) noexcept {
  LB_CHECK(!read_.pending);
  filled_ = false;
  if (!socket_.is_open()) return Error{ErrorKind::cancelled, side_, "cancelled"};
  const ssize_t result = pipe.fill_from(socket_.native_handle(), bytes_max);
  if (result > 0) return static_cast<std::size_t>(result);
  if (result == -EAGAIN || result == -EINTR || Pipe::is_refusal(result)) return 0;
  const ErrorKind kind = result == 0 ? ErrorKind::closed : base::kind_of(error_code_of(result));
  return Error{kind, side_, base::to_string(kind)};
}

Awaitable<Result<void>> TcpStream::splice_out(Pipe& pipe, base::Duration idle) {
  begin(write_, base::kNever);
  boost::system::error_code code;
  while (pipe.held() > 0 && !code) {
    const ssize_t result = pipe.drain_to(socket_.native_handle());
    if (result > 0) bytes_written_ += static_cast<std::size_t>(result);
    if (result > 0 || result == -EINTR) continue;
    if (Pipe::is_refusal(result)) break;
    code = error_code_of(result);
    if (result != -EAGAIN) break;
    write_.deadline.arm(wheel_.after(idle));
    std::tie(code) = co_await socket_.async_wait(TcpSocket::wait_write, use_result);
    if (!code && write_.stop == Stop::expired) write_.stop = Stop::none;  // there is room: it came too late
    if (disturbed(write_, code)) code.clear();
  }
  const Error error = finish(write_, code);
  if (!code) co_return Result<void>();
  co_return error;
}

void TcpStream::set_read_deadline(base::Deadline deadline) noexcept {
  if (read_.pending) read_.deadline.arm(deadline);
}

Probe TcpStream::probe() noexcept {
  char byte = 0;
  const ssize_t bytes = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (bytes > 0) return Probe::readable;
  return bytes < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? Probe::quiet : Probe::closed;
}

Awaitable<Result<void>> TcpStream::shutdown_send(base::Duration /*idle*/) {
  boost::system::error_code ignored;
  socket_.shutdown(TcpSocket::shutdown_send, ignored);
  co_return Result<void>();
}

Tcp::endpoint TcpStream::local_endpoint() const noexcept {
  boost::system::error_code ignored;
  return socket_.local_endpoint(ignored);
}

void TcpStream::close() noexcept {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void TcpStream::abort() noexcept {
  boost::system::error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
}

}  // namespace lb::net
