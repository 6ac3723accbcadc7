// The line with the mistake in it, and where in it the caret goes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lb::config {

// Ready to be printed on a terminal, whatever bytes the user wrote: no control characters, a bounded length, no
// passwords and no token.
struct Excerpt {
  std::string text{};      // empty: there is nothing to show
  std::size_t column = 0;  // of the first mark, in columns of the terminal, from 0
  std::size_t width = 0;   // of the marks

  bool operator==(const Excerpt&) const = default;
};

// Marks `length` bytes of the line from `begin` on, or the one place if there are none. Far from the place a long line
// is cut, a tab becomes four spaces, and what a terminal would not print as it stands is escaped. A place behind the
// line's end is its end.
Excerpt make_excerpt(std::string_view line, std::size_t begin, std::size_t length);

// The line with this number, from 1, without its end; empty if the text has fewer.
std::string_view line_of(std::string_view text, unsigned number);

}  // namespace lb::config
