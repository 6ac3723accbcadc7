#include <algorithm>

#include "config/schema_rows.hpp"
#include "config/url.hpp"

namespace lb::config {
namespace {

constexpr std::size_t kTokenBytesMax = 256;

// A secret does not belong into messages, which end in logs.
std::string hidden(std::string_view) {
  return "***";
}

constexpr std::string_view kTokenPattern = "^([A-Za-z0-9._~+/-]+=*)?$";

}  // namespace

std::string address_problem(std::string_view text) {
  return is_ip_address(text) ? "" : "is not an IP address";
}

std::string file_problem(std::string_view text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return std::ranges::none_of(text, is_control) ? "" : "is not the path of a file";
}

// What RFC 6750 section 2.1 lets stand behind "Bearer".
std::string token_problem(std::string_view text) {
  const std::string_view body = text.substr(0, text.find_last_not_of('=') + 1);
  const auto is_allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~+/").find(c) != std::string_view::npos;
  };
  const bool token = !body.empty() && text.size() <= kTokenBytesMax && std::ranges::all_of(body, is_allowed);
  return text.empty() || token ? "" : "is not a token";
}

void add_admin_keys(std::vector<KeySpec>& keys) {
  constexpr auto kAddress = [](auto& c) -> auto& { return c.admin.address; };
  keys.push_back({.path = "admin.address",
                  .format = R"(an IPv4 or IPv6 address, such as "127.0.0.1" or "::1")",
                  .problem = address_problem,
                  .pattern = kAddressPattern,
                  .help = "Where the admin interface listens; name another address only if other machines are to reach "
                          "it, which takes a token.",
                  .get = get_field<kAddress>,
                  .set = set_field<kAddress>});
  keys.push_back(count<[](auto& c) -> auto& { return c.admin.port; }>(
      "admin.port", {0, 65'535, "there is no admin interface"},
      "The port of the admin interface: state, metrics, and operations such as draining a backend."));
  constexpr auto kToken = [](auto& c) -> auto& { return c.admin.token; };
  KeySpec token = text<kToken>(
      "admin.token", "a text of at most 256 letters, digits and -._~+/, such as openssl rand -hex 24 prints",
      token_problem, kTokenPattern,
      "What requests to the admin interface have to show as Authorization: Bearer TOKEN; required where it listens on "
      "anything but loopback, and of 16 characters at least there.");
  token.max = kTokenBytesMax;
  token.shown = hidden;
  keys.push_back(token);
  keys.push_back(text<[](auto& c) -> auto& { return c.admin.token_file; }>(
      "admin.token_file", R"(the path of a file, or "" for none)", file_problem, kFilePattern,
      "A file that holds the token instead, such as a secret of a container or a credential of systemd; it is read "
      "again with the configuration."));
}

}  // namespace lb::config
