// Authentication that logs a connection in rather than a request.
#pragma once

#include "http/message.hpp"

namespace lb::http {

// Whether a head of either kind speaks of NTLM or Negotiate: as credentials (Authorization, Proxy-Authorization) or as
// a challenge (WWW-Authenticate, Proxy-Authenticate). RFC 4559 section 6: what follows on such a connection is taken
// for the same user's, so that a proxy must not share it.
[[nodiscard]] bool authenticates_connection(const Fields& fields) noexcept;

}  // namespace lb::http
