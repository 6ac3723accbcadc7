// Passes bytes from one stream to another inside the kernel.
#pragma once

#include <cstdint>

#include "net/pipe.hpp"
#include "net/stream.hpp"

namespace lb::net {

// Whether that can be done now: both are sockets of the kernel's, and nothing of what comes was read ahead.
[[nodiscard]] inline bool may_relay(Stream& from, Stream& to) noexcept {
  const Splicer* const splicer = from.splicer();
  return splicer != nullptr && splicer->may_splice() && to.splicer() != nullptr;
}

// Up to `bytes` bytes, no more of which are read. Gives how many were passed on: fewer where the kernel does not splice
// these; copying goes on from there then. `read_idle` bounds each wait for bytes, `write_idle` each for room. Errors:
// those of reading and of writing. Only while may_relay(from, to). Everything outlives the call.
[[nodiscard]] Awaitable<base::Result<std::uint64_t>> relay(Stream& from, Stream& to, Pipe& pipe, std::uint64_t bytes,
                                                           base::Duration read_idle, base::Duration write_idle);

}  // namespace lb::net
