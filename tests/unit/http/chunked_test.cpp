#include "http/chunked.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/limits.hpp"

namespace lb::http {
namespace {

using base::ErrorKind;

struct Decoded {
  std::string body;
  std::string trailers;
  std::size_t consumed = 0;
  bool ended = false;
  std::optional<ErrorKind> error;

  friend bool operator==(const Decoded&, const Decoded&) = default;
};

std::ostream& operator<<(std::ostream& out, const Decoded& decoded) {
  if (decoded.error) return out << "error: " << base::to_string(*decoded.error);
  return out << (decoded.ended ? "ended" : "open") << " after " << decoded.consumed << ": " << decoded.body << "|"
             << decoded.trailers;
}

// Shows the decoder `part`, as often as it takes; false when nothing more is to be shown.
bool show(ChunkedDecoder& decoder, std::string_view part, Decoded& out) {
  while (!part.empty()) {
    const auto step = decoder.next(part);
    if (!step) {
      out.error = step.error().kind;
      return false;
    }
    EXPECT_LE(step->consumed, part.size());
    EXPECT_TRUE(step->event != ChunkedDecoder::Event::need_more || step->consumed == part.size());
    if (step->event == ChunkedDecoder::Event::data) {
      EXPECT_FALSE(step->data.empty());
      EXPECT_GE(step->data.data(), part.data());
      EXPECT_EQ(step->data.data() + step->data.size(), part.data() + step->consumed) << "data ends what was consumed";
    }
    out.body += step->data;
    out.consumed += step->consumed;
    part.remove_prefix(step->consumed);
    if (step->event == ChunkedDecoder::Event::end) {
      out.ended = true;
      out.trailers = decoder.trailers();
      return false;
    }
  }
  return true;
}

Decoded decode(std::string_view text, std::size_t split, std::size_t trailers_max = 10) {
  ChunkedDecoder decoder;
  decoder.reset(trailers_max);
  Decoded out;
  // Copies, so that reading behind a part is an error that the sanitizer sees.
  const std::string first(text.substr(0, split));
  const std::string second(text.substr(split));
  if (show(decoder, first, out)) show(decoder, second, out);
  if (out.error) return {{}, {}, 0, false, out.error};
  return out;
}

// The outcome, after it was found to be the same for all cuts into two, and byte by byte.
Decoded decode_every_split(std::string_view text, std::size_t trailers_max = 10) {
  const Decoded whole = decode(text, text.size(), trailers_max);
  for (std::size_t at = 0; at < text.size(); ++at) {
    EXPECT_EQ(decode(text, at, trailers_max), whole) << "split at " << at << " of " << text.substr(0, 80);
  }
  ChunkedDecoder decoder;
  decoder.reset(trailers_max);
  Decoded each;
  for (const char c : text) {
    const std::string byte(1, c);
    if (!show(decoder, byte, each)) break;
  }
  if (each.error) each = {{}, {}, 0, false, each.error};
  EXPECT_EQ(each, whole) << "byte by byte: " << text.substr(0, 80);
  return whole;
}

struct Good {
  std::string_view text;
  std::string_view body;
  std::string_view trailers;
};

TEST(HttpChunked, bodies_are_decoded_however_they_are_split) {
  for (const Good& c : {
           Good{"0\r\n\r\n", "", ""},
           Good{"5\r\nhello\r\n0\r\n\r\n", "hello", ""},
           Good{"1\r\na\r\n1\r\nb\r\n0\r\n\r\n", "ab", ""},
           Good{"a\r\n0123456789\r\nA\r\n0123456789\r\n00\r\n\r\n", "01234567890123456789", ""},
           Good{"0000000000000005\r\nhello\r\n000\r\n\r\n", "hello", ""},
           Good{"5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n", "hello", ""},
           Good{"5; \t\r\nhello\r\n0\r\n\r\n", "hello", ""},
           Good{"4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n", ""},
           Good{"3\r\n0\r\n\r\n0\r\n\r\n", "0\r\n", ""},
           Good{"0\r\nA: b\r\n\r\n", "", "A: b\r\n"},
           Good{"1\r\nz\r\n0\r\nA:b\r\nC: \t d e \r\nA:\r\n\r\n", "z", "A: b\r\nC: d e\r\nA: \r\n"},
       }) {
    const Decoded decoded = decode_every_split(c.text);
    EXPECT_EQ(decoded.error, std::nullopt) << c.text;
    EXPECT_TRUE(decoded.ended) << c.text;
    EXPECT_EQ(decoded.body, c.body);
    EXPECT_EQ(decoded.trailers, c.trailers);
    EXPECT_EQ(decoded.consumed, c.text.size());
  }
}

// Goal: the next request on the connection keeps its bytes. Method: bytes that look like more chunks, at every split.
TEST(HttpChunked, nothing_behind_the_end_is_consumed) {
  for (const std::string_view body : {"0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "1\r\na\r\n0\r\nA: b\r\n\r\n"}) {
    for (const std::string_view after :
         {"GET / HTTP/1.1\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "\r\n", "A: b\r\n\r\n", "x"}) {
      const Decoded decoded = decode_every_split(std::string(body).append(after));
      EXPECT_TRUE(decoded.ended);
      EXPECT_EQ(decoded.consumed, body.size()) << body << after;
    }
  }
}

TEST(HttpChunked, a_body_that_has_not_ended_needs_more) {
  constexpr std::string_view kText = "5;x\r\nhello\r\n0\r\nA: b\r\n\r\n";
  for (std::size_t end = 0; end < kText.size(); ++end) {
    const Decoded decoded = decode(kText.substr(0, end), end);
    EXPECT_FALSE(decoded.ended) << end;
    EXPECT_EQ(decoded.error, std::nullopt) << end;
    EXPECT_EQ(decoded.consumed, end);
  }
}

// Old servers pad the size to a fixed width, and RFC 9112 section 7.1.1 allows white space before an extension.
TEST(HttpChunked, padding_behind_a_size_is_read_over_where_it_is_allowed) {
  for (const std::string_view size : {"5 ", "5\t", "5  \t ", "5 ;a=b", "5\t;a"}) {
    ChunkedDecoder decoder;
    decoder.reset(10, Sender::backend);
    std::string text(size);
    text += "\r\nhello\r\n0   \r\n\r\n";
    std::string body;
    std::string_view rest = text;
    for (;;) {
      const auto step = decoder.next(rest);
      ASSERT_TRUE(step) << size << step.error().detail;
      body += step->data;
      rest.remove_prefix(step->consumed);
      if (step->event == ChunkedDecoder::Event::end) break;
      ASSERT_FALSE(rest.empty()) << size;
    }
    EXPECT_EQ(body, "hello");
    EXPECT_EQ(rest, "");
  }
  for (const std::string_view text : {" 5\r\n", "5 5\r\n", "5 x\r\n", "5 \n", "+5\r\n", "5 \v\r\n"}) {
    ChunkedDecoder decoder;
    decoder.reset(10, Sender::backend);
    EXPECT_FALSE(decoder.next(text)) << text;
  }
}

TEST(HttpChunked, broken_chunks_are_malformed_however_they_are_split) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {
           "\r\n"sv,
           "g\r\n"sv,
           " 5\r\nhello\r\n"sv,
           "5 \r\nhello\r\n"sv,
           "5\t\r\nhello\r\n"sv,
           "5 ;a\r\nhello\r\n"sv,
           "-5\r\n"sv,
           "+5\r\n"sv,
           "0x5\r\nhello\r\n"sv,
           "5.\r\n"sv,
           ";a\r\n"sv,
           "5\nhello\n0\n\n"sv,
           "5\r\nhello\n0\r\n\r\n"sv,
           "5\rhello\r\n"sv,
           "5\r\rhello"sv,
           "5\r\nhello0\r\n\r\n"sv,
           "5\r\nhello\r0\r\n"sv,
           "5\r\nhelloX\r\n"sv,
           "5\r\nhello\r\n\r\n0\r\n\r\n"sv,
           "0\n\n"sv,
           "0\r\n\n"sv,
           "0\r\n\rX"sv,
           "5;\x01\r\nhello\r\n"sv,
           "5;a\nhello"sv,
           "5;a\0b\r\nhello\r\n"sv,
           "5;a\rb\r\n"sv,
           "5;\x7f\r\n"sv,
           "\0\r\n\r\n"sv,
           // Sizes that do not fit, also where they would wrap to something small.
           "8000000000000000\r\n"sv,
           "FFFFFFFFFFFFFFFF\r\n"sv,
           "10000000000000000\r\n"sv,
           "10000000000000005\r\nhello\r\n"sv,
           "fffffffffffffffff\r\n"sv,
           // Trailers.
           "0\r\nA\r\n\r\n"sv,
           "0\r\n: b\r\n\r\n"sv,
           "0\r\nA : b\r\n\r\n"sv,
           "0\r\n A: b\r\n\r\n"sv,
           "0\r\nA: b\r\n c\r\n\r\n"sv,
           "0\r\nA: b\n\r\n"sv,
           "0\r\nA: b\rC: d\r\n\r\n"sv,
           "0\r\nA: \x01\r\n\r\n"sv,
           "0\r\nA: b\0\r\n\r\n"sv,
           "0\r\nA B: c\r\n\r\n"sv,
       }) {
    const Decoded decoded = decode_every_split(text);
    EXPECT_EQ(decoded.error, ErrorKind::malformed) << text << " gave " << decoded;
  }
}

TEST(HttpChunked, trailers_that_frame_or_route_are_refused_in_every_case) {
  for (const std::string_view name :
       {"Content-Length", "Transfer-Encoding", "Host", "Connection", "Expect", "Keep-Alive", "Max-Forwards",
        "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Upgrade", "content-length",
        "TRANSFER-ENCODING", "hOST"}) {
    const Decoded decoded = decode_every_split("0\r\nA: b\r\n" + std::string(name) + ": 1\r\n\r\n");
    EXPECT_EQ(decoded.error, ErrorKind::malformed) << name;
  }
}

TEST(HttpChunked, the_largest_size_is_read_and_does_not_wait_for_its_end) {
  ChunkedDecoder decoder;
  decoder.reset(0);
  const std::string_view line = "7fffffffffffffff\r\n";
  Decoded out;
  EXPECT_TRUE(show(decoder, line, out));
  EXPECT_TRUE(show(decoder, "abc", out));
  EXPECT_EQ(out.body, "abc");
}

TEST(HttpChunked, a_size_line_is_bounded_with_its_extensions) {
  const auto line = [](std::size_t bytes) { return "1;" + std::string(bytes - 4, 'x') + "\r\na\r\n0\r\n\r\n"; };
  EXPECT_TRUE(decode(line(base::kChunkLineBytesMax), 0).ended);
  EXPECT_EQ(decode(line(base::kChunkLineBytesMax + 1), 0).error, ErrorKind::malformed);
  EXPECT_EQ(decode(std::string(base::kChunkLineBytesMax + 1, '0'), 0).error, ErrorKind::malformed);
  // The bound is for each line, not for all.
  EXPECT_TRUE(
      decode(line(base::kChunkLineBytesMax).substr(0, base::kChunkLineBytesMax + 3) + line(base::kChunkLineBytesMax), 0)
          .ended);
}

TEST(HttpChunked, trailers_are_bounded_in_number_and_bytes) {
  EXPECT_TRUE(decode_every_split("0\r\nA: b\r\nC: d\r\n\r\n", 2).ended);
  EXPECT_EQ(decode_every_split("0\r\nA: b\r\nC: d\r\n\r\n", 1).error, ErrorKind::header_too_large);
  EXPECT_EQ(decode_every_split("0\r\nA: b\r\n\r\n", 0).error, ErrorKind::header_too_large);
  const auto trailer = [](std::size_t bytes) { return "0\r\nA:" + std::string(bytes - 6, 'x') + "\r\n\r\n"; };
  EXPECT_TRUE(decode(trailer(base::kTrailerBytesMax), 0).ended);
  EXPECT_EQ(decode(trailer(base::kTrailerBytesMax + 1), 0).error, ErrorKind::header_too_large);
}

TEST(HttpChunked, reset_forgets_everything) {
  ChunkedDecoder decoder;
  for (const std::string_view begun : {"5", "5;x", "5\r\nhe", "5\r\nhello\r", "0\r\nA: b\r\nC", "0\r\nA: b\r\n\r\n"}) {
    decoder.reset(1);
    Decoded first;
    show(decoder, begun, first);
    decoder.reset(1);
    Decoded second;
    show(decoder, "2\r\nok\r\n0\r\nA: b\r\n\r\n", second);
    EXPECT_TRUE(second.ended) << begun;
    EXPECT_EQ(second.body, "ok");
    EXPECT_EQ(second.trailers, "A: b\r\n");
  }
}

// Goal: what is written can be read. Method: sizes around every power of 16, and the largest.
TEST(HttpChunked, written_size_lines_read_back) {
  std::array<char, 20> storage{};
  EXPECT_EQ(chunk_size_line(1, storage), "1\r\n");
  EXPECT_EQ(chunk_size_line(255, storage), "ff\r\n");
  EXPECT_EQ(chunk_size_line(UINT64_MAX, storage), "ffffffffffffffff\r\n");
  for (const std::size_t size : {1U, 15U, 16U, 17U, 255U, 256U, 4095U, 4096U, 65535U, 65536U}) {
    const std::string body(size, 'x');
    const std::string text = std::string(chunk_size_line(size, storage)) + body + "\r\n0\r\n\r\n";
    const Decoded decoded = decode(text, text.size() / 2);
    EXPECT_TRUE(decoded.ended);
    EXPECT_EQ(decoded.body, body);
  }
}

TEST(HttpChunkedDeathTest, an_empty_chunk_would_end_the_body_and_is_never_written) {
  std::array<char, 20> storage{};
  EXPECT_DEATH(static_cast<void>(chunk_size_line(0, storage)), "broken invariant");
}

}  // namespace
}  // namespace lb::http
