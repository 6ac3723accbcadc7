#include "net/relay.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/check.hpp"
#include "base/limits.hpp"

namespace lb::net {
namespace {

// What the pipe holds, by copying it.
Awaitable<base::Result<void>> write_out(Pipe& pipe, Stream& to, base::Duration idle) {
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

}  // namespace

Awaitable<base::Result<std::uint64_t>> relay(Stream& from, Stream& to, Pipe& pipe, std::uint64_t bytes,
                                             base::Duration read_idle, base::Duration write_idle) {
  LB_CHECK(may_relay(from, to));
  Splicer& splicer = *from.splicer();
  // A stream may be said to be readable and then not be, for once. Where nothing can ever be spliced, because the
  // kernel does not or because of urgent data, reading gets further.
  constexpr int kVainTurnsMax = 3;
  std::uint64_t left = bytes;
  for (int vain_turns = 0; left > 0 && vain_turns < kVainTurnsMax;) {
    // Others have their turn in each wait, also where there is something already.
    const auto readable = co_await from.wait_readable(from.wheel().after(read_idle));
    if (!readable) co_return readable.error();
    const auto taken = splicer.splice_in(pipe, std::min<std::uint64_t>(left, base::kSpliceTurnBytes));
    if (!taken) co_return taken.error();
    vain_turns = *taken > 0 ? 0 : vain_turns + 1;
    if (*taken == 0) continue;
    left -= *taken;
    const auto passed = co_await to.splicer()->splice_out(pipe, write_idle);
    if (!passed) co_return passed.error();
    if (pipe.held() == 0) continue;
    const auto written = co_await write_out(pipe, to, write_idle);
    if (!written) co_return written.error();
    break;
  }
  co_return bytes - left;
}

}  // namespace lb::net
