// Points in time as people and programs read them.
#pragma once

#include <string>

#include "base/clock.hpp"

namespace lb::base {

// "2026-11-23T08:58:06.123Z": RFC 3339 in UTC, with milliseconds.
[[nodiscard]] std::string rfc3339(WallTime at);

}  // namespace lb::base
