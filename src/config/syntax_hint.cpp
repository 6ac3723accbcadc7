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

// A key with this name that takes text, or null, in whatever section: which one the line is in cannot be told while the
// syntax is broken.
const KeySpec* key_of_text(std::string_view name) {
  const auto found = std::ranges::find_if(all_keys(), [&](const KeySpec& key) {
    return key.name() == name && key.type != KeyType::kUnsigned && key.type != KeyType::kList;
  });
  return found == all_keys().end() ? nullptr : &*found;
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
  const KeySpec* const known = key_of_text(key.substr(key.rfind('.') + 1));
  if (!is_bare || known == nullptr) return {};
  const std::string shown = known->shown != nullptr ? known->shown(value) : without_userinfo(value);
  return "; text needs quotes: " + printable(key) + " = " + in_quotes(shown);
}

}  // namespace lb::config
