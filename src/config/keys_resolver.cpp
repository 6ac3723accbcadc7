#include <algorithm>
#include <charconv>

#include "config/schema_rows.hpp"
#include "config/url.hpp"

namespace lb::config {
namespace {

constexpr std::uint64_t kMinute = 60'000;
constexpr std::uint64_t kServersMax = 8;

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port != 0;
}

bool is_plain_address(std::string_view text) {
  return is_ip_address(text) && text.find('%') == std::string_view::npos;
}

// 127.0.0.1, 127.0.0.1:53, ::1, [::1] or [::1]:53.
std::string server_problem(std::string_view text) {
  std::string_view host = text;
  std::string_view rest;
  if (text.starts_with('[') && text.find(']') != std::string_view::npos) {
    host = text.substr(1, text.find(']') - 1);
    rest = text.substr(text.find(']') + 1);
  } else if (std::ranges::count(text, ':') == 1) {
    host = text.substr(0, text.find(':'));
    rest = text.substr(host.size());
  }
  const bool bracketed = text.starts_with('[');
  if (!is_plain_address(host) || (bracketed && host.find(':') == std::string_view::npos)) return "is not an IP address";
  return rest.empty() || (rest.starts_with(':') && is_port(rest.substr(1))) ? "" : "has no port behind its address";
}

// As the library wants them: IPv6 in brackets, which c-ares 1.18 takes with a port only.
std::string with_port(std::string server) {
  if (std::ranges::count(server, ':') > 1 && !server.starts_with('[')) server = '[' + server + ']';
  const bool has_port = server.starts_with('[') ? !server.ends_with(']') : server.find(':') != std::string::npos;
  return has_port ? server : server + ":53";
}

Value get_servers(const Config& config) {
  std::string out;
  for (const std::string& server : config.resolver.servers) out += (out.empty() ? "" : ", ") + server;
  return out;
}

void set_servers(Config& config, const Value& value) {
  config.resolver.servers.clear();
  for (const std::string& server : items_of(std::get<std::string>(value))) {
    config.resolver.servers.push_back(with_port(server));
  }
}

constexpr std::string_view kServerPattern = R"(^(\[[0-9A-Fa-f:.]+\](:[0-9]+)?|[0-9.]+(:[0-9]+)?|[0-9A-Fa-f:.]+)$)";

}  // namespace

void add_resolver_keys(std::vector<KeySpec>& keys) {
  keys.push_back(
      {.path = "resolver.servers",
       .type = KeyType::kList,
       .max = kServersMax,
       .format = R"(addresses such as ["127.0.0.1:53", "[::1]:53"], or [] for the system's)",
       .problem = server_problem,
       .pattern = kServerPattern,
       .help =
           "The name servers that know where the backends are; name them if they are not those of /etc/resolv.conf.",
       .get = get_servers,
       .set = set_servers});
  keys.push_back(duration<[](auto& c) -> auto& { return c.resolver.timeout; }>(
      "resolver.timeout", {10, kMinute},
      "How long one name server is waited for; backends keep the addresses that they had."));
  keys.push_back(count<[](auto& c) -> auto& { return c.resolver.attempts; }>(
      "resolver.attempts", {1, 10}, "How often each name server is asked; raise it where packets are lost."));
}

}  // namespace lb::config
