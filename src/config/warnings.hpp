// What is valid in a configuration, and hardly meant.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"

namespace lb::config {

// One sentence each, for people.
[[nodiscard]] std::vector<std::string> warnings_of(const Config& config);

}  // namespace lb::config
