// Moments as texts. None follows the locale.
#pragma once

#include <array>
#include <ctime>
#include <string>

#include "base/clock.hpp"

namespace lb::base {

// "Sun, 06 Nov 1994 08:49:37 GMT" (IMF-fixdate of RFC 9110 section 5.6.7), of seconds since 1970.
inline constexpr std::size_t kHttpDateBytes = 29;
void write_http_date(std::time_t seconds, std::array<char, kHttpDateBytes>& text);

// "23/Nov/2026:08:22:01 +0000", as the Common Log Format has it, in the time zone of the last ::tzset().
inline constexpr std::size_t kCommonLogDateBytes = 26;
void write_common_log_date(std::time_t seconds, std::array<char, kCommonLogDateBytes>& text);

// "2026-11-23T08:22:01.123Z" (RFC 3339); milliseconds are cut.
[[nodiscard]] std::string rfc3339(WallTime at);

}  // namespace lb::base
