// An HTTP health check on a connection that was just made.
#pragma once

#include <string>

#include "http1/settings.hpp"
#include "net/block_pool.hpp"
#include "net/stream.hpp"
#include "upstream/checker.hpp"

namespace lb::upstream {

// Why the check failed, or nothing. Ends at the deadline at the latest. `settings`: of this check alone.
[[nodiscard]] net::Awaitable<std::string> check_http(net::StreamPtr stream, net::BlockPool& blocks,
                                                     http1::Settings& settings, const HttpCheck& check,
                                                     const Endpoint& endpoint, base::Deadline deadline);

}  // namespace lb::upstream
