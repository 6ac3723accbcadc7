#include "config/status_ranges.hpp"

#include <charconv>

namespace lb::config {
namespace {

std::optional<unsigned> parse_status(std::string_view text) {
  unsigned status = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), status);
  const bool whole = code == std::errc() && end == text.data() + text.size() && text.size() == 3;
  return whole && status >= 100 && status <= 599 ? std::optional(status) : std::nullopt;
}

}  // namespace

std::optional<StatusRanges> parse_status_ranges(std::string_view text) {
  StatusRanges ranges;
  for (;;) {
    const std::size_t comma = text.find(',');
    std::string_view element = text.substr(0, comma);
    const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
    while (!element.empty() && is_space(element.front())) element.remove_prefix(1);
    while (!element.empty() && is_space(element.back())) element.remove_suffix(1);
    const std::size_t dash = element.find('-');
    const auto first = parse_status(element.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_status(element.substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    ranges.emplace_back(*first, *last);
    if (comma == std::string_view::npos) return ranges;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace lb::config
