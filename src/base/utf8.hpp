// Just enough of UTF-8 to show what users wrote, and to write it down again.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace lb::base {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;
};

// The code point that the text begins with; nothing if the text is empty or does not begin with valid UTF-8.
std::optional<CodePoint> first_code_point(std::string_view text);

// A byte in the middle of a code point: a text must not be cut before it.
inline bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

}  // namespace lb::base
