// The token of the admin interface, where it is kept apart from the configuration.
#pragma once

#include <optional>

#include "config/config.hpp"
#include "config/config_error.hpp"
#include "config/origins.hpp"

namespace lb::config {

// The variable that holds the token if neither admin.token nor admin.token_file does.
inline constexpr const char* kTokenVariable = "LB_ADMIN_TOKEN";

// Reads the token from admin.token_file, or from the variable, whose value is given, or null. What is wrong, without a
// word of what was read; or nothing.
[[nodiscard]] std::optional<ConfigError> read_token(Config& config, Origins& origins, const char* variable);

}  // namespace lb::config
