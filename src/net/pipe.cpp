#include "net/pipe.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

#include "base/check.hpp"
#include "base/limits.hpp"

namespace lb::net {
namespace {

constexpr unsigned kFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

ssize_t result_of(ssize_t returned) noexcept {
  return returned < 0 ? -errno : returned;
}

}  // namespace

Pipe::~Pipe() {
  if (pool_ != nullptr) pool_->give_back(ends_, held_ == 0);
}

ssize_t Pipe::fill_from(int socket, std::size_t bytes_max) noexcept {
  if (end_) return *end_;
  // The kernel gives what one look finds. Whoever sends goes on meanwhile, and one larger write costs less than two.
  const std::size_t before = held_;
  while (held_ - before < bytes_max) {
    const ssize_t taken = result_of(::splice(socket, nullptr, ends_.in, nullptr, bytes_max - (held_ - before), kFlags));
    if (taken > 0) {
      held_ += static_cast<std::size_t>(taken);
      continue;
    }
    if (held_ == before) return taken;
    if (taken != -EAGAIN && taken != -EINTR) end_ = taken;  // an error is told once only
    break;
  }
  return static_cast<ssize_t>(held_ - before);
}

ssize_t Pipe::drain_to(int socket) noexcept {
  LB_CHECK(held_ > 0);
  const ssize_t given = result_of(::splice(ends_.out, nullptr, socket, nullptr, held_, kFlags));
  if (given > 0) held_ -= static_cast<std::size_t>(given);
  return given;
}

ssize_t Pipe::read(asio::mutable_buffer into) noexcept {
  LB_CHECK(held_ > 0);
  const ssize_t given = result_of(::read(ends_.out, into.data(), std::min(into.size(), held_)));
  if (given > 0) held_ -= static_cast<std::size_t>(given);
  return given;
}

bool Pipe::is_refusal(ssize_t result) noexcept {
  return result == -EINVAL || result == -ENOSYS || result == -EPERM || result == -EOPNOTSUPP || result == -ENOMEM;
}

PipePool::PipePool(DeadlineWheel& wheel) noexcept
    : wheel_(wheel), sweep_(wheel, DeadlineWheel::Fire::to<&PipePool::sweep>(*this)) {}

PipePool::~PipePool() {
  LB_CHECK(in_use_ == 0);
  for (const Pipe::Ends ends : kept_) close_both(ends);
}

Pipe PipePool::take() {
  if (!kept_.empty()) {
    const Pipe::Ends ends = kept_.back();
    kept_.pop_back();
    unused_ = std::min(unused_, kept_.size());
    ++in_use_;
    return {*this, ends};
  }
  if (in_use_ >= pipes_max_) return {};
  kept_.reserve(base::kPipesKept);  // giving back cannot fail
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return {};
  ::fcntl(ends[1], F_SETPIPE_SZ, base::kPipeBytes);  // where that is refused, it stays as large as it is
  if (::fcntl(ends[1], F_GETPIPE_SZ) < base::kPipeBytesMin) {
    // The kernel makes them of a page or two for users that have many: copying costs less.
    close_both({.out = ends[0], .in = ends[1]});
    return {};
  }
  ++in_use_;
  return {*this, {.out = ends[0], .in = ends[1]}};
}

void PipePool::close_both(Pipe::Ends ends) noexcept {
  ::close(ends.out);
  ::close(ends.in);
}

void PipePool::give_back(Pipe::Ends ends, bool empty) noexcept {
  --in_use_;
  if (!empty || kept_.size() >= base::kPipesKept) return close_both(ends);
  kept_.push_back(ends);
  if (sweeping_) return;
  sweeping_ = true;
  sweep_.arm(wheel_.after(base::kBlocksUnusedFor));
}

void PipePool::sweep() noexcept {
  for (std::size_t i = 0; i < unused_; ++i) close_both(kept_[i]);
  kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(unused_));
  unused_ = kept_.size();
  sweeping_ = !kept_.empty();
  if (sweeping_) sweep_.arm(wheel_.after(base::kBlocksUnusedFor));
}

}  // namespace lb::net
