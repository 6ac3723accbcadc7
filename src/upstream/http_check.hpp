// An HTTP health check on a connection that was just made.
#pragma once

#include <string>

#include "net/block_pool.hpp"
#include "net/stream.hpp"
#include "upstream/checker.hpp"

namespace lb::upstream {

// Why the check failed, or nothing. Ends at the deadline at the latest.
[[nodiscard]] net::Awaitable<std::string> check_http(net::StreamPtr stream, net::BlockPool& blocks,
                                                     const HttpCheck& check, const Endpoint& endpoint,
                                                     base::Deadline deadline);

}  // namespace lb::upstream
