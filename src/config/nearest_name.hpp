// "Did you mean ...?"
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace lb::config {

// Insertions, deletions, replacements and swaps of neighbours that turn one into the other; capitals do not count.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate that `name` is most likely a slip for, the first of equals; nothing if none is close.
std::optional<std::string_view> nearest_name(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace lb::config
