#include "config/schema.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace lb::config {
namespace {

// A configuration in which every key can be set: those of a backend go to the last one.
std::string problem_of(std::string_view path, std::string_view text) {
  Config config = config_with_tables();
  return assign_text(*find_key(path), text, config).value_or("");
}

std::string problem_of_integer(std::string_view path, std::int64_t number) {
  Config config = config_with_tables();
  return assign_integer(*find_key(path), number, config).value_or("");
}

TEST(ConfigSchema, names_every_key_once_with_help_and_accessors) {
  EXPECT_EQ(all_keys().size(), 85U);
  std::set<std::string_view> paths;
  for (const KeySpec& key : all_keys()) {
    EXPECT_TRUE(paths.insert(key.path).second) << key.path;
    EXPECT_EQ(find_key(key.path), &key);
    EXPECT_TRUE(key.help.ends_with('.')) << key.path;
    ASSERT_NE(key.get, nullptr) << key.path;
    ASSERT_NE(key.set, nullptr) << key.path;
    const std::string section(key.section());
    EXPECT_EQ((section.empty() ? "" : section + '.') + std::string(key.name()), key.path);
    EXPECT_NE(allowed_text(key), "") << key.path;
  }
  EXPECT_EQ(find_key("server"), nullptr);
  EXPECT_EQ(find_key(""), nullptr);
}

TEST(ConfigSchema, names_every_section_once) {
  const std::vector<std::string_view> sections(all_sections().begin(), all_sections().end());
  EXPECT_EQ(sections,
            (std::vector<std::string_view>{"", "server", "server.timeouts", "server.limits", "shutdown", "listeners",
                                           "certificates", "tls", "acme", "backends", "backend_tls", "balance",
                                           "outliers", "retry", "health", "pool", "resolver", "admin", "log"}));
}

TEST(ConfigSchema, every_default_is_allowed_and_reads_back_as_itself) {
  for (const KeySpec& key : all_keys()) {
    if (key.required) {
      continue;
    }
    Config config = config_with_tables();
    EXPECT_EQ(assign_text(key, default_text(key), config), std::nullopt) << key.path;
    EXPECT_EQ(value_text(key, config), default_text(key)) << key.path;
  }
}

// Goal: a row sets its own field and no other. Method: set one key to an end of its range, look at all of them.
TEST(ConfigSchema, each_number_reaches_both_ends_of_its_range_and_changes_nothing_else) {
  for (const KeySpec& key : all_keys()) {
    if (key.type == KeyType::kString || key.type == KeyType::kEnum || key.type == KeyType::kList) {
      continue;
    }
    for (const std::uint64_t number : {key.min, key.max}) {
      Config config = config_with_tables();
      key.set(config, number);
      EXPECT_EQ(key.get(config), Value(number)) << key.path;
      EXPECT_EQ(assign_text(key, value_text(key, config), config), std::nullopt) << key.path;
      EXPECT_EQ(key.get(config), Value(number)) << key.path;
      for (const KeySpec& other : all_keys()) {
        if (&other != &key && !other.required) {
          EXPECT_EQ(value_text(other, config), default_text(other)) << key.path << " changed " << other.path;
        }
      }
    }
  }
}

TEST(ConfigSchema, numbers_beyond_the_range_are_refused) {
  for (const KeySpec& key : all_keys()) {
    if (key.type != KeyType::kUnsigned) {
      continue;
    }
    EXPECT_NE(problem_of(key.path, std::to_string(key.max + 1)), "") << key.path;
    EXPECT_NE(problem_of_integer(key.path, static_cast<std::int64_t>(key.max + 1)), "") << key.path;
    EXPECT_NE(problem_of_integer(key.path, -1), "") << key.path;
    if (key.min > 0) {
      EXPECT_NE(problem_of(key.path, "0"), "") << key.path;
      EXPECT_NE(problem_of_integer(key.path, 0), "") << key.path;
    }
  }
}

TEST(ConfigSchema, a_refused_value_leaves_the_configuration_untouched) {
  Config config = config_with_tables();
  EXPECT_NE(assign_text(*find_key("server.port"), "70000", config), std::nullopt);
  EXPECT_NE(assign_text(*find_key("backends.url"), "ftp://a", config), std::nullopt);
  EXPECT_EQ(config.server.port, 3030);
  EXPECT_EQ(config.backends.back().url, "");
}

TEST(ConfigSchema, a_url_fills_host_and_port_and_keeps_the_weight) {
  Config config = config_with_tables();
  EXPECT_EQ(assign_text(*find_key("backends.weight"), "7", config), std::nullopt);
  EXPECT_EQ(assign_text(*find_key("backends.url"), "http://[::1]:8080/", config), std::nullopt);
  EXPECT_EQ(config.backends.back().url, "http://[::1]:8080");
  EXPECT_EQ(config.backends.back().host, "::1");
  EXPECT_EQ(config.backends.back().port, 8080);
  EXPECT_EQ(config.backends.back().weight, 7U);
}

TEST(ConfigSchema, zero_needs_no_unit_where_zero_is_allowed) {
  EXPECT_EQ(problem_of("server.limits.body_bytes", "0"), "");
  EXPECT_EQ(problem_of_integer("server.limits.body_bytes", 0), "");
  EXPECT_EQ(problem_of_integer("shutdown.grace", 0), "");
  EXPECT_EQ(problem_of_integer("server.timeouts.header", 0),
            "0 is out of range; write a number with one of ms, s, m, h, between 1ms and 24h");
}

struct MessageCase {
  std::string_view path;
  std::string_view text;
  std::string_view message;
};

TEST(ConfigSchema, messages_say_what_was_found_and_what_is_allowed) {
  for (const MessageCase& c : {
           MessageCase{"server.port", "http", "\"http\" is not a whole number between 0 and 65535"},
           MessageCase{"server.port", "", "\"\" is not a whole number between 0 and 65535"},
           MessageCase{"server.port", "-1", "\"-1\" is not a whole number between 0 and 65535"},
           MessageCase{"server.timeouts.header", "10",
                       "\"10\" has no unit; write a number with one of ms, s, m, h, between 1ms and 24h"},
           MessageCase{"health.interval", "99ms",
                       "\"99ms\" is out of range; write a number with one of ms, s, m, h, between 100ms and 24h"},
           MessageCase{"retry.body_bytes", "17MiB",
                       "\"17MiB\" is out of range; write a number with one of B, KiB, MiB, GiB, KB, MB, GB, between 0B "
                       "and 16MiB"},
           MessageCase{"server.limits.body_bytes", "5",
                       "\"5\" has no unit; write a number with one of B, KiB, MiB, GiB, KB, MB, GB (0: no limit)"},
           MessageCase{"log.level", "warn",
                       "\"warn\" is not one of trace, debug, info, warning, error, off; did you mean warning?"},
           MessageCase{"log.level", "\x1B[2J", "\"\\x1b[2J\" is not one of trace, debug, info, warning, error, off"},
           MessageCase{"log.access_file", "a\nb",
                       "\"a\\x0ab\" is not the path of a file; write the path of a file, or \"\" for standard output"},
           MessageCase{
               "server.address", "localhost",
               "\"localhost\" is not an IP address; write an IPv4 or IPv6 address, such as \"::\", \"0.0.0.0\" or "
               "\"127.0.0.1\""},
           MessageCase{"backends.url", "http://u:p@a",
                       "\"http://***@a\" has a user name or password (@), which a backend cannot have; write "
                       "http://host[:port]"},
       }) {
    EXPECT_EQ(problem_of(c.path, c.text), c.message);
  }
}

}  // namespace
}  // namespace lb::config
