// The JSON Schema, as far as it can be judged without a validator; tests/schema has one.
#include "config/json_schema.hpp"

#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "config/schema.hpp"

namespace lb::config {
namespace {

// Editors read the copy that is kept beside the example.
TEST(ConfigJsonSchema, the_kept_copy_is_the_schema) {
  std::ifstream file(LB_SOURCE_DIR "/config/load-balancer.schema.json", std::ios::binary);
  const std::string kept(std::istreambuf_iterator<char>(file), {});
  EXPECT_EQ(kept, json_schema()) << "renew it: load-balancer -print-schema > config/load-balancer.schema.json";
}

TEST(ConfigJsonSchema, names_every_key_with_its_help_in_ascii) {
  const std::string schema = json_schema();
  for (const KeySpec& key : all_keys()) {
    EXPECT_NE(schema.find('"' + std::string(key.name()) + "\": {"), std::string::npos) << key.path;
    EXPECT_EQ(key.help.find_first_of("\"\\"), std::string_view::npos) << key.path;
    EXPECT_NE(schema.find(std::string(key.help)), std::string::npos) << key.path;
  }
  for (const char c : schema) EXPECT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7F));
}

struct PatternCase {
  std::string_view path;
  std::vector<std::string> texts;
};

// Goal: an editor complains about nothing that the balancer takes. Method: texts at the borders of what each check
// takes.
TEST(ConfigJsonSchema, patterns_are_not_narrower_than_the_checks) {
  for (const PatternCase& c : std::vector<PatternCase>{
           {"server.address", {"::", "0.0.0.0", "::ffff:1.2.3.4", "fe80::1%eth0.1", "ABCD::"}},
           {"health.method", {"GET", "A", "ABCDEFGHIJKLMNOPQRST"}},
           {"health.path", {"/", "/!\"$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~"}},
           {"health.host", {"", "a", "shop.example.", "a_b:8080", "[::1]", "[::1]:81", "10.0.0.1:00080"}},
           {"health.status", {"200", "100-599", " 200 ,\t404-404 ", "200,201,202-203"}},
           {"resolver.servers", {"127.0.0.1", "10.0.0.1:00053", "[::1]", "[2001:db8::1]:53", "::ffff:1.2.3.4"}},
           {"server.trusted_proxies", {"10.0.0.0/8", "127.0.0.1", "::1", "2001:db8::/32"}},
           {"acme.domains", {"example.org", "A-b.c"}},
           {"acme.email", {"", "a@b", "x+y@example.org"}},
           {"acme.directory", {"https://a", "https://localhost:14000/dir"}},
           {"backend_tls.server_name", {"", "a", "a.example.org", "10.0.0.1"}},
           {"backends.url",
            {"a", "https://a", "HTTPS://a:8443/", "a:1", "http://a", "HTTP://A.B-c_d.:00080/",
             "http://[::ffff:1.2.3.4]:1/", "10.0.0.1", "http:80"}},
       }) {
    const KeySpec& key = *find_key(c.path);
    const std::regex pattern(std::string(key.pattern), std::regex::ECMAScript);
    for (const std::string& text : c.texts) {
      Config config = config_with_tables();
      ASSERT_EQ(assign_text(key, text, config), std::nullopt) << c.path;
      EXPECT_TRUE(std::regex_search(text, pattern)) << c.path << ' ' << text;
    }
  }
}

TEST(ConfigJsonSchema, every_text_has_a_pattern_or_a_length) {
  for (const KeySpec& key : all_keys()) {
    if (key.type != KeyType::kString) continue;
    EXPECT_TRUE(!key.pattern.empty() || key.max > 0) << key.path;
    EXPECT_TRUE(key.pattern.empty() || (key.pattern.starts_with('^') && key.pattern.ends_with('$'))) << key.path;
  }
}

}  // namespace
}  // namespace lb::config
