#include "config/warnings.hpp"

#include <algorithm>

namespace lb::config {

std::vector<std::string> warnings_of(const Config& config) {
  std::vector<std::string> warnings;
  if (!config.backends.empty() && std::ranges::all_of(config.backends, &Backend::backup)) {
    warnings.emplace_back(
        "all backends are backups: they serve, for nobody else is up; is backup = true meant for each?");
  }
  if (config.balance.policy == "consistent-hash" && !config.balance.sticky_cookie.empty()) {
    warnings.emplace_back("balance.sticky_cookie goes before balance.policy: a client with the cookie is not hashed");
  }
  if (std::ranges::any_of(config.listeners, &Listener::http2)) {
    warnings.emplace_back("listeners.http2: HTTP/2 is not served yet; clients get HTTP/1.1");
  }
  return warnings;
}

}  // namespace lb::config
