// The character classes and list syntax of RFC 9110 section 5.6, on views: nothing here allocates.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace lb::http {

[[nodiscard]] constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

[[nodiscard]] constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// Every byte of every head is looked up in these.
enum : std::uint8_t { kTokenByte = 1, kFieldByte = 2 };
inline constexpr auto kByteClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
    constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
    if (alphanumeric || kOthers.find(c) != std::string_view::npos) classes[byte] |= kTokenByte;
    if ((byte >= 0x20 || c == '\t') && byte != 0x7f) classes[byte] |= kFieldByte;
  }
  return classes;
}();

// tchar of RFC 9110 section 5.6.2.
[[nodiscard]] constexpr bool is_token_char(char c) noexcept {
  return (kByteClasses[static_cast<unsigned char>(c)] & kTokenByte) != 0;
}

[[nodiscard]] constexpr bool is_token(std::string_view text) noexcept {
  if (text.empty()) return false;
  for (const char c : text) {
    if (!is_token_char(c)) return false;
  }
  return true;
}

// Field content: HTAB, SP, VCHAR and obs-text; no other control, no DEL (RFC 9110 section 5.5).
[[nodiscard]] constexpr bool is_field_value(std::string_view text) noexcept {
  for (const char c : text) {
    if ((kByteClasses[static_cast<unsigned char>(c)] & kFieldByte) == 0) return false;
  }
  return true;
}

[[nodiscard]] constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

// Without optional white space (SP, HTAB) at both ends.
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Calls visit(element) for each non-empty element of a comma-separated list (RFC 9110 section 5.6.1) without quoting.
template <class Visit>
constexpr void for_each_element(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view element = trimmed(list.substr(0, comma));
    if (!element.empty()) visit(element);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

[[nodiscard]] constexpr bool list_contains(std::string_view list, std::string_view wanted) noexcept {
  bool found = false;
  for_each_element(list, [&](std::string_view element) { found = found || equals_ignoring_case(element, wanted); });
  return found;
}

// 1*DIGIT that fits into 63 bits; nothing else: no sign, no space, no list.
[[nodiscard]] constexpr std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    if (value > (INT64_MAX - 9) / 10) return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

}  // namespace lb::http
