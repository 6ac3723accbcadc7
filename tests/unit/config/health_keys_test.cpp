// The keys of health checks, limits and the retry budget: what is allowed, and the words about what is not.
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "config/load.hpp"
#include "config/status_ranges.hpp"

namespace lb::config {
namespace {

// The message about a line of [health]; empty if it is good.
std::string health_error(const std::string& line) {
  const auto loaded = load_text("[health]\n" + line + "\n[[backends]]\nurl = \"http://a\"\n", "x.toml");
  return loaded ? "" : render(loaded.errors());
}

TEST(ConfigStatusRanges, codes_and_ranges) {
  EXPECT_EQ(parse_status_ranges("200"), (StatusRanges{{200, 200}}));
  EXPECT_EQ(parse_status_ranges("200-299,304"), (StatusRanges{{200, 299}, {304, 304}}));
  EXPECT_EQ(parse_status_ranges(" 200 ,\t404-404 "), (StatusRanges{{200, 200}, {404, 404}}));
  EXPECT_EQ(parse_status_ranges("100-599"), (StatusRanges{{100, 599}}));
}

TEST(ConfigStatusRanges, anything_else_is_none) {
  for (const std::string_view text :
       {"",         " ",           ",",         "200,",    ",200", "200,,201", "2xx",   "99",
        "600",      "1000",        "0200",      "+200",    "-200", "200-",     "-",     "200-100",
        "200--201", "200-201-202", "200 - 299", "200 201", "2 00", "200;201",  "200.0", "200\n"}) {
    EXPECT_EQ(parse_status_ranges(text), std::nullopt) << text;
  }
}

TEST(ConfigHealth, good_values) {
  for (const char* line :
       {"check = \"tcp\"", "check = \"http\"", "method = \"HEAD\"", "path = \"/health?full=1&x=%20\"", "host = \"\"",
        "host = \"shop.example\"", "host = \"shop.example:8080\"", "host = \"[::1]:81\"", "status = \"200-299, 401\"",
        "body = \"\"", "rise = 100", "fall = 1", "down_interval = \"0s\"", "jitter_percent = 50"}) {
    EXPECT_EQ(health_error(line), "") << line;
  }
}

TEST(ConfigHealth, each_mistake_names_place_key_and_what_is_allowed) {
  EXPECT_EQ(health_error("check = \"htpp\""),
            "x.toml:2:9: health.check: \"htpp\" is not one of tcp, http; did you mean http?\n");
  EXPECT_EQ(health_error("path = \"health\""),
            "x.toml:2:8: health.path: \"health\" is not a path; write a path such as \"/healthz\"\n");
  EXPECT_EQ(health_error("host = \"a b\""),
            "x.toml:2:8: health.host: \"a b\" is not a host; write a host such as \"example.org\", or \"\" for the "
            "backend's own\n");
  EXPECT_EQ(health_error("status = \"2xx\""),
            "x.toml:2:10: health.status: \"2xx\" is not a list of status codes; write status codes and ranges such as "
            "\"200\" or \"200-299,304\"\n");
  EXPECT_EQ(health_error("method = \"get\""),
            "x.toml:2:10: health.method: \"get\" is not a method; write a method such as GET or HEAD\n");
  EXPECT_EQ(health_error("rise = 0"), "x.toml:2:8: health.rise: 0 is not a whole number between 1 and 100\n");
}

// What stands in the request of a check must not be able to add a line to it, or to be no request at all.
TEST(ConfigHealth, nothing_breaks_out_of_the_request_of_a_check) {
  for (const char* line : {R"(path = "/a\r\nX: y")", R"(path = "/a b")", R"(path = "/a#b")", R"(path = "/ä")",
                           R"(path = "")", R"(path = "http://a/")", R"(path = "*")", R"(host = "a\r\nX: y")",
                           R"(host = "user@a")", R"(host = "a/b")", R"(host = "a?b")", R"(method = "GET /")",
                           R"(method = "")", R"(method = "G\u0000T")", R"(method = "ABCDEFGHIJKLMNOPQRSTU")"}) {
    EXPECT_NE(health_error(line), "") << line;
  }
  EXPECT_NE(health_error("body = \"" + std::string(1025, 'x') + "\""), "");
  EXPECT_EQ(health_error("body = \"" + std::string(1024, 'x') + "\""), "");
}

// Found: the slash that a URL may end with was taken over into the Host field.
TEST(ConfigHealth, a_host_is_a_host_alone) {
  EXPECT_NE(health_error("host = \"example.org/\""), "");
}

// Found: a file that can only ever mark its backends down was valid.
TEST(ConfigHealth, checks_that_cannot_pass_are_refused) {
  EXPECT_NE(health_error("check = \"http\"\nmethod = \"CONNECT\""), "");
  EXPECT_NE(health_error("check = \"http\"\nmethod = \"HEAD\"\nbody = \"ready\""), "");
}

TEST(ConfigBackend, connections_max) {
  const auto load = [](const std::string& value) {
    return load_text("[[backends]]\nurl = \"http://a\"\nconnections_max = " + value + "\n", "x.toml");
  };
  EXPECT_EQ(load("7").value().backends[0].connections_max, 7U);
  EXPECT_EQ(load("0").value().backends[0].connections_max, 0U);
  EXPECT_FALSE(load("-1"));
  EXPECT_FALSE(load("1000001"));
  EXPECT_FALSE(load("\"7\""));
}

TEST(ConfigRetry, budget_percent) {
  const auto load = [](const std::string& value) {
    return load_text("retry.budget_percent = " + value + "\n[[backends]]\nurl = \"http://a\"\n", "x.toml");
  };
  EXPECT_EQ(load("0").value().retry.budget_percent, 0U);
  EXPECT_EQ(load("100").value().retry.budget_percent, 100U);
  EXPECT_FALSE(load("101"));
  EXPECT_EQ(load_text("", "x.toml").value().retry.budget_percent, 50U);
}

}  // namespace
}  // namespace lb::config
