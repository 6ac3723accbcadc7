// What the keys of [admin] must not say together, or beside others.
#pragma once

#include <optional>

#include "config/config.hpp"
#include "config/config_error.hpp"
#include "config/origins.hpp"

namespace lb::config {

// Of the merged configuration: nothing if all is well.
[[nodiscard]] std::optional<ConfigError> check_admin(const Config& config, const Origins& origins);

}  // namespace lb::config
