#include "http/head_writer.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "http/h1_parser.hpp"

namespace lb::http {
namespace {

// A head from its text, by the real parser; the text outlives it.
struct ParsedRequest {
  explicit ParsedRequest(std::string text_of_head) : text(std::move(text_of_head)) {
    HeadParser parser(HeadParser::Kind::request, {64 * 1024, 100});
    EXPECT_EQ(parser.feed(text), HeadParser::Progress::complete) << text;
    EXPECT_TRUE(parser.cut_request(text, head));
  }
  std::string text;
  RequestHead head;
};

ForwardedRequest forwarded(const std::string& text, std::string_view scheme = "http") {
  const ParsedRequest request(text);
  const auto framing = request_framing(request.head);
  EXPECT_TRUE(framing) << text;
  ForwardedRequest out;
  out.head = "left over";
  out.expect_continue = true;
  const auto written =
      write_forwarded_request(request.head, *framing, connection_options(request.head.version, request.head.fields),
                              {.client_address = "192.0.2.1", .scheme = scheme}, out);
  EXPECT_TRUE(written) << text;
  return out;
}

bool is_refused(const std::string& text) {
  const ParsedRequest request(text);
  ForwardedRequest out;
  return !write_forwarded_request(request.head, {}, {}, {.client_address = "192.0.2.1"}, out);
}

// What the gateway adds behind the fields of the client.
std::string added(std::string_view host, std::string_view via = "1.1") {
  std::string text = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n";
  if (!host.empty()) text.append("X-Forwarded-Host: ").append(host).append("\r\n");
  return text.append("Via: ").append(via).append(" load-balancer\r\n");
}

TEST(HttpHeadWriter, a_request_keeps_its_target_order_spelling_and_repetitions) {
  EXPECT_EQ(
      forwarded("PATCH /a%2F../b?c=[d] HTTP/1.1\r\nhOST: h:81\r\nX: 1\r\nCookie: a\r\nx: 2\r\nVia: 1.0 front\r\n\r\n")
          .head,
      "PATCH /a%2F../b?c=[d] HTTP/1.1\r\nhOST: h:81\r\nX: 1\r\nCookie: a\r\nx: 2\r\nVia: 1.0 front\r\n" +
          added("h:81"));
}

// Goal: lines that are copied as they stand and those that are written anew are put together in order.
TEST(HttpHeadWriter, white_space_around_a_value_is_not_passed_on) {
  const std::string written = "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: \r\nF: \r\nG: \r\nH: 5 \t 6\r\n";
  EXPECT_EQ(
      forwarded("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB:2\r\nC:\t3\r\nD: 4 \r\nE:\r\nF: \r\nG:  \r\nH: 5 \t 6\r\n\r\n")
          .head,
      "GET / HTTP/1.1\r\nHost: h\r\n" + written + added("h"));
}

// RFC 9110 section 2.5: what is sent on is in our own version.
TEST(HttpHeadWriter, a_request_of_another_minor_version_is_sent_on_in_ours) {
  for (const std::string_view version : {"1.0", "1.2", "1.9"}) {
    const std::string text = "GET /a HTTP/" + std::string(version) + "\r\nHost: h\r\n\r\n";
    EXPECT_EQ(forwarded(text).head, "GET /a HTTP/1.1\r\nHost: h\r\n" + added("h", version == "1.0" ? "1.0" : "1.1"));
  }
}

// RFC 9110 section 7.6.2.
TEST(HttpHeadWriter, max_forwards_of_options_and_trace_counts_down) {
  EXPECT_EQ(forwarded("TRACE / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 10\r\n\r\n").head,
            "TRACE / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 9\r\n" + added("h"));
  EXPECT_FALSE(forwarded("OPTIONS * HTTP/1.1\r\nHost: h\r\nMax-Forwards: 1\r\n\r\n").goes_no_further);
  EXPECT_TRUE(forwarded("OPTIONS * HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n").goes_no_further);
  EXPECT_EQ(forwarded("GET / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n").head,
            "GET / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n" + added("h"));
  EXPECT_TRUE(is_refused("OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: -1\r\n\r\n"));
}

TEST(HttpHeadWriter, hop_by_hop_fields_are_left_out) {
  EXPECT_EQ(
      forwarded(
          "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n"
          "Proxy-Authorization: x\r\nProxy-Authenticate: x\r\nTE: gzip\r\nUpgrade: websocket\r\n"
          "HTTP2-Settings: x\r\nX: y\r\n\r\n")
          .head,
      "GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n" + added("h"));
}

TEST(HttpHeadWriter, fields_that_connection_names_are_left_out) {
  EXPECT_EQ(
      forwarded(
          "GET / HTTP/1.1\r\nHost: h\r\nX-One: 1\r\nConnection: x-ONE,, close\r\nX-Two: 2\r\nConnection: X-Two\r\n"
          "X-Three: 3\r\n\r\n")
          .head,
      "GET / HTTP/1.1\r\nHost: h\r\nX-Three: 3\r\n" + added("h"));
}

TEST(HttpHeadWriter, the_client_is_appended_to_the_last_forwarded_for) {
  EXPECT_EQ(
      forwarded("GET / HTTP/1.1\r\nX-Forwarded-For: 10.0.0.1\r\nHost: h\r\nx-forwarded-for: 10.0.0.2, 10.0.0.3\r\n\r\n")
          .head,
      "GET / HTTP/1.1\r\nX-Forwarded-For: 10.0.0.1\r\nHost: h\r\nx-forwarded-for: 10.0.0.2, 10.0.0.3, 192.0.2.1\r\n"
      "X-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\nVia: 1.1 load-balancer\r\n");
  EXPECT_EQ(
      forwarded("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For:\r\n\r\n").head,
      "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\n"
      "Via: 1.1 load-balancer\r\n");
  // Named in Connection: it was for us alone, and does not hide the client.
  EXPECT_EQ(
      forwarded("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 10.0.0.1\r\nConnection: x-forwarded-for\r\n\r\n").head,
      "GET / HTTP/1.1\r\nHost: h\r\n" + added("h"));
}

TEST(HttpHeadWriter, forwarded_host_and_proto_of_the_client_are_replaced) {
  EXPECT_EQ(forwarded("GET / HTTP/1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nHost: h\r\n\r\n").head,
            "GET / HTTP/1.1\r\nHost: h\r\n" + added("h"));
  EXPECT_NE(forwarded("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "https").head.find("X-Forwarded-Proto: https\r\n"),
            std::string::npos);
}

TEST(HttpHeadWriter, the_authority_of_an_absolute_target_replaces_the_host) {
  EXPECT_EQ(forwarded("GET http://a.b:8080/c?d HTTP/1.1\r\nX: y\r\nHOST: other\r\n\r\n").head,
            "GET /c?d HTTP/1.1\r\nX: y\r\nHOST: a.b:8080\r\n" + added("a.b:8080"));
  EXPECT_EQ(forwarded("GET http://a HTTP/1.0\r\n\r\n").head, "GET / HTTP/1.1\r\nHost: a\r\n" + added("a", "1.0"));
  EXPECT_EQ(forwarded("GET http://a?x=://b HTTP/1.1\r\nHost: z\r\n\r\n").head,
            "GET /?x=://b HTTP/1.1\r\nHost: a\r\n" + added("a"));
  // RFC 9112 section 3.2.4: of OPTIONS without a path the last proxy makes an asterisk.
  EXPECT_TRUE(forwarded("OPTIONS http://a HTTP/1.1\r\nHost: z\r\n\r\n").head.starts_with("OPTIONS * HTTP/1.1\r\n"));
  EXPECT_TRUE(forwarded("OPTIONS http://a/ HTTP/1.1\r\nHost: z\r\n\r\n").head.starts_with("OPTIONS / HTTP/1.1\r\n"));
  EXPECT_TRUE(forwarded("OPTIONS http://a?b HTTP/1.1\r\nHost: z\r\n\r\n").head.starts_with("OPTIONS /?b HTTP"));
  EXPECT_FALSE(forwarded("GET http://a/ HTTP/1.0\r\n\r\n").host_missing);
}

TEST(HttpHeadWriter, targets_of_no_known_form_are_refused) {
  EXPECT_TRUE(is_refused("GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_TRUE(is_refused("GET http://a:b/ HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_TRUE(is_refused("GET * HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_TRUE(is_refused("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_FALSE(is_refused("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"));
}

TEST(HttpHeadWriter, te_trailers_is_passed_on_as_an_option_of_our_own) {
  EXPECT_EQ(forwarded("GET / HTTP/1.1\r\nHost: h\r\nTE: gzip, trailers\r\nConnection: TE\r\n\r\n").head,
            "GET / HTTP/1.1\r\nHost: h\r\n" + added("h") + "TE: trailers\r\nConnection: TE\r\n");
}

TEST(HttpHeadWriter, an_upgrade_is_passed_on) {
  const ForwardedRequest out = forwarded(
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: "
      "k\r\n\r\n");
  EXPECT_FALSE(out.upgrade.empty());
  EXPECT_EQ(out.head, "GET / HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Key: k\r\n" + added("h") +
                          "Upgrade: websocket\r\nConnection: upgrade\r\n");
  EXPECT_EQ(
      forwarded(
          "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade, te\r\nUpgrade: a\r\nUpgrade: b/1\r\nTE: trailers\r\n\r\n")
          .head,
      "GET / HTTP/1.1\r\nHost: h\r\n" + added("h") + "TE: trailers\r\nUpgrade: a, b/1\r\nConnection: upgrade, TE\r\n");
}

// A tunnel of cleartext HTTP/2 would carry requests that nobody here sees.
TEST(HttpHeadWriter, an_upgrade_to_h2c_is_dropped) {
  for (const std::string_view protocols : {"h2c", "H2C", "websocket, h2c"}) {
    const ForwardedRequest out = forwarded(
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: " + std::string(protocols) +
        "\r\nHTTP2-Settings: AAMAAABk\r\n\r\n");
    EXPECT_TRUE(out.upgrade.empty());
    EXPECT_EQ(out.head, "GET / HTTP/1.1\r\nHost: h\r\n" + added("h"));
  }
}

TEST(HttpHeadWriter, an_upgrade_in_http_1_0_is_dropped) {
  const ForwardedRequest out =
      forwarded("GET / HTTP/1.0\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_TRUE(out.upgrade.empty());
  EXPECT_EQ(out.head, "GET / HTTP/1.1\r\nHost: h\r\n" + added("h", "1.0"));
}

TEST(HttpHeadWriter, an_http_1_0_request_without_host_asks_for_the_backends_name) {
  const ForwardedRequest out = forwarded("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(out.host_missing);
  EXPECT_EQ(out.head, "GET / HTTP/1.1\r\n" + added("", "1.0"));
  EXPECT_FALSE(forwarded("GET / HTTP/1.0\r\nHost: h\r\n\r\n").host_missing);
}

TEST(HttpHeadWriter, bodies_are_framed_as_they_came) {
  EXPECT_EQ(forwarded("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n").head,
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n" + added("h"));
  EXPECT_EQ(forwarded("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").head,
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n" + added("h"));
  EXPECT_EQ(forwarded("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: CHUNKED\r\nTrailer: A\r\n\r\n").head,
            "POST / HTTP/1.1\r\nHost: h\r\nTrailer: A\r\n" + added("h") + "Transfer-Encoding: chunked\r\n");
}

TEST(HttpHeadWriter, expect_continue_is_noticed_where_there_is_a_body) {
  EXPECT_TRUE(
      forwarded("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n").expect_continue);
  EXPECT_FALSE(forwarded("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n").expect_continue);
  EXPECT_FALSE(forwarded("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n").expect_continue);
  const ForwardedRequest old =
      forwarded("POST / HTTP/1.0\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_FALSE(old.expect_continue);
  EXPECT_EQ(old.head.find("Expect"), std::string::npos);
}

// Goal: who the client is, is not to be said behind a body either.
TEST(HttpTrailers, fields_that_are_ours_to_tell_are_left_out) {
  EXPECT_EQ(without_identity("X-Sum: 1\r\nX-Client-Cert-Subject: evil\r\nx_client_cert_sha256: evil\r\n"
                             "X-Forwarded-For: 9.9.9.9\r\nX-More: 2\r\n"),
            "X-Sum: 1\r\nX-More: 2\r\n");
  EXPECT_EQ(without_identity(""), "");
}

TEST(HttpHeadWriter, a_certificate_of_the_client_is_told_by_us_alone) {
  EXPECT_EQ(field_id("x-client-cert-subject"), FieldId::x_client_cert);
  EXPECT_EQ(field_id("X-Client-Cert-SHA256"), FieldId::x_client_cert);
  EXPECT_EQ(field_id("X_Client-Cert_Sha256"), FieldId::x_client_cert);
  EXPECT_EQ(field_id("X-Client-Cert-SHA257"), FieldId::other);
}

}  // namespace
}  // namespace lb::http
