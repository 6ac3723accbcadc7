#include "acme/client.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "unit/acme/authority.hpp"
#include "unit/acme/folder.hpp"

namespace lb::acme {
namespace {

using std::chrono::seconds;
using test::Authority;

net::Awaitable<void> keep(net::Awaitable<Outcome<Certificate>> task, std::optional<Outcome<Certificate>>& result) {
  result.emplace(co_await std::move(task));
}

class AcmeClient : public testing::Test {
 protected:
  AcmeClient() { EXPECT_FALSE(storage->prepare()); }

  // For as long as an order may take.
  Outcome<Certificate> obtain(const std::string& domain = "a.example") {
    std::optional<Outcome<Certificate>> result;
    world.tasks.spawn(keep(client.obtain(domain, settings, storage), result));
    for (int i = 0; i < 700 && !result; ++i) world.pass(seconds(1));
    EXPECT_TRUE(result) << "it has no end";
    EXPECT_TRUE(challenges.empty());
    return result.value_or(Problem{"no end"});
  }
  std::string problem() {
    const auto got = obtain();
    return got ? "none" : got.problem().text;
  }

  test::Folder folder;
  test::World world;
  Challenges challenges;
  Authority authority{world, challenges};
  std::shared_ptr<const Storage> storage = std::make_shared<const Storage>(folder / "acme");
  Settings settings{
      .domains = {}, .email = "me@a.example", .directory = Authority::kDirectory, .storage = folder / "acme"};
  Client client{world.io.get_executor(), world.wheel, authority, challenges};
};

TEST_F(AcmeClient, gets_a_certificate) {
  const auto got = obtain();
  ASSERT_TRUE(got) << got.problem().text;
  EXPECT_EQ(got->not_after, got->not_before + 90 * 86'400);
  const std::vector<std::string> expected{"dir",           "new-nonce", "new-account",   "new-order",
                                          "authorization", "challenge", "authorization", "order",
                                          "finalize",      "order",     "certificate"};
  EXPECT_EQ(authority.asked, expected);
  EXPECT_EQ(authority.contacts, std::vector<std::string>{R"(["mailto:me@a.example"])"});
  const auto account = storage->account(Authority::kDirectory);
  ASSERT_TRUE(account);
  EXPECT_EQ(account->url, "https://ca/account/0");
  // The account is kept; each certificate has a key of its own.
  const auto second = obtain();
  ASSERT_TRUE(second) << second.problem().text;
  EXPECT_EQ(authority.count("new-account"), 1U);
  EXPECT_NE(second->pair.key, got->pair.key);
}

TEST_F(AcmeClient, uses_what_was_proved_before) {
  authority.remembers_proofs = true;
  ASSERT_TRUE(obtain());
  ASSERT_TRUE(obtain());
  EXPECT_EQ(authority.count("challenge"), 1U);
}

TEST_F(AcmeClient, tells_another_address_of_mail) {
  ASSERT_TRUE(obtain());
  settings.email = "you@a.example";
  ASSERT_TRUE(obtain());
  settings.email = "";
  ASSERT_TRUE(obtain());
  const std::vector<std::string> expected{R"(["mailto:me@a.example"])", R"(["mailto:you@a.example"])", "[]"};
  EXPECT_EQ(authority.contacts, expected);
  ASSERT_TRUE(obtain());
  EXPECT_EQ(authority.contacts, expected);
}

TEST_F(AcmeClient, tries_bad_nonces_again_but_not_for_ever) {
  authority.bad_nonces = kNonceTriesMax - 1;
  ASSERT_TRUE(obtain());
  EXPECT_EQ(authority.count("new-nonce"), 1U) << "each refusal brings another nonce";
  authority.bad_nonces = 1'000'000;
  EXPECT_EQ(problem(), "the authority refuses: badNonce: not this one");
  EXPECT_EQ(authority.count("new-order"), 1U + static_cast<std::size_t>(kNonceTriesMax));
}

TEST_F(AcmeClient, takes_the_other_way_at_once) {
  authority.failing = {"http-01"};
  ASSERT_TRUE(obtain());
  EXPECT_EQ(authority.count("new-order"), 2U);
  authority.failing = {"http-01", "tls-alpn-01"};
  EXPECT_EQ(problem(), "http-01 failed: connection: nobody answers; tls-alpn-01 failed: connection: nobody answers");
  settings.tls_alpn_01 = false;
  EXPECT_EQ(problem(), "http-01 failed: connection: nobody answers");
  settings = {.domains = {},
              .email = settings.email,
              .directory = settings.directory,
              .storage = settings.storage,
              .http_01 = false,
              .tls_alpn_01 = true};
  EXPECT_EQ(problem(), "tls-alpn-01 failed: connection: nobody answers");
  authority.failing = {};
  authority.offered = {"dns-01"};
  EXPECT_EQ(problem(), "the authority does not offer tls-alpn-01 (the authorization is pending)");
}

TEST_F(AcmeClient, waits_as_long_as_the_authority_asks_for) {
  authority.polls = 3;
  authority.poll_pause = seconds(30);
  const std::time_t began = world.now();
  ASSERT_TRUE(obtain());
  EXPECT_GE(world.now() - began, 6 * 30);
  EXPECT_EQ(authority.count("authorization"), 1U + 3U);
  // Not beyond its own bound; whoever asks again knows when.
  authority.poll_pause = std::chrono::hours(3);
  const auto late = obtain();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.problem().retry_after, std::chrono::hours(3));
  EXPECT_EQ(late.problem().text, "the authority asks to come back in 10800 seconds");
}

TEST_F(AcmeClient, does_not_wait_for_ever) {
  authority.polls = 1'000'000;
  const std::time_t began = world.now();
  EXPECT_FALSE(obtain());
  EXPECT_LE(world.now() - began, 610);
  EXPECT_LE(authority.asked.size(), 2U * kPollsMax + 20U);
  authority.polls = 1;
  authority.takes = std::chrono::hours(1);
  EXPECT_FALSE(obtain());
}

TEST_F(AcmeClient, tells_limits_as_they_are_told) {
  authority.instead = [](const std::string& what, std::size_t) -> std::optional<HttpAnswer> {
    if (what != "new-order") return std::nullopt;
    return Authority::refusal(429, "rateLimited", "too many certificates\x1b[2J", seconds(3'600));
  };
  const auto got = obtain();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.problem().text, "the authority refuses: rateLimited: too many certificates?[2J");
  EXPECT_EQ(got.problem().type, "rateLimited");
  EXPECT_EQ(got.problem().retry_after, seconds(3'600));
  EXPECT_EQ(authority.count("new-order"), 1U) << "not tried in the other way";
}

TEST_F(AcmeClient, an_authority_that_cannot_be_asked_is_everybodys_problem) {
  authority.is_down = true;
  const auto got = obtain();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.problem().scope, Problem::Scope::authority);
  EXPECT_TRUE(got.problem().text.starts_with("the authority cannot be asked: ")) << got.problem().text;
  EXPECT_EQ(authority.asked.size(), 1U);
  authority.is_down = false;
  authority.instead = [](const std::string&, std::size_t) { return std::optional(HttpAnswer{.status = 503}); };
  EXPECT_EQ(problem(), "the authority answers with the status 503");
}

TEST_F(AcmeClient, an_account_that_is_gone_is_made_anew) {
  ASSERT_TRUE(obtain());
  EXPECT_FALSE(storage->save_account({"https://ca/account/99", Authority::kDirectory, settings.email}));
  ASSERT_TRUE(obtain());
  EXPECT_EQ(storage->account(Authority::kDirectory)->url, "https://ca/account/0");
  EXPECT_FALSE(storage->save_account({"https://ca/account/99", Authority::kDirectory, "other@a.example"}));
  ASSERT_TRUE(obtain());
}

// Goal: whatever an authority answers, to whatever question, is a problem that is told, or does not matter.
TEST_F(AcmeClient, nonsense_is_a_problem) {
  std::string deep(100'000, '[');
  const std::vector<std::string> bodies{
      "",
      "{",
      "[]",
      "null",
      "{}",
      "\xFF\xFE",
      std::string(1, '\0'),
      deep,
      "{\"status\":\"ready\"}",
      R"({"status":7,"authorizations":{},"finalize":[],"challenges":"x","newNonce":1})",
      R"({"status":"pending","authorizations":["http://ca/x"],"finalize":"https://ca/finalize/0","challenges":[1,{}]})",
      R"({"status":"pending","authorizations":[],"finalize":"https://ca/finalize/0","challenges":[]})",
      R"({"status":"pending","challenges":[{"type":"http-01","url":"https://ca/challenge/0","token":"../../etc"}]})",
      R"({"newNonce":"file:///etc/passwd","newAccount":"https://ca/\n","newOrder":"https://ca/new order"})",
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      std::string(kAnswerBytesMax + 1, ' ')};
  for (const char* what : {"dir", "new-nonce", "new-account", "new-order", "authorization", "challenge", "order",
                           "finalize", "certificate"}) {
    for (const unsigned status : {200U, 302U, 400U, 500U}) {
      for (const std::string& body : bodies) {
        authority.instead = [&](const std::string& asked, std::size_t) -> std::optional<HttpAnswer> {
          if (asked != what) return std::nullopt;
          HttpAnswer answer{.status = status, .body = body};
          answer.location = body.substr(0, 10'000);
          return answer;
        };
        if (std::string_view(what) == "new-account") std::filesystem::remove(storage->folder() + "/account.json");
        const auto got = obtain();
        // Only these are not looked at.
        const bool may_succeed =
            (std::string_view(what) == "challenge" || std::string_view(what) == "new-nonce") && status / 100 == 2;
        EXPECT_TRUE(!got || may_succeed) << what << status;
        if (!got) {
          EXPECT_FALSE(got.problem().text.empty());
          EXPECT_LT(got.problem().text.size(), 3 * kSaidBytesMax);
          for (const char c : got.problem().text) EXPECT_GE(static_cast<unsigned char>(c), 0x20U);
        }
      }
    }
  }
}

TEST_F(AcmeClient, a_certificate_that_does_not_fit_is_not_taken) {
  authority.life = seconds(-1);
  EXPECT_EQ(problem(), "what the authority gives cannot be used: the certificate is never valid");
  authority.life = seconds(1);
  EXPECT_EQ(problem(), "the authority gives a certificate that is over already; is the clock right?");
  authority.life = seconds(1'000);
  authority.instead = [](const std::string& what, std::size_t) -> std::optional<HttpAnswer> {
    if (what != "certificate") return std::nullopt;
    return HttpAnswer{.status = 200, .body = make_stand_in("a.example", 1'800'000'000).chain};
  };
  EXPECT_EQ(problem(), "what the authority gives cannot be used: the certificate does not belong to its key");
}

TEST_F(AcmeClient, asks_nobody_without_a_key_that_can_be_kept) {
  std::filesystem::create_directory(storage->folder() + "/account.key.pem");
  const auto got = obtain();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.problem().scope, Problem::Scope::authority);
  EXPECT_EQ(authority.count("new-account"), 0U);
}

TEST_F(AcmeClient, stops) {
  authority.polls = 1'000;
  std::optional<Outcome<Certificate>> result;
  world.tasks.spawn(keep(client.obtain("a.example", settings, storage), result));
  world.pass(seconds(2));
  EXPECT_FALSE(result);
  EXPECT_FALSE(challenges.empty());
  client.stop();
  world.run();
  ASSERT_TRUE(result);
  EXPECT_FALSE(*result);
  EXPECT_TRUE(challenges.empty());
}

}  // namespace
}  // namespace lb::acme
