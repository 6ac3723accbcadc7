#include "proxy/error_response.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "http/framing.hpp"
#include "http/h1_parser.hpp"

namespace lb::proxy {
namespace {

using base::Error;
using base::ErrorKind;
using base::Side;

struct Row {
  Side side;
  ErrorKind kind;
  unsigned status;
  std::string_view proxy_status;
};

TEST(ProxyErrorResponse, every_error_has_its_status) {
  for (const Row& row : std::vector<Row>{
           {Side::downstream, ErrorKind::malformed, 400, "http_request_error"},
           {Side::downstream, ErrorKind::timeout, 408, "http_request_error"},
           {Side::downstream, ErrorKind::method_not_allowed, 405, "http_request_denied"},
           {Side::downstream, ErrorKind::body_too_large, 413, "http_request_error"},
           {Side::downstream, ErrorKind::target_too_long, 414, "http_request_error"},
           {Side::downstream, ErrorKind::header_too_large, 431, "http_request_error"},
           {Side::downstream, ErrorKind::unsupported_coding, 501, "http_request_error"},
           {Side::downstream, ErrorKind::unsupported_version, 505, "http_request_error"},
           {Side::upstream, ErrorKind::timeout, 504, "http_response_timeout"},
           {Side::upstream, ErrorKind::resolve_failed, 502, "dns_error"},
           {Side::upstream, ErrorKind::connect_refused, 502, "connection_refused"},
           {Side::upstream, ErrorKind::connect_failed, 502, "destination_ip_unroutable"},
           {Side::upstream, ErrorKind::connect_timeout, 502, "connection_timeout"},
           {Side::upstream, ErrorKind::closed, 502, "connection_terminated"},
           {Side::upstream, ErrorKind::reset, 502, "connection_terminated"},
           {Side::upstream, ErrorKind::header_too_large, 502, "http_response_header_section_size"},
           {Side::upstream, ErrorKind::malformed, 502, "http_protocol_error"},
           {Side::upstream, ErrorKind::unsupported_version, 502, "http_protocol_error"},
           {Side::upstream, ErrorKind::unsupported_coding, 502, "http_response_transfer_coding"},
           {Side::upstream, ErrorKind::io, 502, "proxy_internal_error"},
           {Side::internal, ErrorKind::no_backend, 503, "destination_unavailable"},
           {Side::internal, ErrorKind::no_resources, 503, "connection_limit_reached"},
           {Side::internal, ErrorKind::io, 500, "proxy_internal_error"},
       }) {
    const ErrorStatus status = status_of({row.kind, row.side, ""});
    EXPECT_EQ(status.status, row.status) << base::to_string(row.side) << " " << base::to_string(row.kind);
    EXPECT_EQ(status.proxy_status, row.proxy_status) << base::to_string(row.side) << " " << base::to_string(row.kind);
  }
}

TEST(ProxyErrorResponse, no_error_of_a_side_has_the_status_of_another) {
  for (unsigned kind = 0; kind <= static_cast<unsigned>(ErrorKind::io); ++kind) {
    const auto of = [kind](Side side) { return status_of({static_cast<ErrorKind>(kind), side, ""}).status; };
    EXPECT_TRUE(of(Side::downstream) < 500 || of(Side::downstream) == 501 || of(Side::downstream) == 505) << kind;
    EXPECT_TRUE(of(Side::upstream) == 502 || of(Side::upstream) == 504) << kind;
    EXPECT_TRUE(of(Side::internal) == 500 || of(Side::internal) == 503) << kind;
  }
}

TEST(ProxyErrorResponse, nobody_is_answered_where_nobody_is) {
  for (const ErrorKind kind : {ErrorKind::closed, ErrorKind::reset, ErrorKind::io, ErrorKind::cancelled}) {
    EXPECT_TRUE(is_unanswerable({kind, Side::downstream, ""}));
  }
  EXPECT_TRUE(is_unanswerable({ErrorKind::cancelled, Side::upstream, ""}));
  for (const ErrorKind kind : {ErrorKind::closed, ErrorKind::reset, ErrorKind::io, ErrorKind::timeout}) {
    EXPECT_FALSE(is_unanswerable({kind, Side::upstream, ""}));
  }
  EXPECT_FALSE(is_unanswerable({ErrorKind::timeout, Side::downstream, ""}));
  EXPECT_FALSE(is_unanswerable({ErrorKind::malformed, Side::downstream, ""}));
}

TEST(ProxyErrorResponse, the_text_form) {
  EXPECT_EQ(
      make_error_response({ErrorKind::timeout, Side::upstream, "secret detail"}, ErrorFormat::text,
                          AfterAnswer::keep_alive, AnswerBody::sent, "today"),
      "HTTP/1.1 504 Gateway Timeout\r\nDate: today\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 20\r\n"
      "Cache-Control: no-store\r\nProxy-Status: load-balancer; error=http_response_timeout\r\n\r\n504 Gateway "
      "Timeout\n");
}

TEST(ProxyErrorResponse, the_json_form) {
  const std::string answer = make_error_response({ErrorKind::no_backend, Side::internal, ""}, ErrorFormat::json,
                                                 AfterAnswer::close, AnswerBody::sent, "today");
  EXPECT_NE(answer.find("Content-Type: application/json\r\n"), std::string::npos);
  EXPECT_NE(answer.find("Retry-After: 1\r\n"), std::string::npos);
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(answer.ends_with(
      "\r\n\r\n{\"status\":503,\"title\":\"Service Unavailable\",\"error\":\"destination_unavailable\"}\n"));
}

// Goal: every answer is one whole HTTP message. Method: the real parser reads all of them, and the length fits.
TEST(ProxyErrorResponse, every_answer_is_valid_and_as_long_as_it_says) {
  for (unsigned kind = 0; kind <= static_cast<unsigned>(ErrorKind::io); ++kind) {
    for (const Side side : {Side::downstream, Side::upstream, Side::internal}) {
      for (const ErrorFormat format : {ErrorFormat::text, ErrorFormat::json}) {
        for (const AnswerBody body : {AnswerBody::sent, AnswerBody::left_out}) {
          const std::string answer = make_error_response({static_cast<ErrorKind>(kind), side, ""}, format,
                                                         AfterAnswer::keep_alive_said, body, "d");
          http::HeadParser parser(http::HeadParser::Kind::response, {4096, 20});
          ASSERT_EQ(parser.feed(answer), http::HeadParser::Progress::complete) << answer;
          http::ResponseHead head;
          ASSERT_TRUE(parser.cut_response(answer, head)) << answer;
          const auto framing = http::response_framing(head, http::Method::get);
          ASSERT_TRUE(framing);
          EXPECT_EQ(answer.size() - parser.head_bytes(), body == AnswerBody::sent ? framing->length : 0U);
          EXPECT_GT(framing->length, 0U);
          EXPECT_TRUE(http::connection_options(http::Version::http_1_0, head.fields).keep_alive);
        }
      }
    }
  }
}

TEST(ProxyErrorResponse, a_405_says_what_is_allowed) {
  EXPECT_NE(make_error_response({ErrorKind::method_not_allowed, Side::downstream, ""}, ErrorFormat::text,
                                AfterAnswer::close, AnswerBody::sent, "d")
                .find("Allow: GET, "),
            std::string::npos);
}

}  // namespace
}  // namespace lb::proxy
