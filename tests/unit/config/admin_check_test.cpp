#include "config/admin_check.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "config/schema.hpp"
#include "config/url.hpp"

namespace lb::config {
namespace {

Config with_admin(const std::string& address, std::uint16_t port, const std::string& token) {
  Config config;
  config.admin = {.address = address, .port = port, .token = token, .token_file = {}};
  return config;
}

TEST(AdminCheck, anything_but_loopback_takes_a_token) {
  for (const char* address : {"127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(is_loopback_address(address)) << address;
    EXPECT_FALSE(check_admin(with_admin(address, 1, ""), {})) << address;
    EXPECT_FALSE(check_admin(with_admin(address, 1, "t"), {})) << address;
  }
  for (const char* address : {"0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "fe80::1%eth0", "::ffff:10.0.0.1", "::2"}) {
    EXPECT_FALSE(is_loopback_address(address)) << address;
    const auto problem = check_admin(with_admin(address, 1, ""), {{"admin.address", "my.toml:7"}});
    ASSERT_TRUE(problem) << address;
    EXPECT_EQ(problem->key, "admin.token");
    EXPECT_NE(problem->message.find("(my.toml:7)"), std::string::npos) << problem->message;
    EXPECT_FALSE(check_admin(with_admin(address, 1, std::string(16, 't')), {}));
    const auto short_one = check_admin(with_admin(address, 1, std::string(15, 't')), {});
    ASSERT_TRUE(short_one) << address;
    EXPECT_NE(short_one->message.find("is shorter than 16 characters"), std::string::npos) << short_one->message;
    EXPECT_EQ(short_one->message.find("ttt"), std::string::npos) << "it is not shown";
    EXPECT_FALSE(check_admin(with_admin(address, 0, ""), {})) << "it does not listen";
  }
}

TEST(AdminCheck, it_has_a_port_of_its_own) {
  const auto problem = check_admin(with_admin("127.0.0.1", 3030, ""), {});
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->key, "admin.port");
  Config config = with_admin("127.0.0.1", 3030, "");
  config.server.address = "10.0.0.1";
  EXPECT_FALSE(check_admin(config, {})) << "another address";
}

TEST(AdminCheck, a_token_is_what_a_field_can_hold_and_is_not_shown) {
  const KeySpec& key = *find_key("admin.token");
  Config config;
  for (const char* token : {"", "a", "0123-._~+/AZ==", "deadbeef"}) {
    EXPECT_FALSE(assign_text(key, token, config)) << token;
    EXPECT_EQ(config.admin.token, token);
  }
  for (const std::string& token :
       std::vector<std::string>{"=", "a b", "a=b", "\"", "\xC3\xA4", std::string(257, 'a')}) {
    const auto problem = assign_text(key, token, config);
    ASSERT_TRUE(problem) << token;
    EXPECT_TRUE(problem->starts_with("\"***\" is not a token")) << *problem;
  }
}

}  // namespace
}  // namespace lb::config
