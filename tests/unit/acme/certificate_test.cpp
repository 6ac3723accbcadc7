#include "acme/certificate.hpp"

#include <openssl/pem.h>
#include <string>

#include <gtest/gtest.h>

#include "acme/limits.hpp"

namespace lb::acme {
namespace {

constexpr std::time_t kNow = 1'800'000'000;

CertificatePtr first_of(const std::string& pem) {
  const Bio bio = to_read(pem);
  return {PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free};
}

TEST(AcmeCertificate, a_stand_in_is_one_of_its_domain_for_a_week) {
  const Pair pair = make_stand_in("www.example.com", kNow);
  const auto key = Key::read(pair.key);
  ASSERT_TRUE(key);
  const auto read = read_certificate(pair.chain, *key, "www.example.com");
  ASSERT_TRUE(read) << read.problem().text;
  EXPECT_EQ(read->not_before, kNow - kClockSkew.count());
  EXPECT_EQ(read->not_after, kNow + 7 * 86'400);
  EXPECT_EQ(read->pair.chain, pair.chain);
  EXPECT_EQ(read->pair.key, pair.key);
  const CertificatePtr certificate = first_of(pair.chain);
  EXPECT_EQ(X509_verify(certificate.get(), key->get().get()), 1);
  EXPECT_NE(make_stand_in("www.example.com", kNow).key, pair.key);
  // A name that is too long for a common name is still in the certificate.
  const std::string name = std::string(60, 'a') + "." + std::string(60, 'b') + ".example";
  const Pair other = make_stand_in(name, kNow);
  EXPECT_TRUE(read_certificate(other.chain, *Key::read(other.key), name));
  // Whatever it is made for, it is one name.
  for (const char* odd : {"", "a,DNS:b.example", "@section", "*.example.com", "\xFF\n"}) {
    const Pair made = make_stand_in(odd, kNow);
    EXPECT_FALSE(made.chain.empty());
    EXPECT_FALSE(read_certificate(made.chain, *Key::read(made.key), "b.example"));
  }
}

TEST(AcmeCertificate, is_renewed_at_two_thirds_of_its_life) {
  Certificate certificate;
  certificate.not_before = 1'000;
  certificate.not_after = 1'000 + 90 * 86'400;
  EXPECT_EQ(renewal_of(certificate), 1'000 + 60 * 86'400);
}

TEST(AcmeCertificate, what_does_not_fit_is_refused) {
  const Pair pair = make_stand_in("a.example", kNow);
  const Key key = *Key::read(pair.key);
  EXPECT_EQ(read_certificate(pair.chain, Key::make(), "a.example").problem().text,
            "the certificate does not belong to its key");
  EXPECT_EQ(read_certificate(pair.chain, key, "b.example").problem().text, "the certificate is not for b.example");
  EXPECT_FALSE(read_certificate("", key, "a.example"));
  EXPECT_FALSE(read_certificate("{}", key, "a.example"));
  EXPECT_FALSE(read_certificate(pair.chain + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key,
                                "a.example"));
  EXPECT_FALSE(read_certificate(pair.chain.substr(0, pair.chain.size() / 2), key, "a.example"));
  std::string long_chain;
  for (std::size_t i = 0; i <= kChainMax; ++i) long_chain += pair.chain;
  EXPECT_FALSE(read_certificate(long_chain, key, "a.example"));
  // What is between the blocks goes nowhere.
  const auto clean = read_certificate("text\n" + pair.chain + "more", key, "a.example");
  ASSERT_TRUE(clean);
  EXPECT_EQ(clean->pair.chain, pair.chain);
  EXPECT_EQ(ERR_peek_error(), 0UL) << "the errors are nobody else's";
}

TEST(AcmeCertificate, a_request_names_the_domain_and_is_signed) {
  const Key key = Key::make();
  const std::string der = certificate_request(key, "www.example.com");
  const auto* begin = reinterpret_cast<const unsigned char*>(der.data());
  const CertificateRequest request(d2i_X509_REQ(nullptr, &begin, static_cast<long>(der.size())));
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(X509_REQ_verify(request.get(), key.get().get()), 1);
  STACK_OF(X509_EXTENSION)* const extensions = X509_REQ_get_extensions(request.get());
  ASSERT_EQ(sk_X509_EXTENSION_num(extensions), 1);
  const Bio bio = to_write();
  X509V3_EXT_print(bio.get(), sk_X509_EXTENSION_value(extensions, 0), 0, 0);
  EXPECT_EQ(text_of(bio), "DNS:www.example.com");
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

// RFC 8737 section 3: one dNSName, and the hash, in a critical extension.
TEST(AcmeCertificate, that_of_tls_alpn_01_holds_the_hash) {
  const auto made = make_alpn_certificate("www.example.com", "token.thumbprint", kNow);
  const CertificatePtr certificate = first_of(made->pair.chain);
  ASSERT_NE(certificate, nullptr);
  EXPECT_EQ(X509_cmp(certificate.get(), made->certificate.get()), 0);
  EXPECT_EQ(X509_check_private_key(made->certificate.get(), made->key.get()), 1);
  EXPECT_EQ(X509_check_host(certificate.get(), "www.example.com", 0, 0, nullptr), 1);
  const Object kind(OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1));
  const int at = X509_get_ext_by_OBJ(certificate.get(), kind.get(), -1);
  ASSERT_GE(at, 0);
  X509_EXTENSION* const extension = X509_get_ext(certificate.get(), at);
  EXPECT_EQ(X509_EXTENSION_get_critical(extension), 1);
  const ASN1_OCTET_STRING* const value = X509_EXTENSION_get_data(extension);
  const Hash hash = sha256("token.thumbprint");
  const std::string expected = "\x04\x20" + std::string(hash.begin(), hash.end());
  const std::string got(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                        static_cast<std::size_t>(ASN1_STRING_length(value)));
  EXPECT_EQ(got, expected);
}

}  // namespace
}  // namespace lb::acme
