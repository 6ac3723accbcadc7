// Answers that come bit by bit: what a backend has sent reaches the client although nothing follows.
#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

// Of what the balancer reads at first: a part that ends just there may look as if there was more.
constexpr std::size_t kBufferBytes = 16 * 1024;

// Goal: each event of a stream goes out at once. Method: a backend that sends the next one when the client has the one
// before.
TEST(Streaming, server_sent_events_go_out_at_once) {
  constexpr int kEvents = 5;
  std::vector<Gate> seen(kEvents);
  ScriptedBackend backend([&seen](Connection& connection) {
    if (!connection.read_request()) return;
    connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (Gate& gate : seen) {
      connection.send("9\r\ndata: 1\n\n\r\n");
      if (!gate.wait()) return;
    }
    connection.send("0\r\n\r\n");
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  client.send(get());
  ASSERT_TRUE(client.read_head());
  for (Gate& gate : seen) {
    EXPECT_EQ(client.read_exactly(14), "9\r\ndata: 1\n\n\r\n");
    gate.open();
  }
  EXPECT_EQ(client.read_exactly(5), "0\r\n\r\n");
}

// Goal: nor does a part wait that fills the balancer's buffers, or nearly so. Method: a first part of each such size,
// its head included, then one byte when the client has the first part.
TEST(Streaming, parts_of_any_size_go_out_at_once) {
  for (const std::size_t size :
       {std::size_t{100}, kBufferBytes - 1, kBufferBytes, kBufferBytes + 1, 2 * kBufferBytes, 8 * kBufferBytes}) {
    SCOPED_TRACE(size);
    constexpr std::size_t kHeadBytes = 60;
    const std::size_t body = size - kHeadBytes;
    std::string head = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body + 1) + "\r\nX: ";
    head += std::string(kHeadBytes - 4 - head.size(), 'x') + "\r\n\r\n";
    Gate seen;
    ScriptedBackend backend([&](Connection& connection) {
      if (!connection.read_request()) return;
      connection.send(head + std::string(body, 'a'));
      if (seen.wait()) connection.send("b");
    });
    Balancer balancer({.backends = {&backend}});
    Client client(balancer);
    client.send(get());
    ASSERT_TRUE(client.read_head());
    EXPECT_TRUE(client.read_exactly(body) == std::string(body, 'a'));
    seen.open();
    EXPECT_EQ(client.read_exactly(1), "b");
  }
}

}  // namespace
}  // namespace lb::e2e
