// What the keys of [admin] must not say together, or beside others.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "config/config.hpp"
#include "config/config_error.hpp"
#include "config/origins.hpp"

namespace lb::config {

// A token where others may guess has to be of so many characters at least.
inline constexpr std::size_t kTokenBytesMin = 16;
// Whether the token may guard what listens at this address.
[[nodiscard]] bool is_enough_for(const std::string& address, const std::string& token);

// Of the merged configuration: nothing if all is well.
[[nodiscard]] std::optional<ConfigError> check_admin(const Config& config, const Origins& origins);

}  // namespace lb::config
