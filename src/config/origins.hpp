// Where the values in force came from.
#pragma once

#include <functional>
#include <map>
#include <string>

namespace lb::config {

// By path: `my.toml:3`, or `-port`; what is not in it has its default. The keys of one backend are found by its number,
// from 0: `backends.0.url`.
using Origins = std::map<std::string, std::string, std::less<>>;

}  // namespace lb::config
