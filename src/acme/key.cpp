#include "acme/key.hpp"

#include <algorithm>
#include <cstddef>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <utility>
#include <vector>

#include "acme/text.hpp"
#include "base/check.hpp"

namespace lb::acme {
namespace {

constexpr std::size_t kNumberBytes = 32;
using NumberBytes = std::array<unsigned char, kNumberBytes>;

// What OpenSSL does with sound arguments fails for want of memory alone, or of chance: there is no going on.
NumberBytes bytes_of(const BIGNUM* number) {
  NumberBytes bytes{};
  LB_CHECK(BN_bn2binpad(number, bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size()));
  return bytes;
}

NumberBytes coordinate(const KeyPtr& key, const char* name) {
  BIGNUM* number = nullptr;
  LB_CHECK(EVP_PKEY_get_bn_param(key.get(), name, &number) == 1);
  const Number owner(number);
  return bytes_of(number);
}

// A password is nothing that a balancer could ask anybody for; OpenSSL would ask the terminal.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) {
  return -1;
}

bool is_p256(const KeyPtr& key) {
  std::array<char, 64> name{};
  std::size_t size = 0;
  if (EVP_PKEY_is_a(key.get(), "EC") != 1) return false;
  if (EVP_PKEY_get_group_name(key.get(), name.data(), name.size(), &size) != 1) return false;
  const std::string_view group(name.data(), size);
  return group == "prime256v1" || group == "P-256";
}

}  // namespace

Hash sha256(std::string_view text) {
  Hash hash{};
  std::size_t size = 0;
  LB_CHECK(EVP_Q_digest(nullptr, "SHA256", nullptr, text.data(), text.size(), hash.data(), &size) == 1);
  LB_CHECK(size == hash.size());
  return hash;
}

Key Key::make() {
  KeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free);
  LB_CHECK(key != nullptr);
  return Key(std::move(key));
}

std::optional<Key> Key::read(const std::string& pem) {
  const ErrorsForgotten forgotten;
  const Bio bio = to_read(pem);
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr), EVP_PKEY_free);
  if (key == nullptr || !is_p256(key)) return std::nullopt;
  return Key(std::move(key));
}

std::string Key::pem() const {
  const Bio bio = to_write();
  LB_CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_of(bio);
}

std::string Key::sign(std::string_view text) const {
  const Digest digest(EVP_MD_CTX_new());
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  LB_CHECK(EVP_DigestSignInit_ex(digest.get(), nullptr, "SHA256", nullptr, nullptr, key_.get(), nullptr) == 1);
  std::size_t size = 0;
  LB_CHECK(EVP_DigestSign(digest.get(), nullptr, &size, bytes, text.size()) == 1);
  std::vector<unsigned char> der(size);
  LB_CHECK(EVP_DigestSign(digest.get(), der.data(), &size, bytes, text.size()) == 1);
  const unsigned char* begin = der.data();
  const Signature signature(d2i_ECDSA_SIG(nullptr, &begin, static_cast<long>(size)));
  LB_CHECK(signature != nullptr);
  std::string both;
  for (const BIGNUM* number : {ECDSA_SIG_get0_r(signature.get()), ECDSA_SIG_get0_s(signature.get())}) {
    const NumberBytes part = bytes_of(number);
    both.append(part.begin(), part.end());
  }
  return both;
}

std::string Key::jwk() const {
  return R"({"crv":"P-256","kty":"EC","x":")" + base64url(coordinate(key_, OSSL_PKEY_PARAM_EC_PUB_X)) + R"(","y":")" +
         base64url(coordinate(key_, OSSL_PKEY_PARAM_EC_PUB_Y)) + "\"}";
}

std::string Key::thumbprint() const {
  return base64url(sha256(jwk()));
}

std::string Key::authorization_of(std::string_view token) const {
  return std::string(token) + "." + thumbprint();
}

}  // namespace lb::acme
