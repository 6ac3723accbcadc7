#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "http/h1_parser.hpp"

namespace lb::http {
namespace {

using base::ErrorKind;
using Progress = HeadParser::Progress;

// The verdict on `text` fed in steps of `step` bytes; none: accepted.
std::optional<ErrorKind> judge(HeadParser::Kind kind, const std::string& text, std::size_t step, HeadLimits limits) {
  HeadParser parser(kind, limits);
  for (std::size_t end = std::min(step, text.size());; end = std::min(end + step, text.size())) {
    const std::string part = text.substr(0, end);
    const Progress progress = parser.feed(part);
    if (progress == Progress::failed) return parser.error().kind;
    if (progress == Progress::complete) {
      RequestHead request;
      ResponseHead response;
      const auto cut =
          kind == HeadParser::Kind::request ? parser.cut_request(part, request) : parser.cut_response(part, response);
      return cut ? std::nullopt : std::optional(cut.error().kind);
    }
    if (end == text.size()) {
      ADD_FAILURE() << "neither accepted nor refused";
      return std::nullopt;
    }
  }
}

// Method: the whole at once, byte by byte, and in an odd step.
std::optional<ErrorKind> judge_all(HeadParser::Kind kind, const std::string& text, HeadLimits limits) {
  const auto whole = judge(kind, text, text.size(), limits);
  EXPECT_EQ(judge(kind, text, 1, limits), whole) << text.size();
  EXPECT_EQ(judge(kind, text, 7, limits), whole) << text.size();
  EXPECT_EQ(judge(kind, text, limits.bytes, limits), whole) << text.size();
  EXPECT_EQ(judge(kind, text, limits.bytes + 1, limits), whole) << text.size();
  return whole;
}

std::string padded(std::string_view before, std::string_view after, std::size_t size) {
  std::string text(before);
  text.append(size - before.size() - after.size(), 'a').append(after);
  return text;
}

constexpr HeadLimits kSmall{200, 5};

TEST(HttpH1ParserLimits, a_head_of_exactly_the_limit_is_accepted_and_one_byte_more_is_not) {
  constexpr auto kRequest = HeadParser::Kind::request;
  EXPECT_EQ(judge_all(kRequest, padded("GET /", " HTTP/1.1\r\n\r\n", 200), kSmall), std::nullopt);
  EXPECT_EQ(judge_all(kRequest, padded("GET / HTTP/1.1\r\nA: ", "\r\n\r\n", 200), kSmall), std::nullopt);
  EXPECT_EQ(judge_all(kRequest, padded("GET / HTTP/1.1\r\nA: ", "\r\n\r\n", 201), kSmall), ErrorKind::header_too_large);
  EXPECT_EQ(judge_all(kRequest, padded("GET / HTTP/1.1\r\nA: ", "\r\n\r\n", 1000), kSmall),
            ErrorKind::header_too_large);
  constexpr auto kResponse = HeadParser::Kind::response;
  EXPECT_EQ(judge_all(kResponse, padded("HTTP/1.1 200 OK\r\nA: ", "\r\n\r\n", 200), kSmall), std::nullopt);
  EXPECT_EQ(judge_all(kResponse, padded("HTTP/1.1 200 OK\r\nA: ", "\r\n\r\n", 201), kSmall),
            ErrorKind::header_too_large);
  EXPECT_EQ(judge_all(kResponse, padded("HTTP/1.1 200 ", "\r\n\r\n", 300), kSmall), ErrorKind::header_too_large);
}

TEST(HttpH1ParserLimits, a_request_line_beyond_the_limit_is_told_apart_from_fields_beyond_it) {
  constexpr auto kRequest = HeadParser::Kind::request;
  for (const std::size_t size : {220U, 300U, 5000U}) {
    EXPECT_EQ(judge_all(kRequest, padded("GET /", " HTTP/1.1\r\n\r\n", size), kSmall), ErrorKind::target_too_long)
        << size;
    EXPECT_EQ(judge_all(kRequest, padded("G", " / HTTP/1.1\r\n\r\n", size), kSmall), ErrorKind::target_too_long)
        << size;
  }
}

TEST(HttpH1ParserLimits, bytes_behind_the_head_do_not_count) {
  const std::string text = "GET / HTTP/1.1\r\n\r\n" + std::string(10'000, 'x');
  EXPECT_EQ(judge_all(HeadParser::Kind::request, text, kSmall), std::nullopt);
}

TEST(HttpH1ParserLimits, the_number_of_fields_is_bounded) {
  std::string head = "GET / HTTP/1.1\r\n";
  for (std::size_t i = 0; i < kSmall.count; ++i) head += "A: b\r\n";
  EXPECT_EQ(judge_all(HeadParser::Kind::request, head + "\r\n", kSmall), std::nullopt);
  EXPECT_EQ(judge_all(HeadParser::Kind::request, head + "A: b\r\n\r\n", kSmall), ErrorKind::header_too_large);
}

// Goal: a limit hides no error that comes before it, and causes none behind it. Method: a fault at each position.
TEST(HttpH1ParserLimits, a_fault_before_the_limit_is_malformed_wherever_it_stands) {
  const std::string good = padded("GET / HTTP/1.1\r\nA: ", "\r\n\r\n", 150);
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = '\0';
    EXPECT_EQ(judge_all(HeadParser::Kind::request, bad, kSmall), ErrorKind::malformed) << at;
  }
}

}  // namespace
}  // namespace lb::http
