#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "http/h1_parser.hpp"
#include "http/head_writer.hpp"

namespace lb::http {
namespace {

constexpr std::string_view kDate = "Sun, 06 Nov 1994 08:49:37 GMT";
const std::string kDateLine = "Date: " + std::string(kDate) + "\r\n";

std::string forwarded(const std::string& text, BodyKind body, ClientPersistence persistence) {
  HeadParser parser(HeadParser::Kind::response, {64 * 1024, 100});
  EXPECT_EQ(parser.feed(text), HeadParser::Progress::complete) << text;
  ResponseHead head;
  EXPECT_TRUE(parser.cut_response(text, head));
  std::string out = ">";
  write_forwarded_response(head, {body, persistence, kDate, {}}, out);
  EXPECT_TRUE(out.starts_with(">")) << "appended to what was there";
  return out.substr(1);
}

constexpr auto kImplied = ClientPersistence::keep_alive_implied;
constexpr auto kSaid = ClientPersistence::keep_alive_said;
constexpr auto kClose = ClientPersistence::close;

TEST(HttpHeadWriterResponse, an_answer_keeps_its_order_spelling_and_repetitions) {
  EXPECT_EQ(
      forwarded("HTTP/1.1 299 Some Thing\r\nSet-Cookie: a\r\ncontent-length: 3\r\nSet-Cookie: b\r\ndate: today\r\n\r\n",
                BodyKind::length, kImplied),
      "HTTP/1.1 299 Some Thing\r\nSet-Cookie: a\r\ncontent-length: 3\r\nSet-Cookie: b\r\ndate: today\r\n\r\n");
}

// RFC 9112 section 4: the space behind the status stands also where there is no reason.
TEST(HttpHeadWriterResponse, the_status_line_is_sent_on_in_our_version) {
  for (const std::string_view line : {"HTTP/1.1 200 A b", "HTTP/1.0 200 A b", "HTTP/1.3 200 A b"}) {
    EXPECT_EQ(forwarded(std::string(line) + "\r\nDate: x\r\n\r\n", BodyKind::none, kImplied),
              "HTTP/1.1 200 A b\r\nDate: x\r\n\r\n");
  }
  for (const std::string_view line : {"HTTP/1.1 200", "HTTP/1.1 200 "}) {
    EXPECT_EQ(forwarded(std::string(line) + "\r\nDate: x\r\n\r\n", BodyKind::none, kImplied),
              "HTTP/1.1 200 \r\nDate: x\r\n\r\n");
  }
}

TEST(HttpHeadWriterResponse, a_missing_date_is_added) {
  EXPECT_EQ(forwarded("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", BodyKind::none, kImplied),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + kDateLine + "\r\n");
}

TEST(HttpHeadWriterResponse, hop_by_hop_fields_and_those_that_connection_names_are_left_out) {
  EXPECT_EQ(
      forwarded("HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nUpgrade: h2\r\n"
                "Proxy-Authenticate: x\r\nProxy-Connection: x\r\nTE: x\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n",
                BodyKind::chunked, kImplied),
      "HTTP/1.1 200 OK\r\nX: y\r\n" + kDateLine + "Transfer-Encoding: chunked\r\n\r\n");
}

TEST(HttpHeadWriterResponse, the_clients_connection_is_spoken_of_as_the_form_says) {
  const std::string head = "HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(forwarded(head, BodyKind::length, kImplied),
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n" + kDateLine + "\r\n");
  EXPECT_EQ(forwarded(head, BodyKind::length, kSaid),
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n" + kDateLine + "Connection: keep-alive\r\n\r\n");
  EXPECT_EQ(forwarded(head, BodyKind::length, kClose),
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n" + kDateLine + "Connection: close\r\n\r\n");
}

TEST(HttpHeadWriterResponse, a_body_until_close_becomes_chunked_where_the_form_says) {
  EXPECT_EQ(forwarded("HTTP/1.1 200 OK\r\n\r\n", BodyKind::chunked, kImplied),
            "HTTP/1.1 200 OK\r\n" + kDateLine + "Transfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(forwarded("HTTP/1.1 200 OK\r\n\r\n", BodyKind::until_close, kClose),
            "HTTP/1.1 200 OK\r\n" + kDateLine + "Connection: close\r\n\r\n");
}

TEST(HttpHeadWriterResponse, trailer_is_announced_only_where_trailers_can_follow) {
  const std::string head = "HTTP/1.1 200 OK\r\nTrailer: A\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_NE(forwarded(head, BodyKind::chunked, kImplied).find("Trailer: A\r\n"), std::string::npos);
  EXPECT_EQ(forwarded(head, BodyKind::until_close, kClose).find("Trailer"), std::string::npos);
}

TEST(HttpHeadWriterResponse, interim_answers_get_neither_date_nor_connection_nor_length) {
  EXPECT_EQ(forwarded("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 3\r\nConnection: x\r\n\r\n",
                      BodyKind::none, kClose),
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
}

TEST(HttpHeadWriterResponse, a_204_has_no_length_and_a_304_keeps_its) {
  EXPECT_EQ(forwarded("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", BodyKind::none, kImplied),
            "HTTP/1.1 204 No Content\r\n" + kDateLine + "\r\n");
  EXPECT_EQ(forwarded("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", BodyKind::none, kImplied),
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n" + kDateLine + "\r\n");
}

TEST(HttpHeadWriterResponse, a_switch_of_protocols_keeps_its_upgrade) {
  EXPECT_EQ(
      forwarded("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-A: b\r\n\r\n",
                BodyKind::none, kImplied),
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-A: b\r\nConnection: upgrade\r\n\r\n");
}

TEST(HttpHeadWriterResponse, a_426_names_its_protocol) {
  const std::string head =
      "HTTP/1.1 426 Upgrade Required\r\nUpgrade: TLS/1.2\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n";
  EXPECT_EQ(forwarded(head, BodyKind::none, kImplied),
            "HTTP/1.1 426 Upgrade Required\r\nUpgrade: TLS/1.2\r\nContent-Length: 0\r\n" + kDateLine +
                "Connection: upgrade\r\n\r\n");
  EXPECT_NE(forwarded(head, BodyKind::none, kClose).find("Connection: upgrade, close\r\n"), std::string::npos);
}

TEST(HttpHeadWriterResponse, an_empty_reason_keeps_its_space) {
  EXPECT_TRUE(forwarded("HTTP/1.1 200\r\n\r\n", BodyKind::none, kImplied).starts_with("HTTP/1.1 200 \r\n"));
}

}  // namespace
}  // namespace lb::http
