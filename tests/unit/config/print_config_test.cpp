// What -print-config prints is a file that says the same again.
#include "config/print_config.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "config/flags.hpp"
#include "config/load.hpp"
#include "config/schema.hpp"

namespace lb::config {
namespace {

// Every value by its path, and what a URL says beyond its text.
std::string values_of(const Config& config) {
  std::string out;
  for (const KeySpec& key : all_keys()) {
    if (find_table_array(key.section()) != nullptr) continue;
    out += std::string(key.path) + '=' + value_text(key, config) + '\n';
  }
  for (const Listener& one : config.listeners) {
    out += one.address + ' ' + std::to_string(one.port) + (one.tls ? " tls " : " ") + one.proxy_protocol + '\n';
  }
  for (const Certificate& one : config.certificates) out += one.certificate + ' ' + one.key + '\n';
  for (const Backend& backend : config.backends) {
    out += backend.url + ' ' + backend.host + ' ' + std::to_string(backend.port) + ' ' +
           std::to_string(backend.weight) + ' ' + std::to_string(backend.connections_max) + '\n';
  }
  return out;
}

// The values of the configuration after it was printed and read again.
std::string values_after_round_trip(const Config& config) {
  const std::string text = print_config(config, {});
  const Checked<Config> again = load_text(text, "printed.toml");
  return again ? values_of(again.value()) : render(again.errors()) + text;
}

// What each key may be beside: the others need some.
Config config_with_backend() {
  Config config;
  config.server.trusted_proxies = {"10.0.0.0/8"};
  config.listeners.push_back({.address = "::1", .port = 443, .tls = true});
  config.certificates.push_back({.certificate = "/site.pem", .key = "/site.key"});
  config.tls.client_ca = "/ca.pem";
  config.backend_tls.certificate = "/own.pem";
  config.backend_tls.key = "/own.key";
  config.backends.push_back({.url = "http://a:81", .host = "a", .port = 81});
  return config;
}

// Texts that a key may have, beside its default.
std::vector<std::string> texts_of(const KeySpec& key) {
  if (key.type == KeyType::kEnum) return {key.choices.begin(), key.choices.end()};
  if (key.path == "admin.token" || key.path == "balance.sticky_secret") return {""};  // they are not printed
  if (key.path == "balance.hash_on") return {"host", "header:X-User", "query:q"};
  if (key.path == "balance.sticky_cookie") return {"lb", "__Host-lb"};
  if (key.path.ends_with(".address")) return {"127.0.0.1", "fe80::1%eth0.1"};
  if (key.path == "backends.url") return {"B", "http://[::1]", "http://my_service-2:65535/"};
  if (key.path == "server.trusted_proxies") return {"127.0.0.1, 2001:db8::/32", "::1"};
  if (key.path == "acme.domains") return {"example.org, www.example.org", ""};
  if (key.path == "acme.email") return {"a@example.org"};
  if (key.path == "acme.directory") return {"https://localhost:14000/dir"};
  for (const std::string_view file : {".certificate", ".key", "_ca", ".ca", ".storage"}) {
    if (key.path.ends_with(file)) return {"/etc/a \"b\".pem", "b/c"};
  }
  if (key.path == "backend_tls.server_name") return {"backend.internal"};
  if (key.path == "admin.token_file") return {"/run/secrets/token"};
  if (key.path == "log.access_file") return {"/var/log/load-balancer/access \"a\" \xC3\xA4.log"};
  if (key.path == "resolver.servers") return {"127.0.0.1:53, [::1]:53", "::1", ""};
  if (key.path == "health.method") return {"HEAD", "OPTIONS"};
  if (key.path == "health.path") return {R"(/"\'?a=%20&b={}[])"};
  if (key.path == "health.host") return {"shop.example:8080", "[::1]"};
  if (key.path == "health.status") return {" 200 ,\t404-404 "};
  if (key.path == "health.body") {
    std::string every_ascii;
    for (char c = 0; c < 0x7F; ++c) every_ascii += c;
    return {every_ascii + '\x7F', "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", R"(""" '''\u0041)"};
  }
  return {};
}

// Goal: every key, whatever its value, survives. Method: both ends of each number, each choice, and texts with whatever
// a string can hold.
TEST(ConfigPrint, what_is_printed_reads_back_as_the_same_values) {
  for (const KeySpec& key : all_keys()) {
    Config config = config_with_backend();
    EXPECT_EQ(values_after_round_trip(config), values_of(config)) << key.path;
    const std::vector<std::string> texts = texts_of(key);
    for (const std::string& text : texts) {
      ASSERT_EQ(assign_text(key, text, config), std::nullopt) << key.path;
      EXPECT_EQ(values_after_round_trip(config), values_of(config)) << key.path;
    }
    if (key.type == KeyType::kString || key.type == KeyType::kEnum || key.type == KeyType::kList) {
      EXPECT_FALSE(texts.empty()) << key.path << " is not tested";
      continue;
    }
    for (const std::uint64_t number : {key.min, key.min + 1, key.max - 1, key.max}) {
      key.set(config, number);
      EXPECT_EQ(values_after_round_trip(config), values_of(config)) << key.path << ' ' << number;
    }
  }
}

TEST(ConfigPrint, secrets_are_not_shown) {
  Config config = config_with_backend();
  config.admin.token = "mellon";
  config.balance.sticky_secret = "mellon";
  const std::string text = print_config(config, {});
  EXPECT_EQ(text.find("mellon"), std::string::npos) << text;
  EXPECT_NE(text.find("\nsticky_secret = \"***\" "), std::string::npos) << text;
  EXPECT_NE(text.find("\ntoken = \"***\" "), std::string::npos) << text;
}

TEST(ConfigPrint, backends_keep_their_order_and_their_keys) {
  Config config;
  for (unsigned i = 0; i < 20; ++i) {
    const std::string name = "b" + std::to_string(i);
    config.backends.push_back({.url = "http://" + name, .host = name, .weight = i + 1, .connections_max = i});
  }
  EXPECT_EQ(values_after_round_trip(config), values_of(config));
  config.backends.clear();
  EXPECT_EQ(values_after_round_trip(config), values_of(config));
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

std::size_t count(const std::vector<std::string>& lines, std::string_view line) {
  return static_cast<std::size_t>(std::ranges::count(lines, line));
}

TEST(ConfigPrint, each_value_says_where_it_came_from) {
  Origins origins;
  const Checked<Config> config = load_text(
      "log.level = \"debug\"\n[server]\nport = 1\ntimeouts = { header = \"1s\" }\n"
      "[[backends]]\nurl = \"http://a\"\n[[backends]]\nweight = 3\nurl = \"http://b\"\n",
      "my.toml", &origins);
  ASSERT_TRUE(config) << render(config.errors());
  const std::vector<std::string> lines = lines_of(print_config(config.value(), origins));
  EXPECT_EQ(count(lines, "level = \"debug\"                         # my.toml:1"), 1U);
  EXPECT_EQ(count(lines, "port = 1                                # my.toml:3"), 1U);
  EXPECT_EQ(count(lines, "header = \"1s\"                           # my.toml:4"), 1U);
  EXPECT_EQ(count(lines, "url = \"http://a\"                        # my.toml:6"), 1U);
  EXPECT_EQ(count(lines, "weight = 1                              # default"), 1U);
  EXPECT_EQ(count(lines, "weight = 3                              # my.toml:8"), 1U);
  EXPECT_EQ(count(lines, "url = \"http://b\"                        # my.toml:9"), 1U);
  const auto from_file = std::ranges::count_if(lines, [](const std::string& line) { return line.ends_with(":3"); });
  EXPECT_EQ(from_file, 1);
  EXPECT_EQ(count(lines, "[[backends]]"), 2U);
}

// Goal: a comment cannot become anything else. Method: a file whose name has a line break in it.
TEST(ConfigPrint, a_hostile_file_name_stays_in_its_comment) {
  Origins origins;
  const Checked<Config> config = load_text("server.port = 1", "x\nport = 2 #\x1B[2J.toml", &origins);
  const std::string text = print_config(config.value(), origins);
  EXPECT_NE(text.find("# x\\x0aport = 2 #\\x1b[2J.toml:1\n"), std::string::npos) << text;
  EXPECT_EQ(load_text(text, "printed.toml").value().server.port, 1);
}

TEST(ConfigPrint, a_refused_value_has_no_origin) {
  Origins origins;
  EXPECT_FALSE(load_text("server.port = 70000\nserver.threads = 2\n", "x.toml", &origins));
  EXPECT_EQ(origins, (Origins{{"server.threads", "x.toml:2"}}));
}

}  // namespace
}  // namespace lb::config
