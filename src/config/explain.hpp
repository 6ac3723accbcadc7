// Mistakes as a person at a terminal sees them.
#pragma once

#include <string>

#include "config/config_error.hpp"

namespace lb::config {

enum class Colour { off, on };

// Each mistake as render() has it, and below it, where there is one, the line with a caret under the place:
//
//   my.toml:2:10: health.check: "htpp" is not one of tcp, http; did you mean http?
//     2 | check = "htpp"
//       |         ^^^^^^
//
// Columns in the first line count bytes, as compilers do.
std::string explain(const ConfigErrors& errors, Colour colour);

}  // namespace lb::config
