// The bytes of a configuration file, before anything is known of their meaning.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "config/config_error.hpp"

namespace lb::config {

// The whole file, at most `bytes_max`. Pipes are read to their end, so that a shell's <(command) works.
Checked<std::string> read_file(const std::string& path, std::size_t bytes_max);

// Some editors begin a file with one. Lines and columns count from behind it.
std::string_view without_byte_order_mark(std::string_view text);

// The text as the TOML library gets it: pure ASCII, for its tables of other characters have gaps that are undefined
// behaviour, and nothing but comments needs more. What would hurt it otherwise is an error, still without a file name:
// too long a text, control characters, keys of absurdly many parts (its tables nest as deep as a key has dots, and go
// away by recursion). Lines and columns stay what they were.
Checked<std::string> clean_text(std::string_view text);

}  // namespace lb::config
