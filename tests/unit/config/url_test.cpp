#include "config/url.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace lb::config {
namespace {

struct GoodUrl {
  std::string_view text;
  std::string_view canonical;
  std::string_view host;
  std::uint16_t port;
};

struct BadUrl {
  std::string_view text;
  std::string_view problem;
};

TEST(ConfigUrl, addresses_are_read_and_brought_into_one_form) {
  for (const GoodUrl& c : {
           GoodUrl{"http://backend1:8080", "http://backend1:8080", "backend1", 8080},
           GoodUrl{"http://backend1", "http://backend1", "backend1", 80},
           GoodUrl{"http://backend1/", "http://backend1", "backend1", 80},
           GoodUrl{"http://backend1:80", "http://backend1:80", "backend1", 80},
           GoodUrl{"HTTP://Backend1.Example:65535/", "http://backend1.example:65535", "backend1.example", 65535},
           GoodUrl{"backend1:8080", "http://backend1:8080", "backend1", 8080},
           GoodUrl{"backend1", "http://backend1", "backend1", 80},
           GoodUrl{"my_service-2", "http://my_service-2", "my_service-2", 80},
           GoodUrl{"example.com.", "http://example.com.", "example.com.", 80},
           GoodUrl{"10.0.0.1:1", "http://10.0.0.1:1", "10.0.0.1", 1},
           GoodUrl{"http://[::1]", "http://[::1]", "::1", 80},
           GoodUrl{"[2001:DB8::1]:8080", "http://[2001:db8::1]:8080", "2001:db8::1", 8080},
           GoodUrl{"http://[::ffff:10.0.0.1]:81/", "http://[::ffff:10.0.0.1]:81", "::ffff:10.0.0.1", 81},
           GoodUrl{"https://a", "https://a", "a", 443},
           GoodUrl{"HTTPS://A:8443/", "https://a:8443", "a", 8443},
           GoodUrl{"https://[::1]", "https://[::1]", "::1", 443},
           GoodUrl{"http:8080", "http://http:8080", "http", 8080},
       }) {
    const UrlOutcome outcome = parse_backend_url(c.text);
    ASSERT_TRUE(outcome.backend) << c.text << ' ' << outcome.problem;
    EXPECT_EQ(outcome.problem, "") << c.text;
    EXPECT_EQ(outcome.backend->url, c.canonical) << c.text;
    EXPECT_EQ(outcome.backend->host, c.host) << c.text;
    EXPECT_EQ(outcome.backend->port, c.port) << c.text;
  }
}

TEST(ConfigUrl, wrong_addresses_say_what_is_wrong) {
  constexpr std::string_view kPath = "; a path prefix is not supported yet";
  constexpr std::string_view kPort = ", which is not a whole number between 1 and 65535";
  const std::string path = "has the path \"/api\"" + std::string(kPath);
  const std::string no_port = "has the port \"\"" + std::string(kPort);
  const std::string large_port = "has the port \"65536\"" + std::string(kPort);
  const std::string zero_port = "has the port \"0\"" + std::string(kPort);
  const std::string word_port = "has the port \"http\"" + std::string(kPort);
  const std::string signed_port = "has the port \"+80\"" + std::string(kPort);
  const std::string long_label = std::string(64, 'a');
  const std::string long_label_problem = "has an invalid host name \"" + long_label + '"';
  const std::string long_host = std::string(126, 'a') + '.' + std::string(127, 'a');
  for (const BadUrl& c : {
           BadUrl{"", "is empty"},
           BadUrl{"http://", "has no host"},
           BadUrl{"http:///api", "has no host"},
           BadUrl{":8080", "has no host"},
           BadUrl{"ftp://a", "uses the scheme \"ftp\", which is not supported"},
           BadUrl{"://a", "has no scheme before ://"},
           BadUrl{"http://a/api", path},
           BadUrl{"a/api", path},
           BadUrl{"http://a?x=1", "has a query (?), which a backend cannot have"},
           BadUrl{"http://a/#x", "has a fragment (#), which a backend cannot have"},
           BadUrl{"http://user:secret@a", "has a user name or password (@), which a backend cannot have"},
           BadUrl{"http://a b", "has a space or a control character"},
           BadUrl{std::string_view("http://a\0b", 10), "has a space or a control character"},
           BadUrl{"http://a:", no_port},
           BadUrl{"http://a:65536", large_port},
           BadUrl{"http://a:0", zero_port},
           BadUrl{"http://a:+80", signed_port},
           BadUrl{"a:http", word_port},
           BadUrl{"::1", "has more than one colon; an IPv6 address needs brackets, as in http://[::1]:8080"},
           BadUrl{"http://[::1", "has no ] after its IPv6 address"},
           BadUrl{"http://[::1]8080", "has \"8080\" after its IPv6 address"},
           BadUrl{"http://[::g]", "has an invalid IPv6 address \"::g\""},
           BadUrl{"http://[10.0.0.1]", "has an invalid IPv6 address \"10.0.0.1\""},
           BadUrl{"http://[]", "has an invalid IPv6 address \"\""},
           BadUrl{"http://10.0.0.256", "has an invalid IPv4 address \"10.0.0.256\""},
           BadUrl{"http://10.1", "has an invalid IPv4 address \"10.1\""},
           BadUrl{"http://-a", "has an invalid host name \"-a\""},
           BadUrl{"http://a..b", "has an invalid host name \"a..b\""},
           BadUrl{"http://.", "has an invalid host name \".\""},
           BadUrl{"http://a%20b", "has an invalid host name \"a%20b\""},
           BadUrl{"http://\xC3\xA4", "has an invalid host name \"\\xc3\\xa4\""},
           BadUrl{long_label, long_label_problem},
           BadUrl{long_host, "has a host longer than 253 bytes"},
       }) {
    const UrlOutcome outcome = parse_backend_url(c.text);
    EXPECT_FALSE(outcome.backend) << c.text;
    EXPECT_EQ(outcome.problem, c.problem) << c.text;
  }
}

// Goal: no sequence of bytes crashes or is both right and wrong. Method: all texts of up to four characters that have a
// meaning.
TEST(ConfigUrl, every_short_text_is_either_right_or_wrong) {
  constexpr std::string_view kAlphabet = "a1:/[].@%\x7F\xFF";
  for (std::size_t i = 0; i < kAlphabet.size() * kAlphabet.size() * kAlphabet.size() * kAlphabet.size(); ++i) {
    std::string text;
    for (std::size_t rest = i; rest > 0; rest /= kAlphabet.size()) {
      text += kAlphabet[rest % kAlphabet.size()];
    }
    const UrlOutcome outcome = parse_backend_url(text);
    ASSERT_EQ(outcome.backend.has_value(), outcome.problem.empty()) << text;
    if (outcome.backend) {
      // The canonical form is a fixed point.
      const UrlOutcome again = parse_backend_url(outcome.backend->url);
      ASSERT_TRUE(again.backend) << text;
      ASSERT_EQ(again.backend->url, outcome.backend->url);
    }
  }
}

TEST(ConfigUrl, identity_ignores_spelling_but_not_the_port) {
  const auto identity = [](std::string_view text) { return backend_identity(*parse_backend_url(text).backend); };
  EXPECT_EQ(identity("http://A"), identity("a:80"));
  EXPECT_EQ(identity("http://[::1]:80"), identity("http://[0:0::0001]"));
  EXPECT_NE(identity("a:80"), identity("a:81"));
  EXPECT_NE(identity("a"), identity("b"));
}

TEST(ConfigUrl, user_names_and_passwords_are_not_shown) {
  EXPECT_EQ(without_userinfo("http://user:secret@host"), "http://***@host");
  EXPECT_EQ(without_userinfo("user:secret@host"), "***@host");
  EXPECT_EQ(without_userinfo("http://host"), "http://host");
  EXPECT_EQ(without_userinfo("@://"), "@://");
}

TEST(ConfigUrl, listening_addresses_are_ip_addresses) {
  for (const std::string_view good : {"::", "0.0.0.0", "127.0.0.1", "::1", "fe80::1%eth0"}) {
    EXPECT_TRUE(is_ip_address(good)) << good;
  }
  for (const std::string_view bad : {"", "localhost", "[::1]", "127.0.0.1:80", "fe80::1%", "::1%a b", "10.0.0", "*"}) {
    EXPECT_FALSE(is_ip_address(bad)) << bad;
  }
  EXPECT_FALSE(is_ip_address(std::string_view("::1\0", 4)));
}

}  // namespace
}  // namespace lb::config
