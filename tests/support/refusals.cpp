#include "support/refusals.hpp"

#include <mutex>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::support {

const std::string kForwardingFields =
    "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: test\r\nVia: 1.1 load-balancer\r\n";

std::string post(const std::string& fields, const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: test\r\n" + fields + "\r\n" + body;
}

std::string chunked(const std::string& body) {
  return post("Transfer-Encoding: chunked\r\n", body);
}

void expect_refused(const std::vector<RefusedRequest>& requests) {
  // The backend keeps every byte it gets, also those of heads that never end.
  std::mutex mutex;
  std::string reached;
  ScriptedBackend backend([&](ScriptedBackend::Connection& connection) {
    for (;;) {
      const std::string bytes = connection.read_some();
      if (bytes.empty()) return;
      {
        const std::scoped_lock lock(mutex);
        reached += bytes;
      }
      connection.send(ok("reached the backend"));
    }
  });
  Balancer balancer({.backends = {&backend}});
  for (const RefusedRequest& row : requests) {
    SCOPED_TRACE(row.name);
    Client client(balancer);
    client.send(row.request + get("/smuggled"));
    const Message answer = client.read_response();
    ASSERT_EQ(answer.status(), row.status) << answer.head.text << answer.body;
    EXPECT_EQ(answer.head.value("Connection"), "close");
    EXPECT_TRUE(answer.head.has("Proxy-Status"));
    EXPECT_EQ(client.read_to_end(), "") << "something follows the refusal";
    EXPECT_NE(client.ending(), Ending::timeout);
    const std::scoped_lock lock(mutex);
    ASSERT_EQ(reached, "");  // the rows behind it would only repeat this
  }
  // What a backend got late stands in front of a good request.
  EXPECT_EQ(ask_once(balancer, get("/good")).body, "reached the backend");
  const std::scoped_lock lock(mutex);
  EXPECT_EQ(without_made_id(reached), "GET /good HTTP/1.1\r\nHost: test\r\n" + kForwardingFields + "\r\n");
}

}  // namespace lb::support
