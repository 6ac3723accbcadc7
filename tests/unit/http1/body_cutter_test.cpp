#include "http1/body_cutter.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "http1/outgoing_body.hpp"
#include "support/fill_input.hpp"

namespace lb::http1 {
namespace {

using message::BodyRun;
using net::InputBuffer;
using test::append;

std::string text_of(const BodyRun& run) {
  std::string text;
  for (const auto& piece : run.pieces) text.append(static_cast<const char*>(piece.data()), piece.size());
  EXPECT_EQ(text.size(), run.bytes);
  return text;
}

class Http1BodyCutter : public testing::Test {
 protected:
  net::BlockPool pool;
  InputBuffer input{pool};
};

TEST_F(Http1BodyCutter, a_body_of_known_length_leaves_the_next_message_alone) {
  BodyCutter cutter;
  cutter.begin({http::BodyKind::length, 8}, 10);
  append(input, "hello");
  auto run = cutter.take(input);
  ASSERT_TRUE(run);
  EXPECT_EQ(text_of(*run), "hello");
  EXPECT_FALSE(run->end);
  append(input, "123GET");
  run = cutter.take(input);
  ASSERT_TRUE(run);
  EXPECT_EQ(text_of(*run), "123");
  EXPECT_TRUE(run->end);
  EXPECT_EQ(input.unread(), "GET");
  run = cutter.take(input);
  ASSERT_TRUE(run);
  EXPECT_TRUE(run->end);
  EXPECT_EQ(run->bytes, 0U);
  EXPECT_EQ(input.unread(), "GET");
}

TEST_F(Http1BodyCutter, no_body_has_ended_before_it_began) {
  BodyCutter cutter;
  EXPECT_TRUE(cutter.ended());
  cutter.begin({}, 10);
  EXPECT_TRUE(cutter.ended());
  append(input, "GET");
  const auto run = cutter.take(input);
  ASSERT_TRUE(run);
  EXPECT_TRUE(run->end);
  EXPECT_EQ(input.unread(), "GET");
}

// Method: more chunks than one run has pieces; nothing is lost between runs.
TEST_F(Http1BodyCutter, many_chunks_are_cut_into_several_runs) {
  BodyCutter cutter;
  cutter.begin({http::BodyKind::chunked, 0}, 10);
  std::string text;
  std::string body;
  for (int i = 0; i < 50; ++i) {
    text += "1\r\n" + std::string(1, static_cast<char>('a' + i % 26)) + "\r\n";
    body += static_cast<char>('a' + i % 26);
  }
  append(input, text + "0\r\nT: u\r\n\r\nGET");
  std::string got;
  for (int rounds = 0; !cutter.ended() && rounds < 100; ++rounds) {
    const auto run = cutter.take(input);
    ASSERT_TRUE(run);
    got += text_of(*run);
    EXPECT_EQ(run->end, cutter.ended());
  }
  EXPECT_EQ(got, body);
  EXPECT_EQ(cutter.trailers(), "T: u\r\n");
  EXPECT_EQ(input.unread(), "GET");
}

TEST_F(Http1BodyCutter, only_a_body_until_close_ends_with_the_connection) {
  BodyCutter cutter;
  cutter.begin({http::BodyKind::until_close, 0}, 10);
  append(input, "hello");
  const auto run = cutter.take(input);
  ASSERT_TRUE(run);
  EXPECT_EQ(text_of(*run), "hello");
  EXPECT_FALSE(run->end);
  EXPECT_TRUE(cutter.end_of_input());
  EXPECT_TRUE(cutter.ended());
  cutter.begin({http::BodyKind::length, 5}, 10);
  EXPECT_FALSE(cutter.end_of_input());
  cutter.begin({http::BodyKind::chunked, 0}, 10);
  EXPECT_FALSE(cutter.end_of_input());
  cutter.begin({}, 10);
  EXPECT_TRUE(cutter.end_of_input());
}

std::string framed(OutgoingBody& body, std::string_view bytes, bool end, std::string_view trailers = {}) {
  BodyRun run;
  run.bytes = bytes.size();
  run.end = end;
  if (!bytes.empty()) {
    run.pieces.emplace_back(bytes.data(), bytes.size() / 2);
    run.pieces.emplace_back(bytes.data() + bytes.size() / 2, bytes.size() - bytes.size() / 2);
  }
  net::BufferList buffers;
  body.append(run, trailers, buffers);
  std::string text;
  for (const auto& buffer : buffers) text.append(static_cast<const char*>(buffer.data()), buffer.size());
  return text;
}

TEST(Http1OutgoingBody, runs_become_chunks_and_the_last_one_carries_the_trailers) {
  OutgoingBody chunked(http::BodyKind::chunked);
  EXPECT_EQ(framed(chunked, "0123456789abcdef", false), "10\r\n0123456789abcdef\r\n");
  EXPECT_EQ(framed(chunked, "", false), "") << "an empty chunk would be the end";
  EXPECT_EQ(framed(chunked, "ab", true), "2\r\nab\r\n0\r\n\r\n");
  EXPECT_EQ(framed(chunked, "", true), "0\r\n\r\n");
  EXPECT_EQ(framed(chunked, "ab", true, "T: u\r\n"), "2\r\nab\r\n0\r\nT: u\r\n\r\n");
}

TEST(Http1OutgoingBody, other_bodies_are_written_as_they_are) {
  for (const http::BodyKind kind : {http::BodyKind::length, http::BodyKind::until_close}) {
    OutgoingBody body(kind);
    EXPECT_EQ(framed(body, "ab", false), "ab");
    EXPECT_EQ(framed(body, "cd", true, "T: u\r\n"), "cd");
    EXPECT_EQ(framed(body, "", true), "");
  }
}

// A gathered write has a bound; the largest run with a head before it has to fit.
TEST(Http1OutgoingBody, the_largest_run_fits_into_one_gathered_write_with_a_head) {
  OutgoingBody body(http::BodyKind::chunked);
  BodyRun run;
  for (std::size_t i = 0; i < BodyRun::kPiecesMax; ++i) run.pieces.emplace_back("x", 1);
  run.bytes = BodyRun::kPiecesMax;
  run.end = true;
  net::BufferList buffers(3, net::asio::const_buffer("h", 1));  // head, Host line, empty line
  body.append(run, "T: u\r\n", buffers);
  EXPECT_LE(buffers.size(), net::kGatherMax);
}

}  // namespace
}  // namespace lb::http1
