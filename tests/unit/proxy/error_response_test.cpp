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
           {Side::upstream, ErrorKind::truncated, 502, "connection_terminated"},
           {Side::upstream, ErrorKind::not_processed, 502, "connection_terminated"},
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

std::string field(const message::OwnAnswer& answer, std::string_view name) {
  for (const auto& [its_name, value] : answer.fields) {
    if (its_name == name) return value;
  }
  return {};
}

TEST(ProxyErrorResponse, the_text_form) {
  const message::OwnAnswer answer =
      make_error_answer({ErrorKind::timeout, Side::upstream, "secret detail"}, ErrorFormat::text);
  EXPECT_EQ(answer.status, 504U);
  EXPECT_EQ(answer.reason, "Gateway Timeout");
  EXPECT_EQ(answer.body, "504 Gateway Timeout\n");
  EXPECT_EQ(field(answer, "Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(field(answer, "Cache-Control"), "no-store");
  EXPECT_EQ(field(answer, "Proxy-Status"), "load-balancer; error=http_response_timeout");
  EXPECT_FALSE(answer.last);
}

TEST(ProxyErrorResponse, the_json_form) {
  const message::OwnAnswer answer =
      make_error_answer({ErrorKind::no_backend, Side::internal, ""}, ErrorFormat::json, "a sentence");
  EXPECT_EQ(field(answer, "Content-Type"), "application/json");
  EXPECT_EQ(field(answer, "Retry-After"), "1");
  EXPECT_EQ(field(answer, "Proxy-Status"), "load-balancer; error=destination_unavailable; details=\"a sentence\"");
  EXPECT_EQ(answer.body, "{\"status\":503,\"title\":\"Service Unavailable\",\"error\":\"destination_unavailable\"}\n");
}

// Goal: every answer has all that a client and the proxies before it need, and ends the connection where nobody knows
// where the next request begins.
TEST(ProxyErrorResponse, every_answer_is_complete) {
  for (unsigned kind = 0; kind <= static_cast<unsigned>(ErrorKind::io); ++kind) {
    for (const Side side : {Side::downstream, Side::upstream, Side::internal}) {
      for (const ErrorFormat format : {ErrorFormat::text, ErrorFormat::json}) {
        const message::OwnAnswer answer = make_error_answer({static_cast<ErrorKind>(kind), side, ""}, format);
        EXPECT_GE(answer.status, 400U);
        EXPECT_FALSE(answer.reason.empty());
        EXPECT_FALSE(answer.body.empty());
        EXPECT_FALSE(field(answer, "Proxy-Status").empty());
        EXPECT_EQ(answer.last, side == Side::downstream);
      }
    }
  }
}

TEST(ProxyErrorResponse, a_405_says_what_is_allowed) {
  const auto answer = make_error_answer({ErrorKind::method_not_allowed, Side::downstream, ""}, ErrorFormat::text);
  EXPECT_TRUE(field(answer, "Allow").starts_with("GET, "));
  EXPECT_TRUE(field(make_options_answer(), "Allow").starts_with("GET, "));
}

}  // namespace
}  // namespace lb::proxy
