#include "app/status_table.hpp"

#include <string>

#include <gtest/gtest.h>

namespace lb::app {
namespace {

constexpr base::WallTime kNow{std::chrono::seconds(86'400)};

std::string backend(const std::string& url, const std::string& state, const std::string& administration) {
  return R"({"url":")" + url + R"(","state":")" + state + R"(","administration":")" + administration +
         R"(","reason":"a reason","since":"1970-01-01T23:59:48.000Z","in_flight":2,"attempts":1234,"weight":3,)"
         R"("results":{"not_connected":1,"no_answer":2,"client_left":50},)"
         R"("latency_ms":{"total":{"p50":1.25,"p99":123.4}},"next_check":"1970-01-02T00:01:05.000Z"})";
}

std::string status(const std::string& backends) {
  return R"({"version":"1.2.3","pid":7,"state":"serving","listening":"[::]:3030","workers":4,"transport":"epoll",)"
         R"("started":"1970-01-01T00:00:00.000Z","clients":{"connections":1},"requests":{"total":10,)"
         R"("by_class":{"5xx":2},"refused":{"no_backend":1,"bad_request":3}},"retries":{"by_reason":{"stale":5}},)"
         R"("latency_ms":{"p50":null,"p99":null},"backends":[)" +
         backends + "]}";
}

TEST(StatusTable, columns_stand_below_each_other) {
  const auto table = status_table(
      status(backend("http://a:80", "up", "active") + "," + backend("http://longer:8080", "down", "draining")), kNow,
      Paint::plain);
  ASSERT_TRUE(table);
  EXPECT_EQ(
      *table,
      "load-balancer 1.2.3, pid 7, serving [::]:3030 for 1d 0h, 4 workers, epoll\n"
      "backend             state           since  in flight  requests  failed  p50 ms  p99 ms  weight  next check  "
      "reason\n"
      "http://a:80         up                12s          2      1234       3     1.2     123       3    in 1m 5s  "
      "a reason\n"
      "http://longer:8080  draining, down    12s          2      1234       3     1.2     123       3    in 1m 5s  "
      "a reason\n"
      "total: 1 client, 10 requests, 2 of them 5xx, 4 refused, 5 retried; p50 - ms, p99 - ms\n");
}

TEST(StatusTable, states_have_colours) {
  const auto of = [](const char* state, const char* administration) {
    return *status_table(status(backend("http://a", state, administration)), kNow, Paint::coloured);
  };
  EXPECT_NE(of("up", "active").find("\x1b[32mup\x1b[0m"), std::string::npos);
  EXPECT_NE(of("down", "active").find("\x1b[31mdown\x1b[0m"), std::string::npos);
  EXPECT_NE(of("up", "disabled").find("\x1b[33mdisabled, up\x1b[0m"), std::string::npos);
  EXPECT_EQ(of("unknown", "active").find('\x1b'), std::string::npos);
}

// Goal: a stranger at that port can neither crash us nor take the terminal over.
TEST(StatusTable, strangers_are_told_from_balancers) {
  for (const char* text : {"", "x", "[]", "{}", "null", R"({"backends":[]})", R"({"version":1,"backends":[]})",
                           R"({"version":"1","backends":{}})"}) {
    EXPECT_FALSE(status_table(text, kNow, Paint::plain)) << text;
  }
  const auto odd = status_table(
      R"({"version":"\u001b[2J","backends":[1,null,{"url":"a\nb","attempts":-1,"since":"x"}]})", kNow, Paint::plain);
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->find('\x1b'), std::string::npos) << *odd;
  EXPECT_EQ(odd->find("a\nb"), std::string::npos) << *odd;
}

}  // namespace
}  // namespace lb::app
