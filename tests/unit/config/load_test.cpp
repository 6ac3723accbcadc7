#include "config/load.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace lb::config {
namespace {

std::string errors_of(std::string_view text) {
  return render(load_text(text, "x.toml").errors());
}

TEST(ConfigLoad, an_empty_text_gives_the_defaults) {
  const Checked<Config> config = load_text("", "x.toml");
  ASSERT_TRUE(config) << render(config.errors());
  EXPECT_EQ(config.value().server.port, 3030);
  EXPECT_TRUE(config.value().backends.empty());
}

TEST(ConfigLoad, backends_alone_are_enough) {
  const Checked<Config> config = load_text("[[backends]]\nurl = \"http://backend1:8080\"\n", "x.toml");
  ASSERT_TRUE(config) << render(config.errors());
  ASSERT_EQ(config.value().backends.size(), 1U);
  EXPECT_EQ(config.value().backends[0].url, "http://backend1:8080");
  EXPECT_EQ(config.value().backends[0].weight, 1U);
}

TEST(ConfigLoad, every_kind_of_value_reaches_its_field) {
  const Checked<Config> config = load_text(R"(
log.level = "debug"
[server]
address = "127.0.0.1"
port = 0
limits = { header_bytes = "64KiB", body_bytes = 0 }
[server.timeouts]
header = "1m30s"
[[backends]]
weight = 3
url = "A:81"
[[backends]]
url = "http://[::1]"
)",
                                           "x.toml");
  ASSERT_TRUE(config) << render(config.errors());
  const Config& c = config.value();
  EXPECT_EQ(c.log_level, "debug");
  EXPECT_EQ(c.server.address, "127.0.0.1");
  EXPECT_EQ(c.server.port, 0);
  EXPECT_EQ(c.server.limits.header_bytes, 65'536U);
  EXPECT_EQ(c.server.limits.body_bytes, 0U);
  EXPECT_EQ(c.server.timeouts.header, Duration(90'000));
  ASSERT_EQ(c.backends.size(), 2U);
  EXPECT_EQ(c.backends[0].url, "http://a:81");
  EXPECT_EQ(c.backends[0].weight, 3U);
  EXPECT_EQ(c.backends[1].host, "::1");
  EXPECT_EQ(c.backends[1].port, 80);
}

TEST(ConfigLoad, a_byte_order_mark_and_windows_line_ends_are_fine) {
  EXPECT_EQ(errors_of("\xEF\xBB\xBF[server]\r\nport = 1\r\n"), "");
}

// Goal: one run shows everything that is wrong. Method: a golden text for a file with a mistake of each kind.
TEST(ConfigLoad, all_mistakes_of_a_file_are_reported_at_once_in_the_order_of_lines) {
  constexpr std::string_view kText = R"(prot = 80
backend = "a"

[server]
prot = 80
port = 70000
threads = "four"
idle_timeout = "1s"
"server.port" = 1

[server.timeouts]
header = "10"
body_idle = 10
connect = "25h"
write_idle = true
response_idle = 1.5

[server.limits]
header_count = 1.5
colour = "red"

[sever]
port = 1

[limits]
connections = 1

[[backends]]
url = "htps://a"
wieght = 2

[[backends]]
weight = 0

[[backends]]
url = "http://a:80"

[[backends]]
url = "http://A"

[[health]]
interval = "1s"

[log]
level = "warn"
)";
  constexpr std::string_view kDuration = "write a number with one of ms, s, m, h, between 1ms and 24h";
  const std::string duration(kDuration);
  EXPECT_EQ(
      errors_of(kText),
      "x.toml:1:1: prot: unknown key; did you mean server.port?\n"
      "x.toml:2:1: backend: unknown key; did you mean backends.url?\n"
      "x.toml:5:1: server.prot: unknown key; did you mean server.port?\n"
      "x.toml:6:8: server.port: 70000 is not a whole number between 0 and 65535\n"
      "x.toml:7:11: server.threads: \"four\" is a string; write a whole number between 0 and 1024, without quotes\n"
      "x.toml:8:1: server.idle_timeout: unknown key; did you mean pool.idle_timeout?\n"
      "x.toml:9:1: server.server.port: unknown key; known here are address, port, threads, request_ids, "
      "trusted_proxies\n"
      "x.toml:12:10: server.timeouts.header: \"10\" has no unit; " +
          duration +
          "\n"
          "x.toml:13:13: server.timeouts.body_idle: 10 has no unit; " +
          duration +
          ", in quotes\n"
          "x.toml:14:11: server.timeouts.connect: \"25h\" is out of range; " +
          duration +
          "\n"
          "x.toml:15:14: server.timeouts.write_idle: true is not a duration; " +
          duration +
          ", in quotes\n"
          "x.toml:16:17: server.timeouts.response_idle: a decimal number is not a duration; " +
          duration +
          ", in quotes\n"
          "x.toml:19:16: server.limits.header_count: a decimal number is not a whole number between 1 and 1000\n"
          "x.toml:20:1: server.limits.colour: unknown key; known here are header_bytes, header_count, body_bytes, "
          "connections, queue\n"
          "x.toml:22:2: sever: unknown section; did you mean [server]?\n"
          "x.toml:25:2: limits: unknown section; did you mean [server.limits]?\n"
          "x.toml:29:7: backends.url: \"htps://a\" uses the scheme \"htps\", which is not supported; write "
          "http://host[:port]\n"
          "x.toml:30:1: backends.wieght: unknown key; did you mean backends.weight?\n"
          "x.toml:32:1: backends.url: is missing; write url = \"http://host[:port]\"\n"
          "x.toml:33:10: backends.weight: 0 is not a whole number between 1 and 256\n"
          "x.toml:39:7: backends.url: http://a is listed twice, first in line 36\n"
          "x.toml:41:1: health: is one section; write [health] instead of [[health]]\n"
          "x.toml:45:9: log.level: \"warn\" is not one of trace, debug, info, warning, error, off; did you mean "
          "warning?\n");
}

struct TextCase {
  std::string_view text;
  std::string_view errors;
};

TEST(ConfigLoad, values_of_the_wrong_shape_say_what_to_write) {
  for (const TextCase& c : {
           TextCase{"server = 3", "x.toml:1:10: server: 3 is not a section; write [server] and its keys below\n"},
           TextCase{
               "backends = \"http://a\"",
               "x.toml:1:12: backends: \"http://a\" is not a list of backends; write [[backends]] once for each\n"},
           TextCase{"[backends]\nurl = \"http://a\"",
                    "x.toml:1:1: backends: a table is not a list of backends; write [[backends]] once for each\n"},
           TextCase{"backends = [\"http://a\"]",
                    "x.toml:1:13: backends: \"http://a\" is not a backend; write [[backends]] and below it url = "
                    "\"http://host:port\"\n"},
           TextCase{"[server]\naddress = 1",
                    "x.toml:2:11: server.address: 1 is not a string; write an IPv4 or IPv6 address, such as \"::\", "
                    "\"0.0.0.0\" or "
                    "\"127.0.0.1\", in quotes\n"},
           TextCase{"[server]\nport = []",
                    "x.toml:2:8: server.port: an array is not a whole number between 0 and 65535\n"},
           TextCase{"[server]\nport = {}",
                    "x.toml:2:8: server.port: a table is not a whole number between 0 and 65535\n"},
           TextCase{"[server]\nport = 1979-05-27",
                    "x.toml:2:8: server.port: a date or time is not a whole number between 0 and 65535\n"},
           TextCase{"[log.level]",
                    "x.toml:1:1: log.level: a table is not a string; write one of trace, debug, info, warning, error, "
                    "off, in "
                    "quotes\n"},
           TextCase{"[server.\"\x07\"]",
                    "x.toml:1:10: the control character \\x07 is not allowed; is this a text file?\n"},
           TextCase{"[server]\n\"\\u001b[2J\" = 1",
                    "x.toml:2:1: server.\\x1b[2J: unknown key; known here are address, port, threads, request_ids, "
                    "trusted_proxies\n"},
       }) {
    EXPECT_EQ(errors_of(c.text), c.errors);
  }
}

TEST(ConfigLoad, a_syntax_error_names_its_place) {
  const Checked<Config> config = load_text("[server]\nport = \n", "x.toml");
  ASSERT_EQ(config.errors().size(), 1U);
  EXPECT_EQ(config.errors()[0].line, 2U);
  EXPECT_EQ(config.errors()[0].column, 8U);
  EXPECT_NE(config.errors()[0].message, "");
  EXPECT_TRUE(render(config.errors()).starts_with("x.toml:2:8: ")) << render(config.errors());
}

TEST(ConfigLoad, a_key_given_twice_is_a_syntax_error) {
  EXPECT_TRUE(errors_of("[server]\nport = 1\nport = 2\n").starts_with("x.toml:3:8: "));
}

TEST(ConfigLoad, hostile_texts_end_in_an_error) {
  std::string dots = "a";
  for (int i = 0; i < 200'000; ++i) {
    dots += ".a";
  }
  std::string many;
  for (int i = 0; i < 20'000; ++i) {
    many += 'k' + std::to_string(i) + "=1\n";
  }
  EXPECT_EQ(errors_of(dots + " = 1"), "x.toml:1:1: the line has more than 64 dots; no key is that deep\n");
  EXPECT_EQ(errors_of("x = '''\n#''' , " + dots + " = 1"),
            "x.toml:2:1: the line has more than 64 dots; no key is that deep\n");
  EXPECT_NE(errors_of("a = " + std::string(200'000, '[')), "");
  EXPECT_NE(errors_of("a = '\xFF'"), "");
  EXPECT_EQ(errors_of(std::string_view("a\0b", 3)),
            "x.toml:1:2: the control character \\x00 is not allowed; is this a text file?\n");
  EXPECT_EQ(errors_of(std::string(kFileBytesMax + 1, ' ')), "x.toml: is larger than 1048576 bytes\n");
  EXPECT_TRUE(errors_of(many).ends_with("x.toml: 19900 more mistakes\n"));
  EXPECT_EQ(load_text(many, "x.toml").errors().size(), kErrorsMax + 1);
}

// Before: the TOML library asserted, or ran into undefined behaviour. After: an error with the place.
TEST(ConfigLoad, texts_that_break_the_librarys_preconditions_are_errors) {
  for (const TextCase& c :
       {TextCase{"[~", "x.toml:1:"}, TextCase{"[[[a]]]", "x.toml:1:"}, TextCase{"[", "x.toml:1:"},
        TextCase{"\n [[ =", "x.toml:2:"}, TextCase{"\xEF\xBB\xBF[&", "x.toml:1:"},
        TextCase{"a = 1979-05-27T:", "x.toml:1:"}, TextCase{"port = 1 \xC3\x9C", "x.toml:1:10: only comments may"},
        TextCase{"a = \"# \xC3\x9C", "x.toml:1:8: only comments"},
        TextCase{"a = '\\' \xC3\x9C # b", "x.toml:1:9: only comments"}}) {
    EXPECT_TRUE(errors_of(c.text).starts_with(c.errors)) << errors_of(c.text);
  }
}

TEST(ConfigLoad, comments_may_be_in_any_language) {
  EXPECT_EQ(errors_of("# gr\xC3\xB6\xC3\x9F"
                      "er\n[log]\nlevel = 'info' # \xE5\xA4\xA7 it's\n# \xFF\n"),
            "");
}

TEST(ConfigLoad, a_separator_of_dots_in_a_comment_is_fine) {
  EXPECT_EQ(errors_of("# " + std::string(100, '.') + '\n'), "");
}

TEST(ConfigLoad, the_number_of_backends_is_bounded) {
  std::string text;
  for (std::size_t i = 0; i <= kBackendsMax; ++i) {
    text += "[[backends]]\nurl = \"http://b" + std::to_string(i) + "\"\n";
  }
  EXPECT_EQ(errors_of(text), "x.toml:2049:1: backends: there are more than 1024\n");
}

}  // namespace
}  // namespace lb::config
