#include "http/h1_parser.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace lb::http {
namespace {

using base::ErrorKind;
using Progress = HeadParser::Progress;

constexpr HeadLimits kLimits{16 * 1024, 100};

// What became of one message: an error, or the head written in one canonical form.
struct Verdict {
  std::optional<ErrorKind> error;
  std::string head;
  std::size_t head_bytes = 0;
  bool complete = false;

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

std::ostream& operator<<(std::ostream& out, const Verdict& verdict) {
  if (verdict.error) return out << "error: " << base::to_string(*verdict.error);
  return out << (verdict.complete ? "complete: " : "incomplete ") << verdict.head;
}

template <class Head>
std::string fields_of(const Head& head) {
  std::string text;
  for (const Field& field : head.fields) text.append(field.name).append("=").append(field.value).append("|");
  return text;
}

Verdict cut(const HeadParser& parser, HeadParser::Kind kind, std::string_view text) {
  Verdict verdict;
  verdict.complete = true;
  verdict.head_bytes = parser.head_bytes();
  if (kind == HeadParser::Kind::request) {
    RequestHead head;
    const auto done = parser.cut_request(text, head);
    if (!done) return {done.error().kind, {}, 0, false};
    verdict.head.append(head.method_name).append(" ").append(head.target);
    verdict.head.append(head.version == Version::http_1_1 ? " 1.1|" : " 1.0|").append(fields_of(head));
  } else {
    ResponseHead head;
    const auto done = parser.cut_response(text, head);
    if (!done) return {done.error().kind, {}, 0, false};
    verdict.head.append(head.version == Version::http_1_1 ? "1.1 " : "1.0 ").append(std::to_string(head.status));
    verdict.head.append(" ").append(head.reason).append("|").append(fields_of(head));
  }
  return verdict;
}

// Feeds the text as a connection would: it ends at each of `ends`, then as a whole.
Verdict judge(HeadParser::Kind kind, std::string_view text, std::vector<std::size_t> ends,
              HeadLimits limits = kLimits) {
  HeadParser parser(kind, limits);
  ends.push_back(text.size());
  for (const std::size_t end : ends) {
    const std::string part(text.substr(0, end));  // at another address each time, and nothing readable behind it
    const Progress progress = parser.feed(part);
    if (progress == Progress::failed) return {parser.error().kind, {}, 0, false};
    if (progress == Progress::complete) return cut(parser, kind, part);
  }
  return {};
}

// The verdict, after it was found to be the same for every cut of the text into two, and byte by byte.
Verdict judge_every_split(HeadParser::Kind kind, std::string_view text, HeadLimits limits = kLimits) {
  const Verdict whole = judge(kind, text, {}, limits);
  std::vector<std::size_t> each;
  for (std::size_t at = 1; at < text.size(); ++at) {
    EXPECT_EQ(judge(kind, text, {at}, limits), whole) << "split at " << at << " of " << text;
    each.push_back(at);
  }
  EXPECT_EQ(judge(kind, text, each, limits), whole) << "byte by byte: " << text;
  return whole;
}

Verdict request(std::string_view text) {
  return judge_every_split(HeadParser::Kind::request, text);
}
Verdict response(std::string_view text) {
  return judge_every_split(HeadParser::Kind::response, text);
}

struct Accepted {
  std::string_view text;
  std::string_view head;
};

TEST(HttpH1Parser, requests_are_read_byte_for_byte_however_they_are_split) {
  for (const Accepted& c : {
           Accepted{"GET / HTTP/1.1\r\n\r\n", "GET / 1.1|"},
           Accepted{"GET / HTTP/1.0\r\nA:b\r\n\r\n", "GET / 1.0|A=b|"},
           Accepted{"GET / HTTP/1.2\r\nA:b\r\n\r\n", "GET / 1.1|A=b|"},  // RFC 9110 section 2.5
           Accepted{"GET / HTTP/1.9\r\nA:b\r\n\r\n", "GET / 1.1|A=b|"},
           Accepted{"POST /a/b?c=%20&d=[1]{}|\"<>\\^` HTTP/1.1\r\nHost: x\r\nCoNtEnT-LeNgTh: 5\r\n\r\nhello",
                    "POST /a/b?c=%20&d=[1]{}|\"<>\\^` 1.1|Host=x|CoNtEnT-LeNgTh=5|"},
           Accepted{"OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n", "OPTIONS * 1.1|Host=|"},
           Accepted{"GET http://a.b:80/c HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://a.b:80/c 1.1|Host=a|"},
           Accepted{"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "CONNECT a:443 1.1|Host=a:443|"},
           Accepted{"PATCH / HTTP/1.1\r\nX: \t v \t\r\nX:  w  x \r\nX:\r\n\r\n", "PATCH / 1.1|X=v|X=w  x|X=|"},
           Accepted{"GET / HTTP/1.1\r\nX: \xC3\xA4\xFF\r\n\r\n", "GET / 1.1|X=\xC3\xA4\xFF|"},
           Accepted{"GET / HTTP/1.1\r\n!#$%&'*+-.^_`|~: x:y\r\n\r\n", "GET / 1.1|!#$%&'*+-.^_`|~=x:y|"},
           Accepted{"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello",
                    "GET / 1.1|Transfer-Encoding=chunked|"},
           Accepted{"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x01z",
                    "GET / 1.1|Connection=upgrade|Upgrade=websocket|"},
           Accepted{"GET / HTTP/1.1\r\nA: b\r\n\r\nGET /2 HTTP/1.1\r\n\r\n", "GET / 1.1|A=b|"},
       }) {
    const Verdict verdict = request(c.text);
    EXPECT_EQ(verdict.error, std::nullopt) << c.text;
    EXPECT_EQ(verdict.head, c.head);
    EXPECT_EQ(verdict.head_bytes, c.text.find("\r\n\r\n") + 4) << c.text;
  }
}

struct Refused {
  std::string_view text;
  ErrorKind kind;
};

TEST(HttpH1Parser, requests_that_break_the_grammar_are_malformed_however_they_are_split) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {
           // Line ends.
           "GET / HTTP/1.1\nHost: a\n\n"sv,
           "GET / HTTP/1.1\nHost: a\r\n\r\n"sv,
           "GET / HTTP/1.1\r\nHost: a\n\r\n"sv,
           "GET / HTTP/1.1\r\nHost: a\r\n\nGET /2 HTTP/1.1\r\n\r\n"sv,
           "GET / HTTP/1.1\rHost: a\r\n\r\n"sv,
           "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"sv,
           "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"sv,
           "GET / HTTP/1.1\r\n\rX\r\n\r\n"sv,
           "GET / HTTP/1.1\r\nX: a\r\n\rY: b\r\n\r\n"sv,
           // Folding.
           "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"sv,
           "GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n"sv,
           "GET / HTTP/1.1\r\n A: b\r\n\r\n"sv,
           "GET / HTTP/1.1\r\nA:\r\n b\r\n\r\n"sv,
           // Names.
           "GET / HTTP/1.1\r\nContent-Length : 5\r\n\r\n"sv,
           "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n"sv,
           "GET / HTTP/1.1\r\nA B: c\r\n\r\n"sv,
           "GET / HTTP/1.1\r\n: c\r\n\r\n"sv,
           "GET / HTTP/1.1\r\nNoColon\r\n\r\n"sv,
           "GET / HTTP/1.1\r\nA(: c\r\n\r\n"sv,
           "GET / HTTP/1.1\r\n\xC3\xA4: c\r\n\r\n"sv,
           "GET / HTTP/1.1\r\nA\0B: c\r\n\r\n"sv,
           // Values.
           "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n"sv,
           "GET / HTTP/1.1\r\nA: \x01\r\n\r\n"sv,
           "GET / HTTP/1.1\r\nA: \x7f\r\n\r\n"sv,
           "GET / HTTP/1.1\r\nA: b\x0b\r\n\r\n"sv,
           "GET / HTTP/1.1\r\nTransfer-Encoding: \x0b"
           "chunked\r\n\r\n"sv,
           // Start lines.
           "GET  / HTTP/1.1\r\n\r\n"sv,
           "GET /  HTTP/1.1\r\n\r\n"sv,
           "GET / HTTP/1.1 \r\n\r\n"sv,
           "GET\t/ HTTP/1.1\r\n\r\n"sv,
           "GET / a HTTP/1.1\r\n\r\n"sv,
           "GET /\r\n\r\n"sv,
           "GET / \r\n\r\n"sv,
           "GET\r\n\r\n"sv,
           " GET / HTTP/1.1\r\n\r\n"sv,
           "GET /#f HTTP/1.1\r\n\r\n"sv,
           "GET /\x01 HTTP/1.1\r\n\r\n"sv,
           "GET /\xC3\xA4 HTTP/1.1\r\n\r\n"sv,
           "GET /\x7f HTTP/1.1\r\n\r\n"sv,
           "GET /\0 HTTP/1.1\r\n\r\n"sv,
           "/ HTTP/1.1\r\n\r\n"sv,
           "G\x01T / HTTP/1.1\r\n\r\n"sv,
           "\x16\x03\x01\x02\x01\x01\xfc\x03\x03\r\n\r\n"sv,
           "HTTP/1.1 200 OK\r\n\r\n"sv,
           // Versions that are none.
           "GET / HTTP/1\r\n\r\n"sv,
           "GET / HTTP/1.\r\n\r\n"sv,
           "GET / HTTP/11.1\r\n\r\n"sv,
           "GET / HTTP/1.10\r\n\r\n"sv,
           "GET / http/1.1\r\n\r\n"sv,
           "GET / HTTPS/1.1\r\n\r\n"sv,
           "GET / HTTP/a.b\r\n\r\n"sv,
           "GET / HTTP/1,1\r\n\r\n"sv,
           "GET / ICE/1.0\r\n\r\n"sv,
           "GET / RTSP/1.0\r\n\r\n"sv,
           "GET / HTP/1.1\r\n\r\n"sv,
           "GET / H\r\n\r\n"sv,
       }) {
    const Verdict verdict = request(text);
    EXPECT_EQ(verdict.error, ErrorKind::malformed) << text << " gave " << verdict;
  }
}

TEST(HttpH1Parser, garbage_differs_from_unknown_versions_however_they_are_split) {
  for (const Refused& c : {
           Refused{"GET / HTTP/2.0\r\nHost: a\r\n\r\n", ErrorKind::unsupported_version},
           Refused{"GET / HTTP/0.9\r\nHost: a\r\n\r\n", ErrorKind::unsupported_version},
           Refused{"GET / HTTP/3.1\r\nHost: a\r\n\r\n", ErrorKind::unsupported_version},
           Refused{"G@T / HTTP/1.1\r\n\r\n", ErrorKind::malformed},
           Refused{"BREW\r\n\r\n", ErrorKind::malformed},
           Refused{"BREW\t/ HTTP/1.1\r\n\r\n", ErrorKind::malformed},
       }) {
    const Verdict verdict = request(c.text);
    EXPECT_EQ(verdict.error, c.kind) << c.text << " gave " << verdict;
  }
}

// Before: 501 for all that llhttp does not know, and for what it knows of other protocols. RFC 9110 section 9.1: any
// token is a method.
TEST(HttpH1Parser, any_token_is_a_method) {
  for (const std::string method : {"QUERY", "VERSION-CONTROL", "BREW", "get", "GETX", "GE", "G", "X-Y!z", "PLAY",
                                   "SETUP", "ANNOUNCE", "SOURCE", "a", "0", "~"}) {
    EXPECT_EQ(request(method + " /x?y HTTP/1.1\r\nHost: a\r\n\r\n").head, method + " /x?y 1.1|Host=a|");
    EXPECT_EQ(request(method + " / HTTP/1.1\r\nA : b\r\n\r\n").error, ErrorKind::malformed) << method;
    EXPECT_EQ(request(method + " / HTTP/2.0\r\nHost: a\r\n\r\n").error, ErrorKind::unsupported_version) << method;
    EXPECT_EQ(request(method + " / RTSP/1.0\r\nHost: a\r\n\r\n").error, ErrorKind::malformed) << method;
    EXPECT_EQ(request(method + "\t/ HTTP/1.1\r\nHost: a\r\n\r\n").error, ErrorKind::malformed) << method;
    EXPECT_EQ(request(method + "  HTTP/1.1\r\nHost: a\r\n\r\n").error, ErrorKind::malformed) << method;
  }
}

// The connection preface of HTTP/2 must not become a request.
TEST(HttpH1Parser, the_preface_of_http_2_is_refused) {
  const Verdict verdict = request("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  EXPECT_TRUE(verdict.error == ErrorKind::unsupported_version || verdict.error == ErrorKind::malformed) << verdict;
}

TEST(HttpH1Parser, a_head_that_has_not_ended_needs_more) {
  constexpr std::string_view kHead = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (std::size_t end = 1; end < kHead.size(); ++end) {
    EXPECT_EQ(judge(HeadParser::Kind::request, kHead.substr(0, end), {}), Verdict()) << end;
  }
}

TEST(HttpH1Parser, responses_are_read_byte_for_byte_however_they_are_split) {
  for (const Accepted& c : {
           Accepted{"HTTP/1.1 200 OK\r\n\r\n", "1.1 200 OK|"},
           Accepted{"HTTP/1.0 404 Not Found\r\nA: b\r\n\r\nbody", "1.0 404 Not Found|A=b|"},
           Accepted{"HTTP/1.1 200 \r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n", "1.1 200 |Set-Cookie=a|Set-Cookie=b|"},
           Accepted{"HTTP/1.1 200\r\n\r\n", "1.1 200 |"},
           Accepted{"HTTP/1.2 200 OK\r\n\r\n", "1.1 200 OK|"},
           Accepted{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "1.1 100 Continue|"},
           Accepted{"HTTP/1.1 299 \xC3\xA4 b\tc\r\n\r\n", "1.1 299 \xC3\xA4 b\tc|"},
           Accepted{"HTTP/1.1 999 x\r\n\r\n", "1.1 999 x|"},
           Accepted{"HTTP/1.1 101 S\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\nzz",
                    "1.1 101 S|Upgrade=a|Connection=upgrade|"},
       }) {
    const Verdict verdict = response(c.text);
    EXPECT_EQ(verdict.error, std::nullopt) << c.text << verdict;
    EXPECT_EQ(verdict.head, c.head);
    EXPECT_EQ(verdict.head_bytes, c.text.find("\r\n\r\n") + 4) << c.text;
  }
}

TEST(HttpH1Parser, responses_that_break_the_grammar_are_refused_however_they_are_split) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {
           "HTTP/1.1 20 OK\r\n\r\n"sv,
           "HTTP/1.1 2000 OK\r\n\r\n"sv,
           "HTTP/1.1 099 OK\r\n\r\n"sv,
           "HTTP/1.1 2x0 OK\r\n\r\n"sv,
           "HTTP/1.1  200 OK\r\n\r\n"sv,
           "HTTP/1.1\t200 OK\r\n\r\n"sv,
           "HTTP/1.1200 OK\r\n\r\n"sv,
           " HTTP/1.1 200 OK\r\n\r\n"sv,
           "HTTP/1.1 200 OK\n\n"sv,
           "HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n"sv,
           "HTTP/1.1 200 OK\r\n A: b\r\n\r\n"sv,
           "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"sv,
           "HTTP/1.1 200 OK\r\nA : b\r\n\r\n"sv,
           "HTTP/1.1 200 O\0K\r\n\r\n"sv,
           "HTTP/1.1 200 O\x01K\r\n\r\n"sv,
           "HTTP/1.1 -20 OK\r\n\r\n"sv,
           "HTTP/1.1 +20 OK\r\n\r\n"sv,
           "GET / HTTP/1.1\r\n\r\n"sv,
           "HTTP/2.0 200 OK\r\n\r\n"sv,
           "http/1.1 200 OK\r\n\r\n"sv,
           "SSH-2.0-OpenSSH_9.2\r\n\r\n"sv,
           "ICY 200 OK\r\n\r\n"sv,
           "HTTP/1.1 200 OK\rA: b\r\n\r\n"sv,
           "<html>\r\n\r\n"sv,
           "RTSP/1.0 200 OK\r\n\r\n"sv,
       }) {
    const Verdict verdict = response(text);
    EXPECT_TRUE(verdict.error) << text << " gave " << verdict;
  }
}

TEST(HttpH1Parser, a_parser_is_used_again_after_reset) {
  HeadParser parser(HeadParser::Kind::request, kLimits);
  EXPECT_EQ(parser.feed("G@"), Progress::failed);
  parser.reset();
  constexpr std::string_view kHead = "GET / HTTP/1.1\r\n\r\n";
  EXPECT_EQ(parser.feed(kHead.substr(0, 5)), Progress::need_more);
  parser.reset();
  EXPECT_EQ(parser.feed(kHead), Progress::complete);
  EXPECT_EQ(parser.head_bytes(), kHead.size());
  HeadParser moved = std::move(parser);
  moved.reset();
  EXPECT_EQ(moved.feed(kHead), Progress::complete);
}

}  // namespace
}  // namespace lb::http
