// What is wrong where the file is no TOML, in the words of its writer rather than the library's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lb::config {

// `problem`: what the library says about that line and column, from 1.
std::string syntax_message(std::string_view problem, std::string_view line, std::size_t column);

}  // namespace lb::config
