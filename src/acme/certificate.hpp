// Certificates: those that an authority gave, those that we ask for, and those that we make ourselves.
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <string_view>

#include "acme/key.hpp"
#include "acme/problem.hpp"

namespace lb::acme {

// What a server needs to serve with a certificate.
struct Pair {
  std::string chain;  // PEM, the domain's own certificate first
  std::string key;    // PEM
};

// A chain with the key that belongs to it.
struct Certificate {
  Pair pair;
  std::time_t not_before = 0;  // Unix seconds
  std::time_t not_after = 0;
};

// Reads a chain and looks whether it and the key belong together and are the domain's. What else the text holds is
// dropped.
[[nodiscard]] Outcome<Certificate> read_certificate(const std::string& chain, const Key& key,
                                                    const std::string& domain);

// When a certificate is to be renewed: at two thirds of its life.
[[nodiscard]] std::time_t renewal_of(const Certificate& certificate) noexcept;

// A request for a certificate (PKCS #10) for the domain, as DER.
[[nodiscard]] std::string certificate_request(const Key& key, const std::string& domain);

// A self-signed certificate of kStandInTime for a domain that has none yet, with a key of its own. `now`: Unix seconds.
[[nodiscard]] Pair make_stand_in(const std::string& domain, std::time_t now);

// What proves by tls-alpn-01 that a domain is ours (RFC 8737 section 3).
struct AlpnCertificate {
  Pair pair;
  CertificatePtr certificate;  // the same
  KeyPtr key;
};
[[nodiscard]] std::shared_ptr<const AlpnCertificate> make_alpn_certificate(const std::string& domain,
                                                                           std::string_view key_authorization,
                                                                           std::time_t now);

}  // namespace lb::acme
