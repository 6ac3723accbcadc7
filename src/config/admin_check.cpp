#include "config/admin_check.hpp"

#include "config/url.hpp"

namespace lb::config {
namespace {

bool is_every_address(const std::string& address) {
  return address == "::" || address == "0.0.0.0";
}

// " (my.toml:7)": where a value came from, if that is known.
std::string origin_of(const Origins& origins, const std::string& path) {
  const auto found = origins.find(path);
  return found == origins.end() ? std::string() : " (" + printable(found->second) + ")";
}

}  // namespace

bool is_enough_for(const std::string& address, const std::string& token) {
  return is_loopback_address(address) || token.size() >= kTokenBytesMin;
}

std::optional<ConfigError> check_admin(const Config& config, const Origins& origins) {
  const Admin& admin = config.admin;
  if (admin.port == 0) return std::nullopt;
  if (admin.token.empty() && !is_loopback_address(admin.address)) {
    return ConfigError{.key = "admin.token",
                       .message = "is required, for admin.address is " + in_quotes(admin.address) +
                                  origin_of(origins, "admin.address") +
                                  ", where other machines could drain your backends; write [admin] token = \"...\" "
                                  "with what openssl rand -hex 24 prints"};
  }
  if (!is_enough_for(admin.address, admin.token)) {
    return ConfigError{.key = "admin.token",
                       .message = "is shorter than " + std::to_string(kTokenBytesMin) +
                                  " characters, for others to guess: admin.address is " + in_quotes(admin.address) +
                                  origin_of(origins, "admin.address") + "; take what openssl rand -hex 24 prints"};
  }
  const Server& server = config.server;
  const bool share_an_address =
      admin.address == server.address || is_every_address(admin.address) || is_every_address(server.address);
  if (admin.port == server.port && share_an_address) {
    return ConfigError{.key = "admin.port",
                       .message = std::to_string(admin.port) + origin_of(origins, "admin.port") +
                                  " is server.port, too; the admin interface has a port of its own"};
  }
  return std::nullopt;
}

}  // namespace lb::config
