// Signed requests to the authority (RFC 8555 section 6.2, RFC 7515).
#pragma once

#include <string>
#include <string_view>

#include "acme/key.hpp"

namespace lb::acme {

// The flattened JSON form. Without an account's address the key itself is told. An empty payload is a question alone
// (POST-as-GET).
[[nodiscard]] std::string signed_request(const Key& key, std::string_view account, std::string_view nonce,
                                         std::string_view url, std::string_view payload);

}  // namespace lb::acme
