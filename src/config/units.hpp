// Durations and sizes as people write them: "250ms", "1m30s", "64KiB".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lb::config {

// The units a message offers.
inline constexpr std::string_view kDurationUnits = "ms, s, m, h";
inline constexpr std::string_view kSizeUnits = "B, KiB, MiB, GiB, KB, MB, GB";

// `problem` is empty if `amount` is valid; otherwise it continues a sentence that began with the text: `has no unit`.
struct Amount {
  std::uint64_t amount = 0;
  std::string problem{};

  [[nodiscard]] bool ok() const { return problem.empty(); }
};

// In milliseconds. Parts may be combined from the largest unit to the smallest ("1m30s"), and be decimal ("1.5s") as
// long as no part of a millisecond is left over. A lone 0 needs no unit.
Amount parse_duration(std::string_view text);

// In bytes: one number, whole or decimal, with one unit in any case. A lone 0 needs no unit.
Amount parse_size(std::string_view text);

// The shortest text with one unit that reads back as the same amount.
std::string format_duration(std::uint64_t milliseconds);
std::string format_size(std::uint64_t bytes);

}  // namespace lb::config
