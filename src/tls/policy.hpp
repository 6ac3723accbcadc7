// Versions, ciphers and groups that we speak, on both sides.
#pragma once

#include <openssl/ssl.h>
#include <string>
#include <string_view>

namespace lb::tls {

// TLS 1.2 and 1.3 with ephemeral keys and authenticated ciphers alone (RFC 9325), no renegotiation, no compression;
// buffers are given back while a connection idles.
void apply_policy(SSL_CTX& context) noexcept;

// ASCII letters.
[[nodiscard]] std::string lower(std::string_view text);

}  // namespace lb::tls
