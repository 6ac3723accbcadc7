// The answer of GET /status as a table for a terminal.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace lb::app {

enum class Paint : std::uint8_t { plain, coloured };

// Nothing if the text is not what GET /status answers. `now`: what times are shown relative to. Safe to print whatever
// stands in the text.
[[nodiscard]] std::optional<std::string> status_table(std::string_view body, base::WallTime now, Paint paint);

}  // namespace lb::app
