#include "acme/certificate.hpp"

#include <array>
#include <chrono>
#include <openssl/pem.h>
#include <utility>

#include "acme/limits.hpp"
#include "base/check.hpp"

namespace lb::acme {
namespace {

CertificatePtr own(X509* certificate) {
  return {certificate, X509_free};
}

std::time_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return ::timegm(&parts);
}

std::string pem_of(const CertificatePtr& certificate) {
  const Bio bio = to_write();
  LB_CHECK(PEM_write_bio_X509(bio.get(), certificate.get()) == 1);
  return text_of(bio);
}

// A subjectAltName of one dNSName. Not by OpenSSL's syntax for such values, in which a comma begins another name.
Extension alternative_name(const std::string& domain) {
  ASN1_IA5STRING* const text = ASN1_IA5STRING_new();
  GENERAL_NAME* const name = GENERAL_NAME_new();
  LB_CHECK(text != nullptr && name != nullptr);
  LB_CHECK(ASN1_STRING_set(text, domain.data(), static_cast<int>(domain.size())) == 1);
  GENERAL_NAME_set0_value(name, GEN_DNS, text);
  const GeneralNames names(GENERAL_NAMES_new());
  LB_CHECK(names != nullptr && sk_GENERAL_NAME_push(names.get(), name) == 1);
  Extension made(X509V3_EXT_i2d(NID_subject_alt_name, 0, names.get()));
  LB_CHECK(made != nullptr);
  return made;
}

void add(const CertificatePtr& certificate, const Extension& extension) {
  LB_CHECK(X509_add_ext(certificate.get(), extension.get(), -1) == 1);
}

void set_serial(const CertificatePtr& certificate) {
  const Number number(BN_new());
  LB_CHECK(BN_rand(number.get(), 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1);
  LB_CHECK(BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) != nullptr);
}

// RFC 5280 allows a common name of 64 characters.
void set_names(const CertificatePtr& certificate, const std::string& domain) {
  constexpr std::size_t kCommonNameMax = 64;
  const std::string name = !domain.empty() && domain.size() <= kCommonNameMax ? domain : "load-balancer";
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  LB_CHECK(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()),
                                      -1, -1, 0) == 1);
  LB_CHECK(X509_set_issuer_name(certificate.get(), subject) == 1);
}

// All but the signature.
CertificatePtr self_made(const Key& key, const std::string& domain, std::time_t now) {
  CertificatePtr made = own(X509_new());
  LB_CHECK(made != nullptr && X509_set_version(made.get(), X509_VERSION_3) == 1);
  set_serial(made);
  set_names(made, domain);
  LB_CHECK(ASN1_TIME_set(X509_getm_notBefore(made.get()), now - kClockSkew.count()) != nullptr);
  LB_CHECK(ASN1_TIME_set(X509_getm_notAfter(made.get()), now + kStandInTime.count()) != nullptr);
  LB_CHECK(X509_set_pubkey(made.get(), key.get().get()) == 1);
  add(made, alternative_name(domain));
  return made;
}

void sign(const CertificatePtr& certificate, const Key& key) {
  LB_CHECK(X509_sign(certificate.get(), key.get().get(), EVP_sha256()) > 0);
}

// The acmeIdentifier: the hash as an OCTET STRING, critical.
Extension acme_identifier(std::string_view key_authorization) {
  const Hash hash = sha256(key_authorization);
  constexpr std::array<unsigned char, 2> kOctetString{0x04, 0x20};
  std::string der(kOctetString.begin(), kOctetString.end());
  der.append(hash.begin(), hash.end());
  const Object kind(OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1));
  const OctetString value(ASN1_OCTET_STRING_new());
  LB_CHECK(ASN1_OCTET_STRING_set(value.get(), reinterpret_cast<const unsigned char*>(der.data()),
                                 static_cast<int>(der.size())) == 1);
  Extension made(X509_EXTENSION_create_by_OBJ(nullptr, kind.get(), 1, value.get()));
  LB_CHECK(made != nullptr);
  return made;
}

}  // namespace

Outcome<Certificate> read_certificate(const std::string& chain, const Key& key, const std::string& domain) {
  const ErrorsForgotten forgotten;
  const Bio bio = to_read(chain);
  Certificate read;
  CertificatePtr first;
  for (std::size_t count = 0;; ++count) {
    CertificatePtr next = own(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (next == nullptr) break;
    if (count == kChainMax) return Problem{"the chain has more than " + std::to_string(kChainMax) + " certificates"};
    read.pair.chain += pem_of(next);
    if (first == nullptr) first = std::move(next);
  }
  // An end without a further block is how it ends; everything else is a block that cannot be read.
  const unsigned long error = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (first == nullptr || !at_end) return Problem{"it is no chain of certificates in PEM"};
  if (X509_check_private_key(first.get(), key.get().get()) != 1) {
    return Problem{"the certificate does not belong to its key"};
  }
  if (X509_check_host(first.get(), domain.data(), domain.size(), 0, nullptr) != 1) {
    return Problem{"the certificate is not for " + domain};
  }
  read.not_before = seconds_of(X509_get0_notBefore(first.get()));
  read.not_after = seconds_of(X509_get0_notAfter(first.get()));
  if (read.not_after <= read.not_before) return Problem{"the certificate is never valid"};
  read.pair.key = key.pem();
  return read;
}

std::time_t renewal_of(const Certificate& certificate) noexcept {
  return certificate.not_after - (certificate.not_after - certificate.not_before) / 3;
}

std::string certificate_request(const Key& key, const std::string& domain) {
  const CertificateRequest request(X509_REQ_new());
  LB_CHECK(request != nullptr && X509_REQ_set_version(request.get(), 0) == 1);
  LB_CHECK(X509_REQ_set_pubkey(request.get(), key.get().get()) == 1);
  STACK_OF(X509_EXTENSION)* extensions = nullptr;
  LB_CHECK(X509v3_add_ext(&extensions, alternative_name(domain).get(), -1) != nullptr);
  const bool added = X509_REQ_add_extensions(request.get(), extensions) == 1;
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  LB_CHECK(added && X509_REQ_sign(request.get(), key.get().get(), EVP_sha256()) > 0);
  unsigned char* der = nullptr;
  const int size = i2d_X509_REQ(request.get(), &der);
  LB_CHECK(size > 0);
  std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return text;
}

Pair make_stand_in(const std::string& domain, std::time_t now) {
  const Key key = Key::make();
  const CertificatePtr made = self_made(key, domain, now);
  sign(made, key);
  return {pem_of(made), key.pem()};
}

std::shared_ptr<const AlpnCertificate> make_alpn_certificate(const std::string& domain,
                                                             std::string_view key_authorization, std::time_t now) {
  const Key key = Key::make();
  CertificatePtr made = self_made(key, domain, now);
  add(made, acme_identifier(key_authorization));
  sign(made, key);
  Pair pair{pem_of(made), key.pem()};
  return std::make_shared<const AlpnCertificate>(AlpnCertificate{std::move(pair), std::move(made), key.get()});
}

}  // namespace lb::acme
