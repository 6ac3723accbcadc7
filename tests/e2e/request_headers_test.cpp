// What of a request's head arrives at the backend, byte for byte, and what is taken out or added.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests

// One backend that answers everything; what it saw last.
class RequestHeaders : public testing::Test {
 protected:
  Head forwarded(const std::string& request) {
    const Message answer = ask_once(balancer_, request);
    EXPECT_EQ(answer.status(), 200) << answer.head.text;
    const auto seen = backend_.requests();
    return seen.empty() ? Head() : seen.back().message.head;
  }

  ScriptedBackend backend_{always(ok(""))};
  Balancer balancer_{Arrangement{.backends = {&backend_}}};
};

// Goal: order, spelling, repeated fields and odd values pass unchanged, with only the balancer's own fields added at
// the end. Method: the whole head is compared, so that nothing unexpected slips through.
TEST_F(RequestHeaders, pass_in_order_and_spelling_with_ours_added) {
  const Head head = forwarded(
      "GET /path HTTP/1.1\r\nhOST: Example.test:8080\r\nX-One: 1\r\naccept:  text/html \r\nX-one: 2\r\nEmpty:\r\n"
      "Cookie: a=b; c=\"d e\"\r\nX-Odd: \xc3\xa9\ttab;,=\r\n\r\n");
  EXPECT_EQ(without_made_id(head.text),
            "GET /path HTTP/1.1\r\nhOST: Example.test:8080\r\nX-One: 1\r\naccept: text/html\r\nX-one: 2\r\nEmpty: \r\n"
            "Cookie: a=b; c=\"d e\"\r\nX-Odd: \xc3\xa9\ttab;,=\r\n"
            "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: Example.test:8080\r\n"
            "Via: 1.1 load-balancer\r\n\r\n");
}

// Goal: RFC 9110 section 7.6.1: hop-by-hop fields, and whatever Connection names, end here. Method: all of them at
// once, beside one that stays.
TEST_F(RequestHeaders, that_are_hop_by_hop_or_named_by_connection_are_removed) {
  const Head head = forwarded(
      get("/",
          "Connection: keep-alive, X-Private\r\nConnection: x-other\r\nKeep-Alive: timeout=5\r\nX-Private: 1\r\n"
          "X-Other: 2\r\nX-Stays: 3\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\n"
          "TE: gzip\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"));
  for (const char* name : {"Connection", "Keep-Alive", "X-Private", "X-Other", "Proxy-Connection",
                           "Proxy-Authorization", "TE", "HTTP2-Settings", "Upgrade"}) {
    EXPECT_FALSE(head.has(name)) << name;
  }
  EXPECT_EQ(head.value("X-Stays"), "3");
}

// Goal: a client's X-Forwarded-For is appended to, at its last field; Proto and Host cannot be forged. Method: each is
// sent by the client.
TEST_F(RequestHeaders, forwarded_for_is_appended_and_the_others_are_replaced) {
  const Head head = forwarded(
      get("/",
          "X-Forwarded-For: 192.0.2.1\r\nx-forwarded-for: 198.51.100.7, 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"
          "X-Forwarded-Host: evil.test\r\nVia: 1.0 earlier\r\n"));
  EXPECT_EQ(head.values("X-Forwarded-For"),
            (std::vector<std::string>{"192.0.2.1", "198.51.100.7, 203.0.113.9, 127.0.0.1"}));
  EXPECT_EQ(head.values("X-Forwarded-Proto"), std::vector<std::string>{"http"});
  EXPECT_EQ(head.values("X-Forwarded-Host"), std::vector<std::string>{"test"});
  EXPECT_EQ(head.values("Via"), (std::vector<std::string>{"1.0 earlier", "1.1 load-balancer"}));
}

// Goal: Connection cannot be abused to make the balancer drop the client's address (hop-by-hop abuse). Method: it names
// the field; the backend still learns of the client, and of nobody the client made up.
TEST_F(RequestHeaders, connection_cannot_remove_the_clients_address) {
  const Head head = forwarded(get("/", "Connection: X-Forwarded-For\r\nX-Forwarded-For: 192.0.2.1\r\n"));
  EXPECT_EQ(head.values("X-Forwarded-For"), std::vector<std::string>{"127.0.0.1"});
}

// Goal: the target is the backend's to read; not a byte of it is normalised. Method: what other programs decode, merge
// or resolve.
TEST_F(RequestHeaders, target_passes_byte_for_byte) {
  for (const std::string& target : std::vector<std::string>{
           "/", "//double//slash/", "/a/../b/./c", "/%2e%2E/%00%zz%", "/?", "/??a=b&&c=%20+d", "/;p=1/a;b",
           "/a|b^c`d{e}", "/\"<>\\", "/~!$&'()*+,;=:@-._", "/[v6]", "/" + std::string(4000, 'x')}) {
    const Head head = forwarded(get(target));
    EXPECT_EQ(head.start_line, "GET " + target + " HTTP/1.1");
  }
}

// Goal: RFC 9112 section 3.2.2: for a target in absolute form its authority is the host, whatever Host says. Method:
// the two differ. What an origin server is asked with is path and query (section 3.2.1).
TEST_F(RequestHeaders, absolute_form_decides_the_host) {
  const Head head = forwarded("GET http://target.test:81/path?q HTTP/1.1\r\nHost: other.test\r\n\r\n");
  EXPECT_EQ(head.start_line, "GET /path?q HTTP/1.1");
  EXPECT_EQ(head.values("Host"), std::vector<std::string>{"target.test:81"});
  EXPECT_EQ(head.value("X-Forwarded-Host"), "target.test:81");
  const Head without_path = forwarded("GET http://shop.example?q=1 HTTP/1.1\r\nHost: other.test\r\n\r\n");
  EXPECT_EQ(without_path.start_line, "GET /?q=1 HTTP/1.1");
  EXPECT_EQ(without_path.values("Host"), std::vector<std::string>{"shop.example"});
}

// Goal: OPTIONS * and methods that are not in everyday use reach the backend. Method: one each, with their spelling.
TEST_F(RequestHeaders, asterisk_form_and_rarer_methods_pass) {
  EXPECT_EQ(forwarded("OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n").start_line, "OPTIONS * HTTP/1.1");
  EXPECT_EQ(forwarded("TRACE / HTTP/1.1\r\nHost: test\r\n\r\n").start_line, "TRACE / HTTP/1.1");
  EXPECT_EQ(forwarded("DELETE /x HTTP/1.1\r\nHost: test\r\n\r\n").start_line, "DELETE /x HTTP/1.1");
  EXPECT_EQ(forwarded("PATCH /x HTTP/1.1\r\nHost: test\r\n\r\n").start_line, "PATCH /x HTTP/1.1");
  EXPECT_EQ(forwarded("QUERY /x HTTP/1.1\r\nHost: test\r\n\r\n").start_line, "QUERY /x HTTP/1.1");
  EXPECT_EQ(forwarded("VERSION-CONTROL /x HTTP/1.1\r\nHost: test\r\n\r\n").start_line, "VERSION-CONTROL /x HTTP/1.1");
  EXPECT_EQ(forwarded("get / HTTP/1.1\r\nHost: test\r\n\r\n").start_line, "get / HTTP/1.1");
}

// Goal: an HTTP/1.0 request is forwarded as 1.1, which needs a Host; Via tells the truth. Method: none was sent; the
// backend's own address stands in.
TEST_F(RequestHeaders, http_1_0_without_host_gets_the_backends) {
  const Head head = forwarded("GET /old HTTP/1.0\r\nX-A: 1\r\n\r\n");
  EXPECT_EQ(head.start_line, "GET /old HTTP/1.1");
  EXPECT_EQ(head.values("Host"), std::vector<std::string>{"127.0.0.1:" + std::to_string(backend_.port())});
  EXPECT_EQ(head.value("Via"), "1.0 load-balancer");
  EXPECT_FALSE(head.has("Connection"));
}

// Goal: "TE: trailers" is the one word of TE that a hop may repeat, for the backend will only then send trailers.
// Method: sent with another coding, which is dropped.
TEST_F(RequestHeaders, te_keeps_trailers_alone) {
  const Head head = forwarded(get("/", "TE: trailers, deflate\r\nConnection: TE\r\n"));
  EXPECT_EQ(head.values("TE"), std::vector<std::string>{"trailers"});
  EXPECT_EQ(head.values("Connection"), std::vector<std::string>{"TE"});
}

// Goal: a client on IPv6 is named by its address, one on IPv4 of the same socket by its own. Method: [::1], where the
// host has it.
TEST_F(RequestHeaders, ipv6_client_is_served_and_named) {
  Descriptor socket = connect_local_v6(balancer_.port());
  if (socket.get() < 0) GTEST_SKIP() << "this host has no IPv6";
  Wire client(std::move(socket));
  client.send(get());
  EXPECT_EQ(client.read_message(Kind::response).status(), 200);
  EXPECT_EQ(backend_.requests().back().message.head.value("X-Forwarded-For"), "::1");
}

}  // namespace
// Goal: each request has an id at the backend: the client's, if it is one that can stand in a log, else a new one.
// Method: none, good ones, and what is none; two requests get two.
TEST_F(RequestHeaders, every_request_has_an_id) {
  const std::string made = forwarded(get("/")).value("X-Request-Id");
  EXPECT_EQ(made.size(), 32U);
  EXPECT_EQ(made.find_first_not_of("0123456789abcdef"), std::string::npos) << made;
  EXPECT_NE(forwarded(get("/")).value("X-Request-Id"), made);
  for (const std::string& good :
       {std::string("a"), std::string("4bf92f35-77b3.4da6_a3ce:929/d0e=@~+"), std::string(128, 'x')}) {
    const Head head = forwarded(get("/", "x-REQUEST-id: " + good + "\r\n"));
    EXPECT_EQ(head.values("X-Request-Id"), std::vector<std::string>{good});
    EXPECT_NE(head.text.find("x-REQUEST-id: " + good + "\r\n"), std::string::npos) << "it is passed on as it came";
  }
  for (const std::string& bad :
       {std::string(), std::string("a b"), std::string("a\"b"), std::string("\xc3\xa9"), std::string(129, 'x')}) {
    const std::vector<std::string> ids = forwarded(get("/", "X-Request-Id: " + bad + "\r\n")).values("X-Request-Id");
    ASSERT_EQ(ids.size(), 1U) << bad;
    EXPECT_EQ(ids[0].size(), 32U) << ids[0];
  }
  EXPECT_EQ(forwarded(get("/", "X-Request-Id: one\r\nX-Request-Id: two\r\n")).values("X-Request-Id"),
            std::vector<std::string>{"one"});
  EXPECT_FALSE(forwarded(get("/", "X_Request_Id: forged\r\n")).has("X_Request_Id"));
}

// Goal: what says who is served in which trace passes as it came (W3C Trace Context). Method: both of its fields.
TEST_F(RequestHeaders, the_trace_context_is_passed_on) {
  const Head head = forwarded(
      get("/", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: a=b,c=d\r\n"));
  EXPECT_EQ(head.value("traceparent"), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  EXPECT_EQ(head.value("tracestate"), "a=b,c=d");
}

}  // namespace lb::e2e
