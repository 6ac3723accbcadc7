// What the two head fuzzers share: any split of the same bytes has to get the same verdict.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "http/h1_parser.hpp"

namespace lb::fuzz {

inline constexpr http::HeadLimits kLimits{2048, 32};

struct Verdict {
  http::HeadParser::Progress progress = http::HeadParser::Progress::need_more;
  std::size_t bytes = 0;
  base::ErrorKind kind = base::ErrorKind::io;

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

// Feeds the text in steps of `step` bytes.
inline Verdict parse(http::HeadParser& parser, std::string_view text, std::size_t step) {
  parser.reset();
  Verdict verdict;
  for (std::size_t end = std::min(step, text.size());; end = std::min(end + step, text.size())) {
    verdict.progress = parser.feed(text.substr(0, end));
    if (verdict.progress != http::HeadParser::Progress::need_more || end == text.size()) break;
  }
  if (verdict.progress == http::HeadParser::Progress::complete) verdict.bytes = parser.head_bytes();
  if (verdict.progress == http::HeadParser::Progress::failed) verdict.kind = parser.error().kind;
  return verdict;
}

// Both verdicts, which have to be equal; the parser is left with the last.
inline Verdict parse_both_ways(http::HeadParser& parser, std::string_view text, std::size_t step) {
  const Verdict split = parse(parser, text, step);
  const Verdict whole = parse(parser, text, text.size() + 1);
  if (!(split == whole)) std::abort();
  return whole;
}

}  // namespace lb::fuzz
