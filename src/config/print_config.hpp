// The values in force as a file: what -print-config prints.
#pragma once

#include <string>

#include "config/config.hpp"
#include "config/origins.hpp"

namespace lb::config {

// Valid TOML with every key; load_text() makes the same configuration of it. Behind each value stands where it came
// from.
std::string print_config(const Config& config, const Origins& origins);

}  // namespace lb::config
