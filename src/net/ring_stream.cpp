#include "net/ring_stream.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/uio.h>
#include <utility>

#include "base/check.hpp"
#include "net/listen_sockets.hpp"
#include "net/yield.hpp"

namespace lb::net {

using base::Error;
using base::ErrorKind;
using base::Result;

namespace {

// A write of so much has a system call of its own, so that the buffer is free again in the same turn of the loop: so
// few large ones serve many connections.
constexpr std::size_t kWrittenNow = 16 * 1024;

}  // namespace

RingStream::RingStream(Ring& ring, Executor executor, DeadlineWheel& wheel, int descriptor, base::Side side)
    : Stream(std::move(executor), wheel, side),
      ring_(ring),
      descriptor_(descriptor),
      read_deadline_(wheel, DeadlineWheel::Fire::to<&RingStream::read_expired>(*this)),
      write_deadline_(wheel, DeadlineWheel::Fire::to<&RingStream::write_expired>(*this)) {}

RingStream::~RingStream() {
  LB_CHECK(!direct_.pending && !send_.pending);
  close();
  drop_stash();
  if (ahead_ == nullptr) return;
  ahead_->stream = nullptr;
  if (ahead_->pending) static_cast<void>(ahead_.release());
}

void RingStream::Ahead::call(Operation& self, const Ring::Outcome& outcome) noexcept {
  auto& ahead = static_cast<Ahead&>(self);
  if (ahead.stream != nullptr) return ahead.stream->came_ahead(outcome);
  if (outcome.buffer >= 0) ahead.ring.give_back(outcome.buffer);
  delete &ahead;
}

void RingStream::came_ahead(const Ring::Outcome& outcome) {
  if (ahead_->only_looks) {
    at_once_ = more_to_read_ = outcome.result > 0;
    if (outcome.result <= 0) note_end(outcome.result);
    if (direct_.waiter) direct_.waiter.resume();
    return;
  }
  if (outcome.buffer >= 0) {
    stash_ = {.buffer = outcome.buffer, .end = static_cast<std::size_t>(std::max(outcome.result, 0))};
    if (outcome.result <= 0) drop_stash();
  }
  more_to_read_ = outcome.more_to_read;
  if (outcome.result > 0) {
    if (static_cast<std::size_t>(outcome.result) == Ring::kBufferBytes) in_bulk_ = true;
  } else if (outcome.result == -ENOBUFS) {
    // The others have taken all buffers: this one needs one of its own, for what has come.
    in_bulk_ = true;
    more_to_read_ = true;
  } else {
    note_end(outcome.result);
  }
  if (direct_.waiter) {
    direct_.waiter.resume();
  } else {
    spill_stash();  // nobody knows when it will be read
  }
}

void RingStream::note_end(int result) noexcept {
  if (result > 0 || result == -ECANCELED || result == -EINTR || result == -EAGAIN) return;
  ended_ = true;
  end_ = result;
}

std::size_t RingStream::read_stash(ReadBuffer& into) {
  const std::size_t stashed = stash_.end - stash_.begin;
  const asio::mutable_buffer room = into.prepare(more_to_read_ ? 2 * stashed : stashed);
  const std::size_t bytes = std::min(room.size(), stashed);
  const char* from = stash_.buffer >= 0 ? ring_.buffer(stash_.buffer) : stash_.spilled.get();
  std::memcpy(room.data(), from + stash_.begin, bytes);
  came_ += bytes;
  stash_.begin += bytes;
  if (stash_.begin == stash_.end) {
    drop_stash();
  } else {
    spill_stash();
  }
  return bytes;
}

// The buffers of the ring are few: who does not read must not keep one from the others.
void RingStream::spill_stash() {
  if (stash_.buffer < 0) return;
  const std::size_t bytes = stash_.end - stash_.begin;
  auto spilled = std::make_unique_for_overwrite<char[]>(bytes);
  std::memcpy(spilled.get(), ring_.buffer(stash_.buffer) + stash_.begin, bytes);
  drop_stash();
  stash_ = {.spilled = std::move(spilled), .end = bytes};
}

void RingStream::drop_stash() noexcept {
  if (stash_.buffer >= 0) ring_.give_back(stash_.buffer);
  stash_ = Stash{};
}

Error RingStream::error_of(Stop stop, int result) const noexcept {
  if (stop == Stop::expired) return {ErrorKind::timeout, side_, "no progress within the timeout"};
  if (stop == Stop::cancelled || descriptor_ < 0) return {ErrorKind::cancelled, side_, "cancelled"};
  if (result == 0) return {ErrorKind::closed, side_, base::to_string(ErrorKind::closed)};
  const ErrorKind kind = base::kind_of(boost::system::error_code(-result, boost::system::system_category()));
  return {kind, side_, base::to_string(kind)};
}

Awaitable<Result<std::size_t>> RingStream::read_some(ReadBuffer& into, base::Deadline deadline) {
  LB_CHECK(!reading_);
  if (has_stash() && descriptor_ >= 0) co_return read_stash(into);
  reading_ = true;
  read_stop_ = Stop::none;
  read_deadline_.arm(deadline);
  std::size_t bytes = 0;
  while (bytes == 0 && !has_stash() && !ended_ && read_stop_ == Stop::none && descriptor_ >= 0) {
    if (in_bulk_ && (ahead_ == nullptr || !ahead_->pending)) {
      if (std::exchange(at_once_, false)) {
        bytes = receive_now(into);
        continue;
      }
      const asio::mutable_buffer room = into.prepare(likely_);
      ring_.receive(direct_, descriptor_, {static_cast<char*>(room.data()), room.size()}, more_to_read_);
      co_await direct_.waiter.suspend();
      more_to_read_ = direct_.outcome.more_to_read;
      bytes = note_received(direct_.outcome.result);
    } else {
      into.release();
      if (ahead_ == nullptr || !ahead_->pending) read_into_ring();
      co_await direct_.waiter.suspend();
    }
  }
  reading_ = false;
  read_deadline_.disarm();
  if (bytes > 0) co_return bytes;
  if (has_stash() && descriptor_ >= 0) co_return read_stash(into);
  co_return error_of(read_stop_, end_);
}

std::size_t RingStream::read_at_hand(ReadBuffer& into) {
  LB_CHECK(!reading_);
  if (descriptor_ < 0) return 0;
  if (has_stash()) return read_stash(into);
  if (!more_to_read_ || ended_ || (ahead_ != nullptr && ahead_->pending)) return 0;
  return receive_now(into);
}

std::size_t RingStream::receive_now(ReadBuffer& into) noexcept {
  const asio::mutable_buffer room = into.prepare(likely_);
  const ssize_t result = ::recv(descriptor_, room.data(), room.size(), MSG_DONTWAIT);
  more_to_read_ = result > 0 && static_cast<std::size_t>(result) == room.size();
  return note_received(result < 0 ? -errno : static_cast<int>(result));
}

std::size_t RingStream::note_received(int result) noexcept {
  if (result > 0) {
    came_ += static_cast<std::size_t>(result);
    return static_cast<std::size_t>(result);
  }
  note_end(result);
  return 0;
}

void RingStream::read_into_ring() noexcept {
  if (ahead_ == nullptr) ahead_ = std::make_unique<Ahead>(*this);
  ahead_->only_looks = in_bulk_;
  if (in_bulk_) {
    ring_.wait_readable(*ahead_, descriptor_);
  } else {
    ring_.receive_into_ring(*ahead_, descriptor_);
  }
}

bool RingStream::read_ahead() noexcept {
  // A buffer that was filled to its last byte says only that there may be more.
  if (more_to_read_ && !has_stash()) more_to_read_ = probe() == Probe::readable;
  in_bulk_ = came_ > Ring::kBufferBytes;
  // Of what is going to be spliced only the head is to be read.
  likely_ = came_ < base::kSpliceBytesMin + base::kSmallBlockBytes ? came_ : 0;
  came_ = 0;
  const bool reads = has_stash() || ended_ || descriptor_ < 0 || direct_.pending || (ahead_ && ahead_->pending);
  if (!reads) read_into_ring();
  return true;
}

Awaitable<Result<void>> RingStream::wait_readable(base::Deadline deadline) {
  LB_CHECK(!reading_);
  reading_ = true;
  read_stop_ = Stop::none;
  read_deadline_.arm(deadline);
  bool readable = has_stash() || more_to_read_;
  while (!readable && !ended_ && read_stop_ == Stop::none && descriptor_ >= 0) {
    if (ahead_ != nullptr && ahead_->pending) {
      co_await direct_.waiter.suspend();
    } else if (!in_bulk_) {
      read_into_ring();
      co_await direct_.waiter.suspend();
    } else {
      ring_.wait_readable(direct_, descriptor_);
      co_await direct_.waiter.suspend();
      readable = direct_.outcome.result > 0;
      if (!readable) note_end(direct_.outcome.result);
    }
    readable = readable || has_stash() || more_to_read_;
  }
  reading_ = false;
  read_deadline_.disarm();
  // The end can be read, too.
  if ((readable || ended_) && descriptor_ >= 0) co_return Result<void>();
  co_return error_of(read_stop_, end_);
}

Awaitable<Result<void>> RingStream::write(const BufferList& from, base::Duration idle, Next next) {
  const int flags = next == Next::anything ? 0 : MSG_MORE;
  LB_CHECK(!writing_);
  std::array<iovec, kGatherMax> parts{};
  std::size_t count = 0;
  for (const asio::const_buffer& part : from) {
    if (part.size() > 0) parts[count++] = {const_cast<void*>(part.data()), part.size()};
  }
  std::size_t first = 0;
  writing_ = true;
  write_stop_ = Stop::none;
  int result = 0;
  bool now = next == Next::more || asio::buffer_size(from) >= kWrittenNow;
  if (now) {
    Yield yield(executor_);
    co_await yield;
  }
  while (first < count && write_stop_ == Stop::none && descriptor_ >= 0) {
    msghdr message{};
    message.msg_iov = &parts[first];
    message.msg_iovlen = count - first;
    if (std::exchange(now, false)) {
      const ssize_t sent = ::sendmsg(descriptor_, &message, flags | MSG_NOSIGNAL | MSG_DONTWAIT);
      result = sent < 0 ? -errno : static_cast<int>(sent);
    } else {
      write_deadline_.arm(wheel_.after(idle));
      if (count - first == 1) {
        ring_.send(send_, descriptor_, {static_cast<const char*>(parts[first].iov_base), parts[first].iov_len}, flags);
      } else {
        ring_.send(send_, descriptor_, message, flags);
      }
      co_await send_.waiter.suspend();
      result = send_.outcome.result;
    }
    if (result < 0) {
      if (result == -EINTR || result == -EAGAIN) continue;
      break;
    }
    auto written = static_cast<std::size_t>(result);
    bytes_written_ += written;
    while (first < count && written >= parts[first].iov_len) written -= parts[first++].iov_len;
    if (first < count && written > 0) {
      parts[first].iov_base = static_cast<char*>(parts[first].iov_base) + written;
      parts[first].iov_len -= written;
    }
    if (write_stop_ == Stop::expired) write_stop_ = Stop::none;  // there was room: it came too late
  }
  writing_ = false;
  write_deadline_.disarm();
  if (first == count) co_return Result<void>();
  co_return error_of(write_stop_, result);
}

void RingStream::set_read_deadline(base::Deadline deadline) noexcept {
  if (reading_) read_deadline_.arm(deadline);
}

void RingStream::stop_reading(Stop why) noexcept {
  if (!reading_ || read_stop_ != Stop::none) return;
  read_stop_ = why;
  if (direct_.pending) {
    ring_.cancel(direct_);
  } else if (direct_.waiter) {
    direct_.waiter.post(executor_);  // what it waited for may still come, and is kept for the next read
  }
}

void RingStream::stop_writing(Stop why) noexcept {
  if (!writing_ || write_stop_ != Stop::none) return;
  write_stop_ = why;
  if (send_.pending) ring_.cancel(send_);
}

void RingStream::read_expired() noexcept {
  stop_reading(Stop::expired);
}

void RingStream::write_expired() noexcept {
  stop_writing(Stop::expired);
}

Probe RingStream::noticed() noexcept {
  if (descriptor_ < 0) return Probe::closed;
  if (has_stash() || more_to_read_) return Probe::readable;
  return ended_ ? Probe::closed : Probe::quiet;
}

Probe RingStream::probe() noexcept {
  if (descriptor_ < 0) return Probe::closed;  // whatever has come can be read no more
  if (has_stash()) return Probe::readable;
  if (ended_) return Probe::closed;
  char byte = 0;
  const ssize_t bytes = ::recv(descriptor_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (bytes > 0) return Probe::readable;
  return bytes < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? Probe::quiet : Probe::closed;
}

Awaitable<Result<void>> RingStream::shutdown_send(base::Duration /*idle*/) {
  if (descriptor_ >= 0) ::shutdown(descriptor_, SHUT_WR);
  co_return Result<void>();
}

asio::ip::tcp::endpoint RingStream::local_endpoint() const noexcept {
  return descriptor_ < 0 ? asio::ip::tcp::endpoint() : net::local_endpoint(descriptor_);
}

void RingStream::close() noexcept {
  if (descriptor_ < 0) return;
  stop_reading(Stop::cancelled);
  stop_writing(Stop::cancelled);
  // An operation that pends holds the socket open.
  if (ahead_ != nullptr && ahead_->pending) ring_.cancel(*ahead_);
  ring_.close(std::exchange(descriptor_, -1));
}

void RingStream::abort() noexcept {
  if (descriptor_ < 0) return;
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close();
}

}  // namespace lb::net
