#include "acme/text.hpp"

#include <algorithm>

#include "acme/limits.hpp"
#include "base/utf8.hpp"

namespace lb::acme {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// Control characters, line ends of Unicode, and what makes a terminal write from right to left.
bool is_harmful(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x061C || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF;
}

}  // namespace

std::string base64url(std::span<const unsigned char> bytes) {
  std::string text;
  text.reserve(bytes.size() * 4 / 3 + 2);
  unsigned bits = 0;
  unsigned held = 0;
  for (const unsigned char byte : bytes) {
    held = (held << 8U | byte) & 0xFFFFU;
    for (bits += 8; bits >= 6; bits -= 6) text.push_back(kAlphabet[held >> (bits - 6) & 63U]);
  }
  if (bits > 0) text.push_back(kAlphabet[held << (6 - bits) & 63U]);
  return text;
}

std::string base64url(std::string_view bytes) {
  return base64url({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
}

bool is_base64url(std::string_view text) noexcept {
  return !text.empty() && text.find_first_not_of(kAlphabet) == std::string_view::npos;
}

std::string harmless(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const auto point = base::first_code_point(text);
    const std::size_t bytes = point ? point->bytes : 1;
    if (clean.size() + bytes > kSaidBytesMax) return clean + "...";
    if (!point || is_harmful(point->value)) {
      clean += point && (point->value == '\n' || point->value == '\t') ? ' ' : '?';
    } else {
      clean += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
  return clean;
}

bool is_url(std::string_view text) noexcept {
  constexpr std::string_view kScheme = "https://";
  return text.starts_with(kScheme) && text.size() > kScheme.size() && text.size() <= kUrlBytesMax &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; });
}

}  // namespace lb::acme
