// The character classes and list syntax of RFC 9110 section 5.6, on views: nothing here allocates.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
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
enum : std::uint8_t { kTokenByte = 1, kFieldByte = 2, kTargetByte = 4, kRegNameByte = 8 };
inline constexpr auto kByteClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
    const auto is_one_of = [c](std::string_view others) { return others.find(c) != std::string_view::npos; };
    if (alphanumeric || is_one_of("!#$%&'*+-.^_`|~")) classes[byte] |= kTokenByte;
    if ((byte >= 0x20 || c == '\t') && byte != 0x7f) classes[byte] |= kFieldByte;
    // Visible ASCII, and no fragment: it is never sent (RFC 9112 section 3.2), and programs disagree on what it means.
    if (byte > 0x20 && byte < 0x7f && c != '#') classes[byte] |= kTargetByte;
    // reg-name of RFC 3986 section 3.2.2: unreserved, sub-delims, and the sign of pct-encoded.
    if (alphanumeric || is_one_of("-._~!$&'()*+,;=%")) classes[byte] |= kRegNameByte;
  }
  return classes;
}();

// tchar of RFC 9110 section 5.6.2.
[[nodiscard]] constexpr bool is_token_char(char c) noexcept {
  return (kByteClasses[static_cast<unsigned char>(c)] & kTokenByte) != 0;
}

[[nodiscard]] constexpr bool is_target_char(char c) noexcept {
  return (kByteClasses[static_cast<unsigned char>(c)] & kTargetByte) != 0;
}

[[nodiscard]] constexpr bool is_reg_name_char(char c) noexcept {
  return (kByteClasses[static_cast<unsigned char>(c)] & kRegNameByte) != 0;
}

// SP or HTAB.
[[nodiscard]] constexpr bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t';
}

// Where the token in front of the text ends.
[[nodiscard]] constexpr std::size_t skip_token(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size() && is_token_char(text[at])) ++at;
  return at;
}

[[nodiscard]] constexpr bool is_token(std::string_view text) noexcept {
  return !text.empty() && skip_token(text) == text.size();
}

// Field content: HTAB, SP, VCHAR and obs-text; no other control, no DEL (RFC 9110 section 5.5).
[[nodiscard]] constexpr bool is_field_char(char c) noexcept {
  return (kByteClasses[static_cast<unsigned char>(c)] & kFieldByte) != 0;
}

// Where the field content that begins at `at` ends.
[[nodiscard]] inline std::size_t skip_field_content(std::string_view text, std::size_t at = 0) noexcept {
  // Eight bytes at a time as long as none is a control, HTAB among them: values are most of what a head consists of.
  // A subtraction borrows from a byte's highest bit where the byte is less, and the bit was not set before.
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighest = 0x80 * kOnes;
  for (std::uint64_t bytes = 0; text.size() - at >= sizeof(bytes); at += sizeof(bytes)) {
    std::memcpy(&bytes, text.data() + at, sizeof(bytes));
    const std::uint64_t is_del = bytes ^ (0x7f * kOnes);
    const std::uint64_t found = (((bytes - 0x20 * kOnes) & ~bytes) | ((is_del - kOnes) & ~is_del)) & kHighest;
    if (found == 0) continue;
    // The first one is exact; those behind it may owe their bit to a borrow.
    if constexpr (std::endian::native == std::endian::little)
      at += static_cast<std::size_t>(std::countr_zero(found)) / 8;
    break;
  }
  while (at < text.size() && is_field_char(text[at])) ++at;
  return at;
}

[[nodiscard]] inline bool is_field_value(std::string_view text) noexcept {
  return skip_field_content(text) == text.size();
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
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
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
