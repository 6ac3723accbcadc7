#include "acme/key.hpp"

#include <openssl/ecdsa.h>
#include <string>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include "acme/json.hpp"
#include "acme/jws.hpp"
#include "acme/limits.hpp"
#include "acme/text.hpp"
#include "unit/acme/jose.hpp"

namespace lb::acme {
namespace {

// The key of RFC 7517 appendix A.2, whose public part is that of A.1.
constexpr const char* kPem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg870MB6gfuTJ4HtUn\n"
    "UvYMyJpr5eUZNP4Bk43bVdj3eAGhRANCAAQwoEJM0hwpRIOKLXXJKzfnbqINnwCJ\n"
    "OjtO7oo8Cq/sPuBLZekkVtmIi1Kzeb371R7oae8fD8ZbZllpW2zOCBcj\n"
    "-----END PRIVATE KEY-----\n";

TEST(AcmeKey, tells_its_public_part_and_its_thumbprint) {
  const auto key = Key::read(kPem);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->jwk(), R"({"crv":"P-256","kty":"EC","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",)"
                        R"("y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"})");
  EXPECT_EQ(key->thumbprint(), "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
  EXPECT_EQ(key->authorization_of("a-token"), "a-token.cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
  EXPECT_EQ(key->pem(), kPem);
}

// Goal: coordinates and halves of signatures that begin with zeros keep their 32 bytes: one of 128 each does.
TEST(AcmeKey, signs_what_openssl_verifies) {
  for (int i = 0; i < 300; ++i) {
    const Key key = Key::make();
    const std::string text = "text " + std::to_string(i);
    const std::string signature = key.sign(text);
    ASSERT_EQ(signature.size(), 64U);
    EXPECT_TRUE(test::verifies(key.get(), text, signature));
    EXPECT_FALSE(test::verifies(key.get(), text + ".", signature));
    const KeyPtr from_jwk = test::key_of(*read_object(key.jwk()));
    ASSERT_NE(from_jwk, nullptr);
    EXPECT_EQ(EVP_PKEY_eq(from_jwk.get(), key.get().get()), 1);
  }
}

TEST(AcmeKey, reads_what_it_has_written_and_nothing_else) {
  const Key key = Key::make();
  const auto again = Key::read(key.pem());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->thumbprint(), key.thumbprint());
  EXPECT_NE(Key::make().thumbprint(), key.thumbprint());
  EXPECT_FALSE(Key::read(""));
  EXPECT_FALSE(Key::read("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"));
  EXPECT_FALSE(Key::read(key.pem().substr(0, 100)));
  const KeyPtr other(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384"), EVP_PKEY_free);
  const Bio bio = to_write();
  ASSERT_EQ(PEM_write_bio_PKCS8PrivateKey(bio.get(), other.get(), nullptr, nullptr, 0, nullptr, nullptr), 1);
  EXPECT_FALSE(Key::read(text_of(bio))) << "P-384";
  // Nobody is asked for the password.
  const Bio secret = to_write();
  std::string word = "word";
  ASSERT_EQ(
      PEM_write_bio_PKCS8PrivateKey(secret.get(), key.get().get(), EVP_aes_128_cbc(), word.data(), 4, nullptr, nullptr),
      1);
  EXPECT_FALSE(Key::read(text_of(secret)));
  EXPECT_EQ(ERR_peek_error(), 0UL);
}

TEST(AcmeJws, is_what_the_authority_expects) {
  const Key key = Key::make();
  const auto with_account = test::read_jws(signed_request(key, "https://ca/account/1", "n-1", "https://ca/o", "{}"));
  ASSERT_TRUE(with_account);
  EXPECT_EQ(text_of(with_account->header, "alg"), "ES256");
  EXPECT_EQ(text_of(with_account->header, "nonce"), "n-1");
  EXPECT_EQ(text_of(with_account->header, "url"), "https://ca/o");
  EXPECT_EQ(text_of(with_account->header, "kid"), "https://ca/account/1");
  EXPECT_FALSE(with_account->header.contains("jwk"));
  EXPECT_EQ(with_account->payload, "{}");
  EXPECT_TRUE(test::verifies(key.get(), with_account->signed_text, with_account->signature));

  const auto without = test::read_jws(signed_request(key, "", "n-2", "https://ca/a\"b", ""));
  ASSERT_TRUE(without);
  EXPECT_FALSE(without->header.contains("kid"));
  EXPECT_EQ(text_of(without->header, "url"), "https://ca/a\"b");
  EXPECT_EQ(without->payload, "");
  const KeyPtr told = test::key_of(without->header.at("jwk").as_object());
  EXPECT_TRUE(test::verifies(told, without->signed_text, without->signature));
}

TEST(AcmeText, base64url_is_that_of_rfc_4648) {
  EXPECT_EQ(base64url(std::string_view()), "");
  EXPECT_EQ(base64url(std::string_view("f")), "Zg");
  EXPECT_EQ(base64url(std::string_view("fo")), "Zm8");
  EXPECT_EQ(base64url(std::string_view("foobar")), "Zm9vYmFy");
  EXPECT_EQ(base64url(std::string_view("\xFB\xFF\xFE")), "-__-");
  EXPECT_TRUE(is_base64url("aZ09-_"));
  EXPECT_FALSE(is_base64url(""));
  EXPECT_FALSE(is_base64url("a/b"));
}

TEST(AcmeText, what_others_say_is_made_harmless) {
  EXPECT_EQ(harmless("a\nb\x1b[31m\x7f\xC2\x85z"), "a b?[31m??z");
  EXPECT_EQ(harmless("\xE2\x80\xAE gnp.exe \xFF"), "? gnp.exe ?");
  EXPECT_EQ(harmless("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_EQ(harmless(std::string(5'000, 'a')), std::string(kSaidBytesMax, 'a') + "...");
}

}  // namespace
}  // namespace lb::acme
