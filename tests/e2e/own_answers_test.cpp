// The answers that the balancer gives itself.
#include <string>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests

// A balancer whose only backend is not there, so that it has to answer itself.
class OwnAnswers : public testing::Test {
 protected:
  OwnAnswers() : backend_(always(ok(""))), balancer_(stopped()) {}

  Arrangement stopped() {
    backend_.stop();
    return {.backends = {&backend_}};
  }

  ScriptedBackend backend_;
  Balancer balancer_;
};

// Goal: short text with the reason in Proxy-Status (RFC 9209), not stored by anybody. Method: a refused connect.
TEST_F(OwnAnswers, are_short_text_with_a_reason) {
  const Message answer = ask_once(balancer_, get());
  EXPECT_EQ(answer.head.start_line, "HTTP/1.1 502 Bad Gateway");
  EXPECT_TRUE(answer.head.value("Content-Type").starts_with("text/plain"));
  EXPECT_EQ(answer.head.value("Proxy-Status"), "load-balancer; error=connection_refused");
  EXPECT_EQ(answer.head.value("Cache-Control"), "no-store");
  EXPECT_TRUE(answer.head.has("Date"));
  EXPECT_EQ(answer.body, "502 Bad Gateway\n");
}

// Goal: JSON where the client asks for it. Method: Accept alone and among others.
TEST_F(OwnAnswers, are_json_where_the_client_asks_for_it) {
  for (const char* accept : {"Accept: application/json\r\n", "accept: text/html, application/json;q=0.9\r\n"}) {
    const Message answer = ask_once(balancer_, get("/", accept));
    EXPECT_EQ(answer.status(), 502);
    EXPECT_TRUE(answer.head.value("Content-Type").starts_with("application/json"));
    EXPECT_TRUE(answer.body.starts_with("{") && answer.body.ends_with("}\n")) << answer.body;
    EXPECT_NE(answer.body.find("\"status\":502"), std::string::npos) << answer.body;
  }
}

// Goal: nothing that the client sent comes back, for that is how error pages carry attacks. Method: a mark in every
// part of requests that are answered 502, 400 and 431.
TEST_F(OwnAnswers, never_reflect_input) {
  const std::string mark = "reflectedmark";
  for (const std::string& text :
       {get("/" + mark + "?" + mark, "X-" + mark + ": " + mark + "\r\nAccept: application/json, " + mark + "\r\n"),
        "GET /" + mark + " HTTP/1.1\r\nHost: " + mark + "@x\r\n\r\n", get("/", mark + "\r\n"),
        get("/", mark + ": " + std::string(40'000, 'x') + "\r\n"), mark + " / HTTP/1.1\r\nHost: test\r\n\r\n",
        request("POST", mark, "Content-Type: " + mark + "\r\n")}) {
    const Message answer = ask_once(balancer_, text);
    EXPECT_GE(answer.status(), 400) << text.substr(0, 100);
    EXPECT_EQ((answer.head.text + answer.body).find(mark), std::string::npos) << answer.head.text << answer.body;
  }
}

// Goal: to HEAD there is no body, and the connection stays in step. Method: HEAD and GET on one connection.
TEST_F(OwnAnswers, to_head_have_no_body) {
  Client client(balancer_);
  EXPECT_EQ(client.ask("HEAD / HTTP/1.1\r\nHost: test\r\n\r\n", Kind::response_to_head).status(), 502);
  EXPECT_EQ(client.ask(get()).status(), 502);
}

// Goal: a failed exchange does not cost the client its connection where nothing of the request is left to be read, and
// says so where it does. Method: 1.1 and 1.0 on one connection; then a body, which nobody took.
TEST_F(OwnAnswers, keep_the_connection_unless_a_body_is_left) {
  Client client(balancer_);
  EXPECT_EQ(client.ask(get()).status(), 502);
  const Message old = client.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(old.status(), 502);
  EXPECT_EQ(old.head.value("Connection"), "keep-alive");
  EXPECT_EQ(client.ask(get("/", "Connection: close\r\n")).head.value("Connection"), "close");
  EXPECT_TRUE(client.wait_ended());

  Client posting(balancer_);
  const Message answer = posting.ask("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345");
  EXPECT_EQ(answer.status(), 502);
  EXPECT_EQ(answer.head.value("Connection"), "close");
  posting.send(get());
  EXPECT_EQ(posting.read_to_end(), "");
}

// Goal: 405 names what is allowed (RFC 9110 section 15.5.6). Method: CONNECT.
TEST_F(OwnAnswers, method_not_allowed_names_the_allowed_ones) {
  const Message answer = ask_once(balancer_, "CONNECT test:443 HTTP/1.1\r\nHost: test:443\r\n\r\n");
  EXPECT_EQ(answer.status(), 405);
  EXPECT_NE(answer.head.value("Allow").find("GET"), std::string::npos);
  EXPECT_EQ(answer.head.value("Allow").find("CONNECT"), std::string::npos);
}

// Goal: what has gone far enough ends here (RFC 9110 section 7.6.2), and nothing of it is reflected. Method: OPTIONS
// and TRACE with Max-Forwards 0, without a backend that works; the connection lives on after the answer to OPTIONS.
TEST_F(OwnAnswers, to_what_goes_no_further) {
  Client client(balancer_);
  const Message answer = client.ask("OPTIONS * HTTP/1.1\r\nHost: test\r\nMax-Forwards: 0\r\n\r\n");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_NE(answer.head.value("Allow").find("GET"), std::string::npos);
  EXPECT_EQ(answer.body, "");
  const Message traced = client.ask("TRACE / HTTP/1.1\r\nHost: test\r\nMax-Forwards: 0\r\nX-Mark: secret\r\n\r\n");
  EXPECT_EQ(traced.status(), 405);
  EXPECT_EQ((traced.head.text + traced.body).find("secret"), std::string::npos);
}

}  // namespace
}  // namespace lb::e2e
