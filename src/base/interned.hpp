// Names that live as long as the program, so that records of what has happened can refer to them.
#pragma once

#include <string_view>

namespace lb::base {

// The same text in static storage; each text takes its memory once. For a bounded number of names, such as the URLs of
// backends. Any thread; takes a lock.
[[nodiscard]] std::string_view interned(std::string_view name);

}  // namespace lb::base
