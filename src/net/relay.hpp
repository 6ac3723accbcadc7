// Passes bytes from one stream to another inside the kernel.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "base/limits.hpp"
#include "net/pipe.hpp"
#include "net/stream.hpp"

namespace lb::net {

namespace detail {

// What the pipe holds, by copying it.
template <SplicingStream To>
Awaitable<base::Result<void>> write_out(Pipe& pipe, To& to, base::Duration idle) {
  std::array<char, 4096> block;
  while (pipe.held() > 0) {
    const ssize_t bytes = pipe.read({block.data(), block.size()});
    if (bytes == -EINTR) continue;
    if (bytes <= 0) co_return base::Error{base::ErrorKind::io, base::Side::internal, "a pipe lost bytes"};
    BufferList buffers;
    buffers.emplace_back(block.data(), static_cast<std::size_t>(bytes));
    const auto written = co_await to.write(buffers, idle);
    if (!written) co_return written.error();
  }
  co_return base::Result<void>();
}

}  // namespace detail

// Up to `bytes` bytes, no more of which are read. Gives how many were passed on: fewer where the kernel does not splice
// these; copying goes on from there then. `read_idle` bounds each wait for bytes, `write_idle` each for room. Errors:
// those of reading and of writing. Only while from.may_splice(). Everything outlives the call.
template <SplicingStream From, SplicingStream To>
Awaitable<base::Result<std::uint64_t>> relay(From& from, To& to, Pipe& pipe, std::uint64_t bytes,
                                             base::Duration read_idle, base::Duration write_idle) {
  // A stream may be said to be readable and then not be, for once. Where nothing can ever be spliced, because the
  // kernel does not or because of urgent data, reading gets further.
  constexpr int kVainTurnsMax = 3;
  std::uint64_t left = bytes;
  for (int vain_turns = 0; left > 0 && vain_turns < kVainTurnsMax;) {
    // Others have their turn in each wait, also where there is something already.
    const auto readable = co_await from.wait_readable(from.wheel().after(read_idle));
    if (!readable) co_return readable.error();
    const auto taken = from.splice_in(pipe, std::min<std::uint64_t>(left, base::kSpliceTurnBytes));
    if (!taken) co_return taken.error();
    vain_turns = *taken > 0 ? 0 : vain_turns + 1;
    if (*taken == 0) continue;
    left -= *taken;
    const auto passed = co_await to.splice_out(pipe, write_idle);
    if (!passed) co_return passed.error();
    if (pipe.held() == 0) continue;
    const auto written = co_await detail::write_out(pipe, to, write_idle);
    if (!written) co_return written.error();
    break;
  }
  co_return bytes - left;
}

}  // namespace lb::net
