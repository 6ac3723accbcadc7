#include "acme/settings.hpp"

#include <gtest/gtest.h>

#include "acme/back_off.hpp"
#include "acme/limits.hpp"

namespace lb::acme {
namespace {

TEST(AcmeSettings, a_domain_is_one_that_an_authority_may_certify) {
  for (const char* good : {"example.com", "www.example.com", "xn--bcher-kva.example", "a", "1.example", "a-b.c"}) {
    EXPECT_FALSE(domain_problem(good)) << good;
  }
  for (const char* bad : {"", ".", "a..b", "a.", ".a", "-a.b", "a-.b", "a_b.c", "a b.c", "../a", "a/b", "127.0.0.1",
                          "::1", "a.1", "a,DNS:b",
                          "b\xC3\xBC"
                          "cher.de",
                          "*"}) {
    EXPECT_TRUE(domain_problem(bad)) << bad;
  }
  EXPECT_TRUE(domain_problem(std::string(64, 'a') + ".b"));
  EXPECT_TRUE(domain_problem(std::string(3'000, 'a')));
  EXPECT_EQ(domain_problem("*.example.com").value_or(""),
            "\"*.example.com\" is a wildcard, which is proved by a record in the DNS (dns-01) alone; name each domain");
  EXPECT_EQ(domain_problem("Example.com").value_or(""), "\"Example.com\" has capital letters; write it in small ones");
}

TEST(AcmeSettings, the_first_mistake_is_told) {
  const Settings good{.domains = {"a.example"}, .email = "a@b.c", .directory = "https://ca/dir", .storage = "/s"};
  EXPECT_FALSE(problem_of(good));
  const auto problem = [&](auto change) {
    Settings settings = good;
    change(settings);
    return problem_of(settings).value_or("");
  };
  EXPECT_EQ(problem([](Settings& s) { s.domains = {"a.b", "a.b"}; }), "\"a.b\" is named twice");
  EXPECT_EQ(problem([](Settings& s) { s.directory = "http://ca/dir"; }),
            "\"http://ca/dir\" is no address of an authority; it begins with https://");
  EXPECT_EQ(problem([](Settings& s) { s.storage = "acme"; }), "\"acme\" is no absolute path of a folder");
  EXPECT_NE(problem([](Settings& s) { s.email = "a"; }), "");
  EXPECT_NE(problem([](Settings& s) { s.email = "a@b.c,d@e.f"; }), "") << "one address";
  EXPECT_NE(problem([](Settings& s) { s.http_01 = s.tls_alpn_01 = false; }), "");
}

TEST(AcmeBackOff, doubles_from_a_minute_to_half_a_day) {
  using std::chrono::seconds;
  const seconds none{0};
  EXPECT_EQ(back_off(1, none, 0.0), seconds(60));
  EXPECT_EQ(back_off(2, none, 0.0), seconds(120));
  EXPECT_EQ(back_off(5, none, 0.0), seconds(960));
  EXPECT_EQ(back_off(20, none, 0.0), seconds(43'200));
  EXPECT_EQ(back_off(4'000'000'000U, none, 0.0), seconds(43'200));
  EXPECT_EQ(back_off(1, none, 0.99), seconds(55)) << "a tenth of it is chance";
  EXPECT_EQ(back_off(1, seconds(3'600), 0.99), seconds(3'600)) << "never before the authority's time";
  EXPECT_EQ(back_off(1, seconds(30), 0.0), seconds(60));
  EXPECT_EQ(back_off(1, seconds(1'000'000'000), 0.0), kRetryAfterMax);
}

}  // namespace
}  // namespace lb::acme
