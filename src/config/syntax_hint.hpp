// What the TOML library cannot know: which mistakes people make in this file.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lb::config {

// For a line on which the library has found a problem: `; text needs quotes: level = "info"`, or nothing. `column`: of
// the problem, from 1.
std::string syntax_hint(std::string_view problem, std::string_view line, std::size_t column);

}  // namespace lb::config
