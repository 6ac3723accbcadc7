#include "config/syntax_hint.hpp"

#include <algorithm>

#include "config/config_error.hpp"
#include "config/schema.hpp"
#include "config/url.hpp"

namespace lb::config {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpaces = " \t";
  const std::size_t begin = std::min(text.find_first_not_of(kSpaces), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(kSpaces) + 1);
}

// Of a key with this name, in whatever section: that the line is in cannot be told while the syntax is broken.
bool takes_text(std::string_view name) {
  return std::ranges::any_of(all_keys(),
                             [&](const KeySpec& key) { return key.name() == name && key.type != KeyType::kUnsigned; });
}

}  // namespace

std::string syntax_hint(std::string_view problem, std::string_view line, std::size_t column) {
  if (column > line.size() && problem.find("parsing string") != std::string_view::npos) {
    return "; is a closing quote missing?";
  }
  line = line.substr(0, line.find(" #"));
  // Other formats write a colon.
  const std::size_t sign = line.find_first_of("=:");
  if (sign == std::string_view::npos) return {};
  const std::string_view key = trim(line.substr(0, sign));
  const std::string_view value = trim(line.substr(sign + 1));
  const bool is_bare = !value.empty() && value.find_first_of("\"'[]{},#") == std::string_view::npos;
  if (!is_bare || !takes_text(key.substr(key.rfind('.') + 1))) return {};
  return "; text needs quotes: " + printable(key) + " = " + in_quotes(without_userinfo(value));
}

}  // namespace lb::config
