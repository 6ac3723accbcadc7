// The access log's lines for real traffic.
#include <csignal>
#include <string>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "support/balancer.hpp"
#include "support/log_lines.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;
namespace json = boost::json;
using test::kCombined;
using test::lines_of;

json::object object_with(Balancer& balancer, std::string_view text) {
  const auto line = balancer.process().wait_for_out(text);
  EXPECT_TRUE(line) << text << " is not in\n" << balancer.process().out();
  boost::system::error_code problem;
  const json::value value = json::parse(line.value_or("{}"), problem);
  EXPECT_FALSE(problem) << *line;
  return value.is_object() ? value.get_object() : json::object();
}

std::string text_at(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? "<none>" : value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}

// "not_connected at http://..., answered at http://..."
std::string attempts_in(const json::object& line) {
  std::string text;
  const json::value* attempts = line.if_contains("attempts");
  if (attempts == nullptr) return text;
  for (const json::value& one : attempts->as_array()) {
    text +=
        (text.empty() ? "" : ", ") + text_at(one.as_object(), "result") + " at " + text_at(one.as_object(), "backend");
  }
  return text;
}

Arrangement logging_json(std::vector<const ScriptedBackend*> backends, std::string toml = "") {
  return {.backends = std::move(backends), .toml = std::move(toml), .flags = {"-access-log", "json"}};
}

TEST(AccessLog, text_lines_are_combined_for_each_method) {
  ScriptedBackend backend(always(ok("hello")));
  Balancer balancer({.backends = {&backend}, .flags = {"-access-log", "text"}});
  Client client(balancer);
  client.ask(get("/a?b=%20c", "Referer: http://example.org/\"x\r\nUser-Agent: some\\thing/1.0 (\xC3\xA4)\r\n"));
  client.ask(request("POST", "four"));
  client.ask("HEAD /h HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", Kind::response_to_head);
  ASSERT_TRUE(balancer.process().wait_for_out("\"HEAD /h HTTP/1.0\" 200 0 \"-\" \"-\""));
  const std::vector<std::string> lines = lines_of(balancer.process().out());
  ASSERT_EQ(lines.size(), 3U);
  for (const std::string& line : lines) {
    EXPECT_TRUE(std::regex_match(line, kCombined)) << line;
    EXPECT_TRUE(line.starts_with("127.0.0.1 - - [")) << line;
  }
  EXPECT_TRUE(
      lines[0].ends_with("\"GET /a?b=%20c HTTP/1.1\" 200 5 \"http://example.org/\\x22x\" "
                         "\"some\\x5Cthing/1.0 (\\xC3\\xA4)\""))
      << lines[0];
  EXPECT_TRUE(lines[1].ends_with("\"POST / HTTP/1.1\" 200 5 \"-\" \"-\"")) << lines[1];
}

TEST(AccessLog, json_tells_all_of_an_answered_request) {
  ScriptedBackend backend(always(ok("hello")));
  Balancer balancer(logging_json({&backend}));
  const std::string fields =
      "X-Request-Id: my-id\r\nUser-Agent: me\r\nReferer: there\r\n"
      "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
  Client client(balancer);
  client.ask(request("PUT", "four", fields));
  const json::object line = object_with(balancer, "my-id");
  EXPECT_EQ(text_at(line, "id"), "my-id");
  EXPECT_EQ(text_at(line, "client"), "127.0.0.1");
  EXPECT_EQ(text_at(line, "method"), "PUT");
  EXPECT_EQ(text_at(line, "target"), "/");
  EXPECT_EQ(text_at(line, "protocol"), "HTTP/1.1");
  EXPECT_EQ(text_at(line, "host"), "test");
  EXPECT_EQ(text_at(line, "status"), "200");
  EXPECT_EQ(text_at(line, "request_bytes"), "4");
  EXPECT_EQ(text_at(line, "bytes"), "5");
  EXPECT_EQ(text_at(line, "referer"), "there");
  EXPECT_EQ(text_at(line, "user_agent"), "me");
  EXPECT_EQ(text_at(line, "traceparent"), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  EXPECT_EQ(text_at(line, "ended_by"), "complete");
  EXPECT_EQ(text_at(line, "backend"), backend.url());
  EXPECT_EQ(attempts_in(line), "answered at " + backend.url());
  const double total = line.at("duration_ms").as_double();
  const double first_byte = line.at("first_byte_ms").as_double();
  EXPECT_GT(first_byte, 0);
  EXPECT_GE(total, first_byte);
  client.ask(get("/again"));
  const json::object again = object_with(balancer, "/again");
  EXPECT_EQ(text_at(again, "id").size(), 32U);
  EXPECT_EQ(text_at(again.at("attempts").as_array()[0].as_object(), "reused"), "true");
}

// Goal: what a client sends neither forges lines nor makes them as long as it likes. Method: quotes, and texts longer
// than what is kept.
TEST(AccessLog, awkward_and_long_texts_are_tamed) {
  ScriptedBackend backend(always(ok("hello")));
  Balancer balancer(logging_json({&backend}));
  const std::string target = "/\"x\"?" + std::string(10'000, 'a');
  const std::string agent = "\xFF" + std::string(10'000, 'b');
  Client client(balancer);
  EXPECT_EQ(client.ask(get(target, "User-Agent: " + agent + "\r\nX-Request-Id: long\r\n")).status(), 200);
  const json::object line = object_with(balancer, "\"long\"");
  EXPECT_EQ(text_at(line, "target"), target.substr(0, base::kLoggedTextBytesMax));
  EXPECT_EQ(text_at(line, "user_agent"), "\xEF\xBF\xBD" + agent.substr(1, base::kLoggedTextBytesMax - 1));
  EXPECT_EQ(text_at(line, "status"), "200");
  Balancer other({.backends = {&backend}, .flags = {"-access-log", "text"}});
  EXPECT_EQ(ask_once(other, get(target, "User-Agent: " + agent + "\r\n")).status(), 200);
  const auto text = other.process().wait_for_out("\\x22x\\x22");
  ASSERT_TRUE(text) << other.process().out();
  EXPECT_TRUE(std::regex_match(*text, kCombined)) << *text;
  EXPECT_LT(text->size(), 3 * base::kLoggedTextBytesMax);
}

// Goal: the attempts of a request, in order. Method: one backend closes on what it is asked, the other answers.
TEST(AccessLog, a_retried_request_has_its_attempts_in_order) {
  ScriptedBackend bad([](Connection& connection) { static_cast<void>(connection.read_request()); });
  ScriptedBackend good(always(ok("good")));
  Balancer balancer(logging_json({&bad, &good}));
  EXPECT_EQ(ask_once(balancer, get()).body, "good");
  const json::object line = object_with(balancer, "attempts");
  EXPECT_EQ(attempts_in(line), "no_answer at " + bad.url() + ", answered at " + good.url());
  EXPECT_NE(text_at(line.at("attempts").as_array()[0].as_object(), "detail"), "<none>");
  EXPECT_EQ(text_at(line, "backend"), good.url());
  EXPECT_EQ(text_at(line, "status"), "200");
  EXPECT_EQ(text_at(line, "refusal"), "<none>");
}

TEST(AccessLog, a_refused_request_says_why) {
  ScriptedBackend gone(always(ok("never")));
  gone.stop();
  Balancer balancer(logging_json({&gone}, "[retry]\nattempts = 1\n"));
  const Message answer = ask_once(balancer, get());
  EXPECT_EQ(answer.status(), 502);
  const json::object line = object_with(balancer, "attempts");
  EXPECT_EQ(text_at(line, "status"), "502");
  EXPECT_EQ(text_at(line, "refusal"), "backend_failed");
  EXPECT_EQ(text_at(line, "bytes"), std::to_string(answer.body.size()));
  EXPECT_NE(text_at(line, "detail"), "<none>");
  EXPECT_EQ(attempts_in(line), "not_connected at " + gone.url());
  const json::object& attempt = line.at("attempts").as_array()[0].as_object();
  EXPECT_EQ(text_at(attempt, "last_resort"), "true") << "its first check had failed";
  EXPECT_EQ(text_at(attempt, "status"), "<none>");
}

TEST(AccessLog, a_request_that_could_not_be_read_has_a_line) {
  ScriptedBackend backend(always(ok("never")));
  Balancer balancer(logging_json({&backend}));
  EXPECT_EQ(ask_once(balancer, "GET /\x01 HTTP/1.1\r\n\r\n").status(), 400);
  const json::object line = object_with(balancer, "bad_request");
  EXPECT_EQ(text_at(line, "status"), "400");
  EXPECT_EQ(text_at(line, "method"), "<none>");
  EXPECT_EQ(text_at(line, "attempts"), "<none>");
  Balancer other({.backends = {&backend}, .flags = {"-access-log", "text"}});
  EXPECT_EQ(ask_once(other, "GET /\x01 HTTP/1.1\r\n\r\n").status(), 400);
  const auto text = other.process().wait_for_out("\"-\" 400 ");
  ASSERT_TRUE(text) << other.process().out();
  EXPECT_TRUE(std::regex_match(*text, kCombined)) << *text;
}

// Goal: who ended it. Method: the client leaves before the answer, and in the middle of it; then the backend does.
TEST(AccessLog, a_request_that_was_cut_says_by_whom) {
  Gate left;
  ScriptedBackend backend([&left](Connection& connection) {
    const auto message = connection.read_request();
    if (!message) return;
    if (message->head.start_line.find("/wait") != std::string::npos) {
      static_cast<void>(left.wait());
    } else {
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart");
      if (message->head.start_line.find("/stay") != std::string::npos) static_cast<void>(connection.wait_ended());
    }
  });
  Balancer balancer(logging_json({&backend}));
  {
    Client client(balancer);
    client.send(get("/wait"));
    ASSERT_TRUE(backend.wait_for_requests(1));
  }
  json::object line = object_with(balancer, "/wait");
  left.open();
  EXPECT_EQ(text_at(line, "ended_by"), "client");
  EXPECT_EQ(text_at(line, "status"), "<none>");
  EXPECT_EQ(attempts_in(line), "client_left at " + backend.url());
  {
    Client client(balancer);
    client.send(get("/stay"));
    ASSERT_TRUE(client.read_head());
    EXPECT_EQ(client.read_exactly(4), "part");
    client.reset();
  }
  line = object_with(balancer, "/stay");
  EXPECT_EQ(text_at(line, "ended_by"), "client");
  EXPECT_EQ(text_at(line, "status"), "200");
  EXPECT_EQ(text_at(line, "bytes"), "4");
  EXPECT_FALSE(ask_once(balancer, get("/cut")).complete);
  line = object_with(balancer, "/cut");
  EXPECT_EQ(text_at(line, "ended_by"), "backend");
  EXPECT_EQ(attempts_in(line), "broke_off at " + backend.url());
}

TEST(AccessLog, an_upgrade_has_its_line_when_the_tunnel_ends) {
  ScriptedBackend backend([](Connection& connection) {
    if (!connection.read_request_head()) return;
    connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello");
    static_cast<void>(connection.wait_ended());
  });
  Balancer balancer(logging_json({&backend}));
  Client client(balancer);
  client.send(get("/chat", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  ASSERT_TRUE(client.read_head());
  EXPECT_EQ(client.read_exactly(5), "hello");
  EXPECT_EQ(balancer.process().out(), "");
  client.close();
  const json::object line = object_with(balancer, "/chat");
  EXPECT_EQ(text_at(line, "status"), "101");
  EXPECT_EQ(attempts_in(line), "answered at " + backend.url());
}

// Goal: a request that the end of the process cuts off has its line, too. Method: two signals; the backend never
// answers.
TEST(AccessLog, what_is_under_way_at_the_end_is_written) {
  Gate ended;
  ScriptedBackend backend([&ended](Connection& connection) {
    if (!connection.read_request()) return;
    static_cast<void>(ended.wait());
  });
  Balancer balancer(logging_json({&backend}));
  Client client(balancer);
  client.send(get("/never"));
  ASSERT_TRUE(backend.wait_for_requests(1));
  balancer.signal(SIGTERM);
  ASSERT_TRUE(balancer.wait_for_log("stopping"));
  balancer.signal(SIGTERM);
  EXPECT_EQ(balancer.wait_exit(), 0);
  ended.open();
  const json::object line = object_with(balancer, "/never");
  EXPECT_EQ(text_at(line, "ended_by"), "balancer");
  EXPECT_EQ(attempts_in(line), "abandoned at " + backend.url());
}

TEST(AccessLog, is_off_unless_it_is_asked_for) {
  ScriptedBackend backend(always(ok("hello")));
  Balancer balancer({.backends = {&backend}});
  EXPECT_EQ(ask_once(balancer, get()).status(), 200);
  balancer.signal(SIGUSR1);
  EXPECT_EQ(ask_once(balancer, get()).status(), 200) << "SIGUSR1 is no reason to end";
  balancer.signal(SIGTERM);
  EXPECT_EQ(balancer.wait_exit(), 0);
  EXPECT_EQ(balancer.process().out(), "");
}

}  // namespace
}  // namespace lb::e2e
