// The configuration file. This is the only door to the TOML library.
#pragma once

#include <string>
#include <string_view>

#include "config/config.hpp"
#include "config/config_error.hpp"
#include "config/origins.hpp"

namespace lb::config {

// A configuration is written by hand; whatever is longer was not meant.
inline constexpr std::size_t kFileBytesMax = 1024 * 1024;
// Beyond these a list of mistakes helps nobody; the last line says how many were left out.
inline constexpr std::size_t kErrorsMax = 100;
inline constexpr std::size_t kBackendsMax = 1024;

// Reads a whole file's text: defaults, then what it says. All mistakes are reported at once, in the order of their
// lines; only a syntax error stands alone, for nothing after it can be trusted. `file_name` appears in messages only.
// Zero backends are no mistake here: flags may name them. Any bytes are allowed as text. `origins`, if not null, is
// told where each value that the text sets was found.
Checked<Config> load_text(std::string_view text, std::string_view file_name, Origins* origins = nullptr);

// The same from a file. A path that does not exist, is a directory or may not be read is the user's mistake like any
// other (exit status 2): it was named on the command line, and the same command will fail until the user changes
// something.
Checked<Config> load_file(const std::string& path, Origins* origins = nullptr);

}  // namespace lb::config
