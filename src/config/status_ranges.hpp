// "200-299,304": which status codes pass a check.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace lb::config {

// Each with both ends included.
using StatusRanges = std::vector<std::pair<unsigned, unsigned>>;

// Codes (100 to 599) and ranges of them, separated by commas. Nothing if the text is anything else.
std::optional<StatusRanges> parse_status_ranges(std::string_view text);

}  // namespace lb::config
