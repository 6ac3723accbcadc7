#include "http/framing.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace lb::http {
namespace {

using base::ErrorKind;

using Pairs = std::vector<std::pair<std::string_view, std::string_view>>;

Fields fields_of(const Pairs& pairs) {
  Fields fields;
  for (const auto& [name, value] : pairs) fields.push_back({field_id(name), false, name, value});
  return fields;
}

std::string shown(const Pairs& pairs) {
  std::string text;
  for (const auto& [name, value] : pairs) text.append(name).append(": ").append(value).append("; ");
  return text;
}

RequestHead request_of(const Pairs& pairs, Version version = Version::http_1_1) {
  RequestHead head;
  head.method = Method::post;
  head.version = version;
  head.fields = fields_of(pairs);
  return head;
}

struct Good {
  Pairs fields;
  BodyKind kind;
  std::uint64_t length;
};

TEST(HttpFraming, requests_end_where_their_fields_say) {
  for (const Good& c : std::vector<Good>{
           {{}, BodyKind::none, 0},
           {{{"Content-Length", "0"}}, BodyKind::none, 0},
           {{{"Content-Length", "5"}}, BodyKind::length, 5},
           {{{"content-length", "0005"}}, BodyKind::length, 5},
           {{{"CONTENT-LENGTH", "1000000000000"}}, BodyKind::length, 1'000'000'000'000},
           {{{"Transfer-Encoding", "chunked"}}, BodyKind::chunked, 0},
           {{{"transfer-encoding", "CHUNKED"}}, BodyKind::chunked, 0},
           {{{"X-Transfer-Encoding", "chunked"}, {"Content-Length", "3"}}, BodyKind::length, 3},
       }) {
    const auto framing = request_framing(request_of(c.fields));
    ASSERT_TRUE(framing) << shown(c.fields);
    EXPECT_EQ(framing->kind, c.kind) << shown(c.fields);
    EXPECT_EQ(framing->length, c.length) << shown(c.fields);
  }
}

// Goal: no message that another program could read differently. Method: the shapes of the published smuggling attacks.
TEST(HttpFraming, ambiguous_requests_are_malformed) {
  for (const Pairs& fields : std::vector<Pairs>{
           {{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}},
           {{"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}},
           {{"Transfer-Encoding", "chunked"}, {"Content-Length", "0"}},
           {{"Content-Length", "5"}, {"Content-Length", "6"}},
           {{"Content-Length", "5"}, {"Content-Length", "5"}},
           {{"Content-Length", "5"}, {"content-length", "5"}},
           {{"Content-Length", "5, 5"}},
           {{"Content-Length", "5,6"}},
           {{"Content-Length", ""}},
           {{"Content-Length", "+5"}},
           {{"Content-Length", "-5"}},
           {{"Content-Length", "0x5"}},
           {{"Content-Length", "5 5"}},
           {{"Content-Length", "5."}},
           {{"Content-Length", "1e1"}},
           {{"Content-Length", "\xD9\xA5"}},
           {{"Content-Length", "18446744073709551621"}},
           {{"Content-Length", "9223372036854775808"}},
           {{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}},
           {{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "identity"}},
           {{"Transfer-Encoding", "identity"}, {"Transfer-Encoding", "chunked"}},
           {{"Transfer-Encoding", "chunked, chunked"}},
           {{"Transfer-Encoding", "chunked, identity"}},
           {{"Transfer-Encoding", "chunked, gzip"}},
           {{"Transfer-Encoding", "identity"}},
           {{"Transfer-Encoding", "gzip"}},
           {{"Transfer-Encoding", ""}},
           {{"Transfer-Encoding", "xchunked"}},
           {{"Transfer-Encoding", "chunkedx"}},
           {{"Transfer-Encoding", "chunked;q=1"}},
           {{"Transfer-Encoding", "\"chunked\""}},
           {{"Transfer-Encoding", "chunk"}},
           {{"Transfer-Encoding",
             "\x0b"
             "chunked"}},
           {{"Transfer-Encoding", "gzip chunked"}},
           {{"Transfer-Encoding", "chunked,"}},
       }) {
    const auto framing = request_framing(request_of(fields));
    ASSERT_FALSE(framing) << shown(fields);
    EXPECT_EQ(framing.error().kind, ErrorKind::malformed) << shown(fields);
  }
}

TEST(HttpFraming, a_coding_before_chunked_is_understood_but_not_supported) {
  for (const Pairs& fields : std::vector<Pairs>{{{"Transfer-Encoding", "gzip, chunked"}},
                                                {{"Transfer-Encoding", "gzip,deflate , Chunked"}}}) {
    const auto framing = request_framing(request_of(fields));
    ASSERT_FALSE(framing) << shown(fields);
    EXPECT_EQ(framing.error().kind, ErrorKind::unsupported_coding) << shown(fields);
  }
}

TEST(HttpFraming, transfer_encoding_in_http_1_0_is_malformed) {
  const auto framing = request_framing(request_of({{"Transfer-Encoding", "chunked"}}, Version::http_1_0));
  ASSERT_FALSE(framing);
  EXPECT_EQ(framing.error().kind, ErrorKind::malformed);
  const auto counted = request_framing(request_of({{"Content-Length", "4"}}, Version::http_1_0));
  ASSERT_TRUE(counted);
  EXPECT_EQ(counted->length, 4U);
}

struct ResponseCase {
  unsigned status;
  Method method;
  Pairs fields;
  std::optional<BodyKind> kind;  // none: malformed
};

TEST(HttpFraming, responses_end_where_the_rfc_says) {
  const Pairs nothing;
  const Pairs counted{{"Content-Length", "5"}};
  const Pairs chunked{{"Transfer-Encoding", "chunked"}};
  const Pairs both{{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}};
  for (const ResponseCase& c : std::vector<ResponseCase>{
           {200, Method::get, nothing, BodyKind::until_close},
           {200, Method::get, counted, BodyKind::length},
           {200, Method::get, chunked, BodyKind::chunked},
           {200, Method::get, {{"Content-Length", "0"}}, BodyKind::none},
           {200, Method::get, both, BodyKind::chunked},
           {200, Method::get, {{"Content-Length", "5"}, {"Content-Length", "5"}}, BodyKind::length},
           {200, Method::get, {{"Content-Length", "5"}, {"Content-Length", "6"}}, std::nullopt},
           {200, Method::get, {{"Content-Length", "5, 5"}}, BodyKind::length},
           {200, Method::get, {{"Content-Length", "5, 6"}}, std::nullopt},
           {200, Method::get, {{"Content-Length", "x"}}, std::nullopt},
           {200, Method::get, {{"Transfer-Encoding", "gzip"}}, std::nullopt},
           {200, Method::get, {{"Transfer-Encoding", "gzip, chunked"}}, std::nullopt},
           {200, Method::head, nothing, BodyKind::none},
           {200, Method::head, counted, BodyKind::none},
           {200, Method::head, chunked, BodyKind::none},
           {200, Method::head, both, BodyKind::none},
           {204, Method::get, nothing, BodyKind::none},
           {204, Method::get, counted, BodyKind::none},
           {204, Method::get, chunked, BodyKind::none},
           {304, Method::get, nothing, BodyKind::none},
           {304, Method::get, counted, BodyKind::none},
           {304, Method::get, chunked, BodyKind::none},
           {100, Method::get, nothing, BodyKind::none},
           {103, Method::get, counted, BodyKind::none},
           {103, Method::get, chunked, BodyKind::none},
           {101, Method::get, nothing, BodyKind::none},
           {205, Method::get, nothing, BodyKind::until_close},
           {500, Method::post, chunked, BodyKind::chunked},
       }) {
    ResponseHead head;
    head.status = c.status;
    head.fields = fields_of(c.fields);
    const auto framing = response_framing(head, c.method);
    ASSERT_EQ(framing.has_value(), c.kind.has_value()) << c.status << " " << shown(c.fields);
    if (framing) {
      EXPECT_EQ(framing->kind, *c.kind) << c.status << " " << shown(c.fields);
    }
    if (!framing) {
      EXPECT_EQ(framing.error().kind, ErrorKind::malformed);
    }
  }
}

// RFC 9112 section 6.1: it may be processed, and the connection is not to be used again.
TEST(HttpFraming, a_chunked_answer_in_http_1_0_is_the_last_of_its_connection) {
  ResponseHead head;
  head.status = 200;
  head.version = Version::http_1_0;
  head.fields = fields_of({{"Transfer-Encoding", "chunked"}});
  const auto framing = response_framing(head, Method::get);
  ASSERT_TRUE(framing);
  EXPECT_EQ(framing->kind, BodyKind::chunked);
  EXPECT_TRUE(framing->distrusted);
}

struct OptionsCase {
  Version version;
  Pairs fields;
  bool keep_alive;
  bool upgrade;
  bool accepts_trailers;
};

TEST(HttpFraming, connection_options_follow_the_version_and_the_fields) {
  constexpr Version k10 = Version::http_1_0;
  constexpr Version k11 = Version::http_1_1;
  for (const OptionsCase& c : std::vector<OptionsCase>{
           {k11, {}, true, false, false},
           {k10, {}, false, false, false},
           {k11, {{"Connection", "close"}}, false, false, false},
           {k11, {{"Connection", "keep-alive, CLOSE"}}, false, false, false},
           {k11, {{"Connection", "keep-alive"}, {"Connection", "close"}}, false, false, false},
           {k11, {{"Connection", "closed"}}, true, false, false},
           {k10, {{"Connection", "Keep-Alive"}}, true, false, false},
           {k10, {{"Connection", "keep-alive, close"}}, false, false, false},
           {k11, {{"Connection", "Upgrade"}, {"Upgrade", "websocket"}}, true, true, false},
           {k11, {{"Connection", "Upgrade"}}, true, false, false},
           {k11, {{"Upgrade", "websocket"}}, true, false, false},
           {k10, {{"Connection", "Upgrade"}, {"Upgrade", "websocket"}}, false, false, false},
           {k11, {{"TE", "trailers"}}, true, false, true},
           {k11, {{"TE", "gzip, Trailers"}, {"Connection", "TE"}}, true, false, true},
           {k11, {{"TE", "gzip"}}, true, false, false},
       }) {
    const ConnectionOptions options = connection_options(c.version, fields_of(c.fields));
    EXPECT_EQ(options.keep_alive, c.keep_alive) << shown(c.fields);
    EXPECT_EQ(options.upgrade, c.upgrade) << shown(c.fields);
    EXPECT_EQ(options.accepts_trailers, c.accepts_trailers) << shown(c.fields);
  }
}

TEST(HttpFraming, hosts_are_a_name_or_an_address_with_an_optional_port) {
  for (const std::string_view good :
       {"", "a", "a.b:80", "127.0.0.1", "[::1]", "[::1]:8080", "a:", "a_b", "%41", "a:65535"}) {
    EXPECT_TRUE(is_host(good)) << good;
  }
  for (const std::string_view bad :
       {"a b", "a/b",  "user@a", "a:b",  "a:1:2",    ":80",      "[::1", "[]",  "[::1]x", "[::1]80",
        "::1", "a,b?", "a#",     "a\\b", "a:123456", "\xC3\xA4", "a\"",  "a\t", "a[",     "]"}) {
    EXPECT_FALSE(is_host(bad)) << bad;
  }
}

TEST(HttpFraming, one_valid_host_is_demanded) {
  EXPECT_TRUE(check_request_fields(request_of({{"Host", "a"}})));
  EXPECT_TRUE(check_request_fields(request_of({{"Host", ""}})));
  EXPECT_TRUE(check_request_fields(request_of({}, Version::http_1_0)));
  EXPECT_TRUE(check_request_fields(request_of({{"Host", "a"}, {"Connection", "x, te"}})));
  for (const Pairs& fields : std::vector<Pairs>{{},
                                                {{"Host", "a"}, {"Host", "a"}},
                                                {{"Host", "a b"}},
                                                {{"Host", "a@b"}},
                                                {{"Host", "a"}, {"Connection", "close, Content-Length"}},
                                                {{"Host", "a"}, {"Connection", "transfer-encoding"}},
                                                {{"Host", "a"}, {"Connection", "HOST"}}}) {
    const auto checked = check_request_fields(request_of(fields));
    ASSERT_FALSE(checked) << shown(fields);
    EXPECT_EQ(checked.error().kind, ErrorKind::malformed);
  }
  EXPECT_FALSE(check_request_fields(request_of({{"Host", "a"}, {"Host", "b"}}, Version::http_1_0)));
}

}  // namespace
}  // namespace lb::http
