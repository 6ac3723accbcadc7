// TCP connections to backends.
#pragma once

#include <memory>
#include <vector>

#include "net/tcp_stream.hpp"

namespace lb::net {

using Addresses = std::vector<Tcp::endpoint>;

// Tries the addresses in order, each for its share of the time that is left. Errors: connect_refused, connect_timeout,
// connect_failed (of the last address), resolve_failed (no address), no_resources (ours, not the backend's).
// `addresses` is a copy: the list may be replaced meanwhile. `failed`, if not null, becomes the number of addresses
// that were tried in vain: the first ones of the list.
[[nodiscard]] Awaitable<base::Result<std::unique_ptr<TcpStream>>> connect_tcp(Executor executor, DeadlineWheel& wheel,
                                                                              Addresses addresses,
                                                                              base::Deadline deadline,
                                                                              std::size_t* failed = nullptr);

}  // namespace lb::net
