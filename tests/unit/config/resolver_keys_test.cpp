// The keys of [resolver]: what is allowed, and the words about what is not.
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "config/json_schema.hpp"
#include "config/load.hpp"
#include "config/print_config.hpp"

namespace lb::config {
namespace {

Checked<Config> load_resolver(const std::string& line) {
  return load_text("[resolver]\n" + line + "\n[[backends]]\nurl = \"http://a\"\n", "x.toml");
}

// The message about a line of [resolver]; empty if it is good.
std::string resolver_error(const std::string& line) {
  const auto loaded = load_resolver(line);
  return loaded ? "" : render(loaded.errors());
}

TEST(ConfigResolver, good_values) {
  for (const char* line : {"servers = []", "servers = [\"127.0.0.1\"]", "servers = [\"127.0.0.1:5353\", \"10.0.0.2\"]",
                           "servers = [\"::1\"]", "servers = [\"[::1]\"]", "servers = [\"[::1]:5353\"]",
                           "timeout = \"10ms\"", "attempts = 10"}) {
    EXPECT_EQ(resolver_error(line), "") << line;
  }
}

TEST(ConfigResolver, servers_are_kept_as_the_library_wants_them) {
  const auto loaded = load_resolver(R"(servers = ["127.0.0.1", "::1", "[::1]", "[::1]:54", "10.0.0.2:5353"])");
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded.value().resolver.servers,
            (std::vector<std::string>{"127.0.0.1:53", "[::1]:53", "[::1]:53", "[::1]:54", "10.0.0.2:5353"}));
}

TEST(ConfigResolver, defaults) {
  const auto loaded = load_resolver("");
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(loaded.value().resolver.servers.empty());
  EXPECT_EQ(loaded.value().resolver.timeout, Duration(2'000));
  EXPECT_EQ(loaded.value().resolver.attempts, 2U);
}

// Each wrong item has its own line, at its own column.
TEST(ConfigResolver, wrong_servers_are_named_one_by_one) {
  const std::string allowed = R"(; write addresses such as ["127.0.0.1:53", "[::1]:53"], or [] for the system's)";
  EXPECT_EQ(resolver_error(R"(servers = ["127.0.0.1", "dns.test", "127.0.0.1:99999"])"),
            "x.toml:2:25: resolver.servers: \"dns.test\" is not an IP address" + allowed + "\n" +
                "x.toml:2:37: resolver.servers: \"127.0.0.1:99999\" has no port behind its address" + allowed + "\n");
  for (const char* item : {"", ":53", "[::1", "[127.0.0.1]:53", "127.0.0.1:", "127.0.0.1:0", "[::1]53",
                           "[::1]:", "fe80::1%eth0", "127.0.0.1, 127.0.0.2", "127.0.0.1:53:54"}) {
    EXPECT_NE(resolver_error("servers = [\"" + std::string(item) + "\"]"), "") << item;
  }
  EXPECT_EQ(resolver_error("servers = [53]"), "x.toml:2:12: resolver.servers: 53 is not a string" + allowed + "\n");
  EXPECT_EQ(resolver_error("servers = \"127.0.0.1\""),
            "x.toml:2:11: resolver.servers: \"127.0.0.1\" is not a list" + allowed + "\n");
  EXPECT_EQ(resolver_error("servers = 53"), "x.toml:2:11: resolver.servers: 53 is not a list" + allowed + "\n");
  std::string many;
  for (int i = 0; i < 9; ++i) many += "\"127.0.0.1\", ";
  EXPECT_NE(resolver_error("servers = [" + many + "]").find("there are more than 8"), std::string::npos);
}

// What is printed can be read again, and the caret stands under the wrong item.
TEST(ConfigResolver, the_list_is_printed_as_it_is_written) {
  const auto loaded = load_resolver(R"(servers = ["127.0.0.1:53", "[::1]:54"])");
  ASSERT_TRUE(loaded);
  EXPECT_NE(print_config(loaded.value(), {}).find(R"(servers = ["127.0.0.1:53", "[::1]:54"])"), std::string::npos);
  EXPECT_NE(print_config(Config{}, {}).find("servers = [] "), std::string::npos);
  const auto wrong = load_resolver(R"(servers = ["127.0.0.1", "here"])");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.errors().front().column, 25U);
}

TEST(ConfigResolver, the_schema_has_a_list_of_texts) {
  const std::string schema = json_schema();
  EXPECT_NE(schema.find(R"("maxItems": 8)"), std::string::npos);
  EXPECT_NE(schema.find(R"("default": [])"), std::string::npos);
}

}  // namespace
}  // namespace lb::config
