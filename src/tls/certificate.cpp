#include "tls/certificate.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "tls/policy.hpp"

namespace lb::tls {
namespace {

constexpr std::size_t kFileBytesMax = 1024 * 1024;

BioPtr bio_of(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::int64_t unix_time(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<std::int64_t>(::timegm(&parts)) : 0;
}

std::string address_text(const ASN1_OCTET_STRING& address) {
  const unsigned char* const bytes = ASN1_STRING_get0_data(&address);
  const int size = ASN1_STRING_length(&address);
  std::array<char, 64> text{};
  const int family = size == 4 ? AF_INET : size == 16 ? AF_INET6 : 0;
  if (family == 0 || ::inet_ntop(family, bytes, text.data(), text.size()) == nullptr) return {};
  return text.data();
}

// What a certificate is for (RFC 6125): its subject alternative names; a certificate without any, its common name.
std::vector<std::string> names_of(X509& certificate) {
  std::vector<std::string> names;
  auto* const alternatives =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
    const GENERAL_NAME& name = *sk_GENERAL_NAME_value(alternatives, i);
    if (name.type == GEN_DNS) {
      const auto* const text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name.d.dNSName));
      names.push_back(lower({text, static_cast<std::size_t>(ASN1_STRING_length(name.d.dNSName))}));
    } else if (name.type == GEN_IPADD) {
      if (std::string text = address_text(*name.d.iPAddress); !text.empty()) names.push_back(std::move(text));
    }
  }
  sk_GENERAL_NAME_pop_free(alternatives, GENERAL_NAME_free);
  if (!names.empty()) return names;
  std::array<char, 256> common{};
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(&certificate), NID_commonName, common.data(),
                                             static_cast<int>(common.size()));
  if (size > 0) names.push_back(lower({common.data(), static_cast<std::size_t>(size)}));
  return names;
}

std::vector<X509Ptr> certificates_in(std::string_view pem) {
  std::vector<X509Ptr> all;
  const BioPtr bio = bio_of(pem);
  while (X509* const one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) all.emplace_back(one);
  ERR_clear_error();  // the end of the text is one, too
  return all;
}

using Digest = std::array<unsigned char, EVP_MAX_MD_SIZE>;

std::string hex_of(const Digest& digest, unsigned size) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex += kDigits[digest[i] >> 4U];
    hex += kDigits[digest[i] & 15U];
  }
  return hex;
}

// Nobody is asked for a password: a server starts at night, too.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

}  // namespace

Loaded<FileText> read_small_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return Problem{"cannot read " + path + ": " + std::strerror(errno)};
  struct stat about{};
  std::string text;
  std::string problem;
  if (::fstat(file, &about) != 0 || S_ISDIR(about.st_mode)) {
    problem = "cannot read " + path + ": it is a folder";
  } else {
    std::array<char, 16 * 1024> part{};
    ssize_t bytes = 0;
    while ((bytes = ::read(file, part.data(), part.size())) > 0 && text.size() <= kFileBytesMax) {
      text.append(part.data(), static_cast<std::size_t>(bytes));
    }
    if (bytes < 0) problem = "cannot read " + path + ": " + std::strerror(errno);
    if (text.size() > kFileBytesMax) problem = path + " is larger than 1 MiB";
  }
  ::close(file);
  if (!problem.empty()) return Problem{problem};
  return FileText{std::move(text)};
}

Loaded<CertificatePtr> parse_certificate(std::string_view certificate_pem, std::string_view key_pem,
                                         const std::string& path, const std::string& key_path) {
  auto certificate = std::make_shared<Certificate>();
  certificate->path = path;
  std::vector<X509Ptr> all = certificates_in(certificate_pem);
  if (all.empty()) return Problem{path + " holds no certificate in PEM format (-----BEGIN CERTIFICATE-----)"};
  certificate->leaf = std::move(all.front());
  all.erase(all.begin());
  certificate->chain = std::move(all);

  bool asked = false;
  const BioPtr bio = bio_of(key_pem);
  certificate->key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, &asked));
  ERR_clear_error();
  if (!certificate->key) {
    if (asked) {
      return Problem{key_path + " is encrypted; write the key without a password (openssl pkey -in ... -out ...)"};
    }
    return Problem{key_path + " holds no private key in PEM format (-----BEGIN PRIVATE KEY-----)"};
  }
  if (X509_check_private_key(certificate->leaf.get(), certificate->key.get()) != 1) {
    ERR_clear_error();
    return Problem{"the key in " + key_path + " does not fit the certificate in " + path};
  }
  certificate->names = names_of(*certificate->leaf);
  certificate->not_before = unix_time(X509_get0_notBefore(certificate->leaf.get()));
  certificate->not_after = unix_time(X509_get0_notAfter(certificate->leaf.get()));
  return CertificatePtr(std::move(certificate));
}

Loaded<CertificatePtr> load_certificate(const std::string& certificate_path, const std::string& key_path) {
  const auto certificate = read_small_file(certificate_path);
  if (!certificate) return certificate.error();
  auto key = read_small_file(key_path);
  if (!key) return key.error();
  auto loaded = parse_certificate(certificate->bytes, key->bytes, certificate_path, key_path);
  OPENSSL_cleanse(key->bytes.data(), key->bytes.size());
  return loaded;
}

Loaded<std::vector<X509Ptr>> load_authorities(const std::string& path) {
  const auto text = read_small_file(path);
  if (!text) return text.error();
  std::vector<X509Ptr> all = certificates_in(text->bytes);
  if (all.empty()) return Problem{path + " holds no certificate in PEM format (-----BEGIN CERTIFICATE-----)"};
  return all;
}

std::string subject_of(const X509& certificate) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

std::string sha256_of(const X509& certificate) {
  Digest digest{};
  unsigned size = 0;
  return X509_digest(&certificate, EVP_sha256(), digest.data(), &size) == 1 ? hex_of(digest, size) : std::string();
}

std::string sha256_of(std::string_view bytes) {
  Digest digest{};
  unsigned size = 0;
  const bool made = EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1;
  return made ? hex_of(digest, size) : std::string();
}

}  // namespace lb::tls
