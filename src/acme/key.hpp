// Keys, all of them P-256: for the account, for certificates.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "acme/openssl.hpp"

namespace lb::acme {

using Hash = std::array<unsigned char, 32>;

[[nodiscard]] Hash sha256(std::string_view text);

class Key {
 public:
  [[nodiscard]] static Key make();
  // Nothing: it is no private key of P-256 in PEM.
  [[nodiscard]] static std::optional<Key> read(const std::string& pem);

  // PKCS #8.
  [[nodiscard]] std::string pem() const;

  // ES256: R and S, 32 bytes each (RFC 7518 section 3.4).
  [[nodiscard]] std::string sign(std::string_view text) const;
  // The public key as JSON, its members in the order and form of RFC 7638 section 3.2.
  [[nodiscard]] std::string jwk() const;
  // RFC 7638, in base64url.
  [[nodiscard]] std::string thumbprint() const;
  // RFC 8555 section 8.1.
  [[nodiscard]] std::string authorization_of(std::string_view token) const;

  [[nodiscard]] const KeyPtr& get() const noexcept { return key_; }

 private:
  explicit Key(KeyPtr key) noexcept : key_(std::move(key)) {}

  KeyPtr key_;
};

}  // namespace lb::acme
