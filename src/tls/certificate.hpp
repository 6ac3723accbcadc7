// A certificate with its chain and key, as files have them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

#include "tls/openssl.hpp"

namespace lb::tls {

// A value, or a sentence for the user that names the file.
struct Problem {
  std::string text;
};
template <class T>
using Loaded = boost::system::result<T, Problem>;

// Never changes; any thread. The key is never shown.
struct Certificate {
  X509Ptr leaf;
  std::vector<X509Ptr> chain;  // the issuers, as the file has them
  KeyPtr key;
  std::vector<std::string> names;  // DNS names and addresses that it is for, lower case; "*.example.org" as it is
  std::int64_t not_before = 0;     // Unix time, seconds
  std::int64_t not_after = 0;
  std::string path;  // for people

  [[nodiscard]] std::string_view first_name() const noexcept {
    return names.empty() ? std::string_view() : std::string_view(names.front());
  }
};
using CertificatePtr = std::shared_ptr<const Certificate>;

// PEM: the certificate, then its issuers; and its key, which has to fit and not to be encrypted. Blocks on the files,
// which are small.
[[nodiscard]] Loaded<CertificatePtr> load_certificate(const std::string& certificate_path, const std::string& key_path);
// The same from texts; `path` names them in messages.
[[nodiscard]] Loaded<CertificatePtr> parse_certificate(std::string_view certificate_pem, std::string_view key_pem,
                                                       const std::string& path, const std::string& key_path);

// A file of certificates of authorities: all of them.
[[nodiscard]] Loaded<std::vector<X509Ptr>> load_authorities(const std::string& path);

// The whole of a small file, at most 1 MiB.
struct FileText {
  std::string bytes;
};
[[nodiscard]] Loaded<FileText> read_small_file(const std::string& path);

// Subject as RFC 4514 has it; SHA-256 of the DER as 64 lower-case hex digits.
[[nodiscard]] std::string subject_of(const X509& certificate);
[[nodiscard]] std::string sha256_of(const X509& certificate);
// Of any bytes, likewise.
[[nodiscard]] std::string sha256_of(std::string_view bytes);

}  // namespace lb::tls
