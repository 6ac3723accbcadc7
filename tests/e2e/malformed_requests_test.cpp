// Requests that are refused: each with its status, a closed connection, and nothing of it at the backend.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/balancer.hpp"
#include "support/refusals.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests

// Goal: a message that two programs could frame differently is refused (RFC 9112 section 6.3), never repaired. Method:
// the known request smuggling shapes in lengths.
TEST(MalformedRequest, ambiguous_lengths) {
  expect_refused({
      {"CL.TE", post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nG")},
      {"TE.CL", post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "5c\r\n")},
      {"two lengths that differ", post("Content-Length: 3\r\nContent-Length: 0\r\n", "abc")},
      {"two lengths that agree", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc")},
      {"list of lengths", post("Content-Length: 3, 3\r\n", "abc")},
      {"plus", post("Content-Length: +3\r\n", "abc")},
      {"minus", post("Content-Length: -3\r\n", "abc")},
      {"hexadecimal", post("Content-Length: 0x3\r\n", "abc")},
      {"empty", post("Content-Length:\r\n", "")},
      {"two numbers", post("Content-Length: 3 3\r\n", "abc")},
      {"letters", post("Content-Length: three\r\n", "abc")},
      {"fraction", post("Content-Length: 3.0\r\n", "abc")},
      {"beyond 64 bits", post("Content-Length: 18446744073709551619\r\n", "abc")},
      {"very long number", post("Content-Length: " + std::string(400, '9') + "\r\n", "abc")},
      {"named in Connection", post("Connection: content-length\r\nContent-Length: 3\r\n", "abc")},
      {"named in Connection, among others",
       post("Connection: close, X, Content-Length\r\nContent-Length: 3\r\n", "abc")},
      {"CL.TE in HTTP/1.0", "POST / HTTP/1.0\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"CL.TE for GET",
       "GET / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"CL.TE with a length of 0", post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")},
      {"CL.TE with identity", post("Content-Length: 3\r\nTransfer-Encoding: identity\r\n", "abc")},
      {"CL.TE with an empty coding", post("Content-Length: 3\r\nTransfer-Encoding:\r\n", "abc")},
      {"CL.TE.CL", post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n")},
      {"CL.CL in other letters", post("Content-Length: 3\r\ncontent-length: 0\r\n", "abc")},
      {"CL.CL, one empty", post("Content-Length: 3\r\nContent-Length:\r\n", "abc")},
      {"0.CL: space before the colon", post("Content-Length : 3\r\n", "abc")},
      {"0.CL: tab before the colon", post("Content-Length\t: 3\r\n", "abc")},
      {"0.CL: folded", post("Content-Length:\r\n 3\r\n", "abc")},
      {"0.CL: folded in mid-number", post("Content-Length: 1\r\n 0\r\n", "abcdefghij")},
      {"0.CL: folded into the field before it", post("X: y\r\n Content-Length: 3\r\n", "abc")},
      {"0.CL: hidden by a bare CR", post("X: y\rContent-Length: 3\r\n", "abc")},
      {"0.CL: hidden by a bare LF", post("X: y\nContent-Length: 3\r\n", "abc")},
      {"list of one and nothing", post("Content-Length: 3,\r\n", "abc")},
      {"list of nothing and one", post("Content-Length: ,3\r\n", "abc")},
      {"list without a space", post("Content-Length: 3,3\r\n", "abc")},
      {"two numbers by a tab", post("Content-Length: 3\t3\r\n", "abc")},
      {"sign apart", post("Content-Length: - 3\r\n", "abc")},
      {"exponent", post("Content-Length: 3e0\r\n", "abc")},
      {"underscore", post("Content-Length: 0_3\r\n", "abc")},
      {"octal prefix", post("Content-Length: 0o3\r\n", "abc")},
      {"suffix", post("Content-Length: 3L\r\n", "abc")},
      {"parameter", post("Content-Length: 3;x\r\n", "abc")},
      {"quoted", post("Content-Length: \"3\"\r\n", "abc")},
      {"vertical tab", post("Content-Length: \x0b"
                            "3\r\n",
                            "abc")},
      {"form feed behind", post("Content-Length: 3\x0c\r\n", "abc")},
      {"NUL behind", post(std::string("Content-Length: 3\0\r\n", 20), "abc")},
      {"no-break space behind", post("Content-Length: 3\xa0\r\n", "abc")},
      {"full-width digit", post("Content-Length: \xef\xbc\x93\r\n", "abc")},
      {"beyond 63 bits", post("Content-Length: 9223372036854775808\r\n", "abc")},
  });
}

// Goal: only a single "chunked" is a coding that both sides are sure to understand. Method: the obfuscations that
// programs are known to read differently (TE.TE).
TEST(MalformedRequest, obfuscated_transfer_codings) {
  const auto coded = [](const std::string& field) { return post(field + "\r\n", "0\r\n\r\n"); };
  expect_refused({
      {"xchunked", coded("Transfer-Encoding: xchunked")},
      {"identity", coded("Transfer-Encoding: identity")},
      {"not last", coded("Transfer-Encoding: chunked, identity")},
      {"twice in one", coded("Transfer-Encoding: chunked, chunked")},
      {"twice", coded("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")},
      {"twice, one unknown", coded("Transfer-Encoding: chunked\r\nTransfer-encoding: cow")},
      {"vertical tab", coded("Transfer-Encoding: \x0b"
                             "chunked")},
      {"parameter", coded("Transfer-Encoding: chunked;x=1")},
      {"quoted", coded("Transfer-Encoding: \"chunked\"")},
      {"comma", coded("Transfer-Encoding: chunked,")},
      {"empty", coded("Transfer-Encoding:")},
      {"space before the colon", coded("Transfer-Encoding : chunked")},
      {"folded", coded("Transfer-Encoding:\r\n chunked")},
      {"hidden by bare LF", coded("X: y\nTransfer-Encoding: chunked")},
      {"other coding", coded("Transfer-Encoding: gzip, chunked"), 501},
      {"other codings", coded("Transfer-Encoding: deflate, gzip, chunked"), 501},
      {"nothing before it", coded("Transfer-Encoding: , chunked")},
      {"identity, then chunked", coded("Transfer-Encoding: identity, chunked"), 501},
      {"identity, then chunked, in two", coded("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked")},
      {"chunked, then identity, in two", coded("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity")},
      {"other coding alone", coded("Transfer-Encoding: gzip")},
      {"chunked in the middle", coded("Transfer-Encoding: gzip, chunked, gzip")},
      {"two words", coded("Transfer-Encoding: chunked x")},
      {"two words, chunked last", coded("Transfer-Encoding: x chunked")},
      {"single quotes", coded("Transfer-Encoding: 'chunked'")},
      {"semicolon", coded("Transfer-Encoding: chunked;")},
      {"tab in the word", coded("Transfer-Encoding: chun\tked")},
      {"vertical tab behind", coded("Transfer-Encoding: chunked\x0b")},
      {"form feed behind", coded("Transfer-Encoding: chunked\x0c")},
      {"NUL behind", coded(std::string("Transfer-Encoding: chunked\0", 27))},
      {"no-break space behind", coded("Transfer-Encoding: chunked\xa0")},
      {"Kelvin sign for k", coded("Transfer-Encoding: chun\xe2\x84\xaa"
                                  "ed")},
      {"bare CR before the word", coded("Transfer-Encoding:\rchunked")},
      {"bare CR behind", coded("Transfer-Encoding: chunked\r")},
      {"bare LF before the word", coded("Transfer-Encoding:\n chunked")},
      {"tab before the colon", coded("Transfer-Encoding\t: chunked")},
      {"control in the name", coded("Transfer-Encoding\x01: chunked")},
      {"NUL in the name", coded(std::string("Transfer\0-Encoding: chunked", 27))},
      {"folded behind", coded("Transfer-Encoding: chunked\r\n ,identity")},
      {"folded into the field before it", coded("X: y\r\n Transfer-Encoding: chunked")},
      {"hidden by bare CR", coded("X: y\rTransfer-Encoding: chunked")},
      {"in a kept HTTP/1.0 connection",
       "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"named in Connection, among others",
       coded("Connection: close, transfer-Encoding\r\nTransfer-Encoding: chunked")},
      {"in HTTP/1.0", "POST / HTTP/1.0\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"named in Connection", coded("Connection: transfer-encoding\r\nTransfer-Encoding: chunked")},
  });
}

// Goal: lines end in CRLF, names end at the colon, values hold no controls (RFC 9112 sections 2.2 and 5). Method: one
// slip each.
TEST(MalformedRequest, broken_lines_and_fields) {
  const auto with = [](const std::string& line) { return "GET / HTTP/1.1\r\nHost: test\r\n" + line + "\r\n\r\n"; };
  expect_refused({
      {"bare LF behind the request line", "GET / HTTP/1.1\nHost: test\r\n\r\n"},
      {"bare LF everywhere", "GET / HTTP/1.1\nHost: test\n\n"},
      {"bare LF behind a field", "GET / HTTP/1.1\r\nHost: test\nX: y\r\n\r\n"},
      {"bare LF for the empty line", "GET / HTTP/1.1\r\nHost: test\r\n\n"},
      {"bare CR in a value", with("X: a\rb")},
      {"bare CR before CRLF", with("X: a\r")},
      {"folded", with("X: a\r\n b")},
      {"folded with a tab", with("X: a\r\n\tb")},
      {"folded first", "GET / HTTP/1.1\r\n X: a\r\nHost: test\r\n\r\n"},
      {"space before the colon", with("X : a")},
      {"tab before the colon", with("X\t: a")},
      {"space in the name", with("X Y: a")},
      {"no name", with(": a")},
      {"no colon", with("X")},
      {"parenthesis in the name", with("X(Y): a")},
      {"NUL in a value", with(std::string("X: a\0b", 6))},
      {"NUL in a name", with(std::string("X\0Y: a", 6))},
      {"control in a value", with("X: a\x01")},
      {"DEL in a value", with("X: a\x7f")},
      {"non-ASCII name", with("X\xc3\xa9: a")},
      {"full-width colon", with("X\xef\xbc\x9a a")},
      {"colon in front", with("::X: a")},
      {"quote in the name", with("X\"Y: a")},
      {"slash in the name", with("X/Y: a")},
      {"at sign in the name", with("X@Y: a")},
      {"vertical tab in a value", with("X: a\x0b"
                                       "b")},
      {"escape in a value", with("X: \x1b[2J")},
      {"line of a space", with(" ")},
      {"line of a tab", with("\t")},
      {"line that starts with a colon and a space", with(" : a")},
      {"request hidden by bare CRs", with("X: y\r\rGET /hidden HTTP/1.1\rHost: test\r\r")},
      {"request hidden by bare LFs", with("X: y\n\nGET /hidden HTTP/1.1\nHost: test\n\n")},
      {"CR alone ends each line", "GET / HTTP/1.1\rHost: test\r\r"},
      {"LF CR ends each line", "GET / HTTP/1.1\n\rHost: test\n\r\n\r"},
      {"bare CR before the request", "\r" + get()},
      {"bare LF before the request", "\n" + get()},
      {"space before the request", "\r\n " + get()},
      {"byte order mark before the request", "\xef\xbb\xbf" + get()},
      {"NUL before the request", std::string(1, '\0') + get()},
      {"too many empty lines before it", std::string("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n") + get()},
  });
}

// Goal: one Host that is a host (RFC 9112 section 3.2). Method: none, two, and malformed ones.
TEST(MalformedRequest, bad_hosts) {
  const auto with = [](const std::string& fields) { return "GET / HTTP/1.1\r\n" + fields + "\r\n"; };
  expect_refused({
      {"missing", with("")},
      {"two that agree", with("Host: test\r\nHost: test\r\n")},
      {"two that differ", with("Host: test\r\nhost: other\r\n")},
      {"space", with("Host: te st\r\n")},
      {"list", with("Host: test, other\r\n")},
      {"userinfo", with("Host: user@test\r\n")},
      {"path", with("Host: test/path\r\n")},
      {"letters for a port", with("Host: test:http\r\n")},
      {"port alone", with("Host: :80\r\n")},
      {"open bracket", with("Host: [::1\r\n")},
      {"empty brackets", with("Host: []\r\n")},
      {"bracket in the middle", with("Host: te[st]\r\n")},
      {"letters behind the bracket", with("Host: [::1]x\r\n")},
      {"two ports", with("Host: test:80:81\r\n")},
      {"signed port", with("Host: test:+80\r\n")},
      {"tab", with("Host: te\tst\r\n")},
      {"backslash", with("Host: test\\x\r\n")},
      {"query", with("Host: test?x\r\n")},
      {"fragment", with("Host: test#x\r\n")},
      {"quoted", with("Host: \"test\"\r\n")},
      {"angle bracket", with("Host: <test>\r\n")},
      {"non-ASCII", with("Host: t\xc3\xa9st\r\n")},
      {"NUL", with(std::string("Host: te\0st\r\n", 13))},
      {"folded", with("Host:\r\n test\r\n")},
      {"space before the colon", with("Host : test\r\n")},
      {"one good, one empty", with("Host: test\r\nHost:\r\n")},
      {"named in Connection, in other letters", with("Connection: keep-alive,HOST\r\nHost: test\r\n")},
      {"malformed behind a good target", "GET http://test/ HTTP/1.1\r\nHost: te st\r\n\r\n"},
      {"two behind a good target", "GET http://test/ HTTP/1.1\r\nHost: test\r\nHost: test\r\n\r\n"},
      {"missing behind a good target", "GET http://test/ HTTP/1.1\r\n\r\n"},
      {"no authority in the target", "GET http:///path HTTP/1.1\r\nHost: test\r\n\r\n"},
      {"no host in the target", "GET http://:80/ HTTP/1.1\r\nHost: test\r\n\r\n"},
      {"letters for a port in the target", "GET http://test:http/ HTTP/1.1\r\nHost: test\r\n\r\n"},
      {"backslash in the target's authority", "GET http://test\\other/ HTTP/1.1\r\nHost: test\r\n\r\n"},
      {"named in Connection", with("Connection: host\r\nHost: test\r\n")},
      {"two in HTTP/1.0", "GET / HTTP/1.0\r\nHost: test\r\nHost: test\r\n\r\n"},
      {"bad authority in the target", "GET http://us er/ HTTP/1.1\r\nHost: test\r\n\r\n"},
      {"userinfo in the target", "GET http://user@test/ HTTP/1.1\r\nHost: test\r\n\r\n"},
  });
}

// Goal: the request line says method, target and a version that is spoken here. Method: the odd ones, each with the
// status that the RFC gives it.
TEST(MalformedRequest, bad_request_lines) {
  const auto line = [](const std::string& text) { return text + "\r\nHost: test\r\n\r\n"; };
  expect_refused({
      {"HTTP/2.0", line("GET / HTTP/2.0"), 505},
      {"HTTP/3.0", line("GET / HTTP/3.0"), 505},
      {"HTTP/0.9 by number", line("GET / HTTP/0.9"), 505},
      {"HTTP/0.9", "GET /\r\n"},
      {"HTTP/0.9 with fields", line("GET /")},
      {"lower case version", line("GET / http/1.1")},
      {"two-digit version", line("GET / HTTP/1.10")},
      {"no digits", line("GET / HTTP/x.y")},
      {"not HTTP", line("GET / ICY/1.1")},
      {"mixed case version", line("GET / Http/1.1")},
      {"leading zero", line("GET / HTTP/01.1")},
      {"signed version", line("GET / HTTP/+1.1")},
      {"no minor version", line("GET / HTTP/1")},
      {"no digit behind the dot", line("GET / HTTP/1.")},
      {"comma in the version", line("GET / HTTP/1,1")},
      {"space in the version", line("GET / HTTP/ 1.1")},
      {"three numbers", line("GET / HTTP/1.1.1")},
      {"letter behind the version", line("GET / HTTP/1.1x")},
      {"space behind the version", line("GET / HTTP/1.1 ")},
      {"tab behind the version", line("GET / HTTP/1.1\t")},
      {"two versions", line("GET / HTTP/1.1 HTTP/1.1")},
      {"scheme for a version", line("GET / HTTPS/1.1")},
      {"space for a version", line("GET / ")},
      {"no target", line("GET HTTP/1.1")},
      {"empty target", line("GET  HTTP/1.1")},
      {"nothing but a method", line("GET")},
      {"two spaces before the version", line("GET /  HTTP/1.1")},
      {"space in the target", line("GET /a b HTTP/1.1")},
      {"leading space", line(" GET / HTTP/1.1")},
      {"tab", line("GET\t/ HTTP/1.1")},
      {"target of no form", line("GET path HTTP/1.1")},
      {"asterisk for GET", line("GET * HTTP/1.1")},
      {"asterisk for POST", line("POST * HTTP/1.1")},
      {"asterisk and a path", line("OPTIONS */x HTTP/1.1")},
      {"authority for GET", line("GET test:80 HTTP/1.1")},
      {"question mark first", line("GET ?a=b HTTP/1.1")},
      {"backslash first", line("GET \\\\other/x HTTP/1.1")},
      {"scheme without slashes", line("GET http:test/ HTTP/1.1")},
      {"scheme with one slash", line("GET http:/test/ HTTP/1.1")},
      {"scheme that is a path", line("GET a/b://other/ HTTP/1.1")},
      {"scheme within a query", line("GET path?x=http://other/ HTTP/1.1")},
      {"fragment behind an authority", line("GET http://test#x HTTP/1.1")},
      {"tab in the target", line("GET /a\tb HTTP/1.1")},
      {"DEL in the target", line("GET /a\x7f HTTP/1.1")},
      {"bare CR in the target", line("GET /a\rb HTTP/1.1")},
      {"fragment", line("GET /a#b HTTP/1.1")},
      {"control in the target", line("GET /a\x01 HTTP/1.1")},
      {"non-ASCII target", line("GET /\xc3\xa9 HTTP/1.1")},
      {"NUL in the target", line(std::string("GET /a\0b HTTP/1.1", 17))},
      {"TLS hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + "\r\n\r\n"},
      {"preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {"PROXY protocol, version 1", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + get()},
      {"PROXY protocol, version 2", std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\0", 16) + get()},
      {"SSH banner", "SSH-2.0-OpenSSH_9.2\r\n"},
      {"answer for a request", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
      {"control in the method", line("GE\x01T / HTTP/1.1")},
      {"NUL in the method", line(std::string("GE\0T / HTTP/1.1", 15))},
      {"colon in the method", line("GET: / HTTP/1.1")},
      {"CONNECT", line("CONNECT test:443 HTTP/1.1"), 405},
  });
}

// Goal: heads are bounded, and the status says what was too large. Method: just beyond each bound.
TEST(MalformedRequest, too_large_heads) {
  std::string many;
  for (int i = 0; i < 200; ++i) many += "X-" + std::to_string(i) + ": y\r\n";
  expect_refused({
      {"target", get("/" + std::string(40 * 1024, 'x')), 414},
      {"field", get("/", "X: " + std::string(40 * 1024, 'x') + "\r\n"), 431},
      {"name", get("/", std::string(40 * 1024, 'x') + ": y\r\n"), 431},
      {"number of fields", get("/", many), 431},
      {"method", std::string(40 * 1024, 'A') + " / HTTP/1.1\r\nHost: test\r\n\r\n", 414},
  });
}

// Goal: a Host is a host also inside its brackets and percent signs (RFC 3986 section 3.2.2; RFC 9112 section 3.2
// demands 400). Method: good characters in bad places.
TEST(MalformedRequest, hosts_of_good_characters_in_bad_places) {
  const auto with = [](const std::string& host) { return "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n"; };
  expect_refused({
      {"percent sign without digits", with("%zz")},
      {"percent sign at the end", with("test%2")},
      {"bracket in brackets", with("[[::1]")},
      {"no address in brackets", with("[!!!]")},
      {"name in brackets", with("[test]:80")},
      {"too many groups", with("[1:2:3:4:5:6:7:8:9]")},
      {"brackets in the target", "GET http://[!!!]/ HTTP/1.1\r\nHost: test\r\n\r\n"},
  });
}

// Goal: whoever reads an underscore as a hyphen, as CGI does, must not find another length or coding than everybody
// else. Method: the framing fields in such spellings; a target with another scheme; very many connection options.
TEST(MalformedRequest, twins_of_framing_fields) {
  std::string options = "Connection: x";
  for (int i = 0; i < 100; ++i) options += ",x";
  expect_refused({
      {"length", post("Content_Length: 9\r\nContent-Length: 3\r\n", "abc")},
      {"length alone", post("content_length: 3\r\n", "abc")},
      {"coding", post("Transfer_Encoding: chunked\r\nContent-Length: 3\r\n", "abc")},
      {"scheme of another protocol", "GET ftp://test/ HTTP/1.1\r\nHost: test\r\n\r\n"},
      {"connection options", get("/", options + "\r\n")},
      {"expectation that Connection takes away",
       post("Connection: expect\r\nExpect: 100-continue\r\nContent-Length: 3\r\n", "abc")},
  });
}

// Goal: TRACE has no content (RFC 9110 section 9.3.8), and must not be given one by whoever forwards it. Method: with a
// length, and in chunks.
TEST(MalformedRequest, trace_with_a_body) {
  const std::string trace = "TRACE / HTTP/1.1\r\nHost: test\r\n";
  expect_refused({
      {"length", trace + "Content-Length: 3\r\n\r\nabc"},
      {"chunks", trace + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"},
  });
}

// Goal: no answer to HEAD has a body, a refusal neither (RFC 9110 section 9.3.2). Method: a HEAD for each way in which
// a head is refused once its request line is known.
TEST(MalformedRequest, refused_head_has_no_body) {
  ScriptedBackend backend(always(ok("")));
  Balancer balancer({.backends = {&backend}, .toml = "[server.limits]\nbody_bytes = \"1KiB\"\n"});
  for (const std::string& fields :
       {std::string("Host: te st\r\n"), std::string(), std::string("Host: test\r\nX : y\r\n"),
        std::string("Host: test\r\nTransfer-Encoding: gzip, chunked\r\n"),
        std::string("Host: test\r\nContent-Length: 1000000\r\n")}) {
    SCOPED_TRACE(fields);
    Client client(balancer);
    client.send("HEAD / HTTP/1.1\r\n" + fields + "\r\n");
    const Message answer = client.read_message(Kind::response_to_head);
    EXPECT_GE(answer.status(), 400);
    EXPECT_EQ(client.read_to_end(), "");
  }
}

}  // namespace
}  // namespace lb::e2e
