// Reads signed requests as an authority does, by code of its own.
#pragma once

#include <array>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>
#include <gtest/gtest.h>

#include "acme/json.hpp"
#include "acme/openssl.hpp"

namespace lb::acme::test {

// Empty: it is none.
inline std::string from_base64url(std::string_view text) {
  std::string padded(text);
  for (char& c : padded) c = c == '-' ? '+' : c == '_' ? '/' : c;
  const std::size_t missing = (4 - padded.size() % 4) % 4;
  padded.append(missing, '=');
  std::vector<unsigned char> bytes(padded.size() / 4 * 3 + 1);
  const int size = EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(padded.data()),
                                   static_cast<int>(padded.size()));
  if (size < static_cast<int>(missing)) return {};
  return {bytes.begin(), bytes.begin() + (size - static_cast<int>(missing))};
}

inline bool verifies(const KeyPtr& key, std::string_view text, std::string_view signature) {
  if (signature.size() != 64 || key == nullptr) return false;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(signature.data());
  const Signature both(ECDSA_SIG_new());
  ECDSA_SIG_set0(both.get(), BN_bin2bn(bytes, 32, nullptr), BN_bin2bn(bytes + 32, 32, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(both.get(), &der);
  const Digest digest(EVP_MD_CTX_new());
  EVP_DigestVerifyInit_ex(digest.get(), nullptr, "SHA256", nullptr, nullptr, key.get(), nullptr);
  const bool good = EVP_DigestVerify(digest.get(), der, static_cast<std::size_t>(size),
                                     reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
  OPENSSL_free(der);
  ERR_clear_error();
  return good;
}

// Null: it is no public key of P-256.
inline KeyPtr key_of(const boost::json::object& jwk) {
  const std::string x = from_base64url(text_of(jwk, "x"));
  const std::string y = from_base64url(text_of(jwk, "y"));
  if (text_of(jwk, "crv") != "P-256" || text_of(jwk, "kty") != "EC" || x.size() != 32 || y.size() != 32) return nullptr;
  std::string point = "\x04" + x + y;
  std::string group = "P-256";
  std::array<OSSL_PARAM, 3> parameters{
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  EVP_PKEY_CTX* const context = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
  EVP_PKEY* key = nullptr;
  EVP_PKEY_fromdata_init(context);
  EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters.data());
  EVP_PKEY_CTX_free(context);
  return key == nullptr ? nullptr : KeyPtr(key, EVP_PKEY_free);
}

struct Jws {
  boost::json::object header;
  std::string payload;
  std::string signed_text;
  std::string signature;
};

inline std::optional<Jws> read_jws(std::string_view text) {
  const auto object = read_object(text);
  if (!object) return std::nullopt;
  const std::string head = text_of(*object, "protected");
  const std::string payload = text_of(*object, "payload");
  auto header = read_object(from_base64url(head));
  if (!header) return std::nullopt;
  return Jws{std::move(*header), from_base64url(payload), head + "." + payload,
             from_base64url(text_of(*object, "signature"))};
}

}  // namespace lb::acme::test
