// The part of RingStream that passes bytes on inside the kernel.
#include <cerrno>
#include <sys/ioctl.h>

#include "base/check.hpp"
#include "net/pipe.hpp"
#include "net/ring_stream.hpp"

namespace lb::net {

using base::Result;

namespace {

// splice(2) has no flag for what MSG_DONTWAIT is to recv(2) and send(2). Only for the call: on a socket that is
// non-blocking the ring does not wait either.
class NonBlocking {
 public:
  explicit NonBlocking(int socket) noexcept : socket_(socket) { set(1); }
  ~NonBlocking() { set(0); }
  NonBlocking(const NonBlocking&) = delete;
  NonBlocking& operator=(const NonBlocking&) = delete;

 private:
  void set(int on) const noexcept { ::ioctl(socket_, FIONBIO, &on); }
  int socket_;
};

}  // namespace

bool RingStream::may_splice() const noexcept {
  return in_bulk_ && !has_stash() && (ahead_ == nullptr || !ahead_->pending);
}

Result<std::size_t> RingStream::splice_in(Pipe& pipe, std::size_t bytes_max) noexcept {
  LB_CHECK(!reading_ && may_splice());
  if (ended_ || descriptor_ < 0) return error_of(Stop::none, end_);
  more_to_read_ = false;
  ssize_t result = 0;
  {
    const NonBlocking meanwhile(descriptor_);
    result = pipe.fill_from(descriptor_, bytes_max);
  }
  if (result > 0) {
    came_ += static_cast<std::size_t>(result);
    return static_cast<std::size_t>(result);
  }
  if (result == -EAGAIN || result == -EINTR || Pipe::is_refusal(result)) return 0;
  note_end(static_cast<int>(result));
  return error_of(Stop::none, end_);
}

Awaitable<Result<void>> RingStream::splice_out(Pipe& pipe, base::Duration idle) {
  LB_CHECK(!writing_);
  writing_ = true;
  write_stop_ = Stop::none;
  ssize_t result = 0;
  while (pipe.held() > 0 && write_stop_ == Stop::none && descriptor_ >= 0) {
    {
      const NonBlocking meanwhile(descriptor_);
      result = pipe.drain_to(descriptor_);
    }
    if (result > 0) bytes_written_ += static_cast<std::size_t>(result);
    if (result > 0 || result == -EINTR) continue;
    if (result != -EAGAIN) break;
    write_deadline_.arm(wheel_.after(idle));
    ring_.wait_writable(send_, descriptor_);
    co_await send_.waiter.suspend();
    if (send_.outcome.result > 0 && write_stop_ == Stop::expired) write_stop_ = Stop::none;  // it came too late
  }
  writing_ = false;
  write_deadline_.disarm();
  if (pipe.held() == 0 || Pipe::is_refusal(result)) co_return Result<void>();
  co_return error_of(write_stop_, static_cast<int>(result));
}

}  // namespace lb::net
