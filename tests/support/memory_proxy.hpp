// The real proxy between scripted peers in memory: what the exchange tests have in common.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/handler.hpp"
#include "support/cluster.hpp"
#include "support/memory_transport.hpp"

namespace lb::proxy {

using base::Duration;
using test::MemoryStream;
using test::MemoryTransport;
using End = MemoryStream::End;

inline const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
inline const std::string kPost = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody";
inline const std::string kOk = "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 5\r\n\r\nhello";

// Of the proxy, and of its one service.
struct TestSettings : Settings, ServiceSettings {};

inline TestSettings test_settings() {
  TestSettings settings;
  settings.http.timeouts = {Duration(10'000), Duration(20'000), Duration(20'000), Duration(60'000), Duration(40'000)};
  settings.connect_timeout = Duration(2'000);
  settings.first_response_byte_timeout = Duration(30'000);
  settings.tunnel_idle_timeout = Duration(600'000);
  settings.http.header_bytes = 32 * 1024;
  settings.http.header_count = 100;
  settings.pool = {8, Duration(30'000)};
  settings.attempts = 3;
  settings.replay_bytes = 64 * 1024;
  settings.queue_max = 10;
  settings.queue_timeout = Duration(5'000);
  settings.request_ids = RequestIds::off;  // so that heads are the same each time
  return settings;
}

// One worker's proxy in front of some backends. Everything happens in run() and pass().
struct Proxy {
  explicit Proxy(std::size_t count, TestSettings its_settings = test_settings(), std::uint32_t failures_max = 3)
      : settings(its_settings),
        transport(world, count),
        cluster(specs(count), {.failures = failures_max}),
        handler(world.io.get_executor(), world.wheel, world.blocks, world.sessions, plan(), cluster, transport,
                recorder, 1) {}

  ~Proxy() {
    world.sessions.abort();
    clients.clear();
    for (std::size_t i = 0; i < cluster.size(); ++i) transport.backend(i).connections.clear();
    world.pass(Duration(100));
    world.pass(base::kLingerTime);
    for (int round = 0; world.tasks.size() > 0 && round < 100; ++round) world.pass(Duration(10'000));
    EXPECT_EQ(world.tasks.size(), 0U) << "a coroutine hangs";
    handler.close_idle();
  }
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  static std::vector<upstream::BackendSpec> specs(std::size_t count) {
    std::vector<upstream::BackendSpec> backends;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string host = "b" + std::to_string(i);
      backends.push_back({"http://" + host, host, 80, 1, 0});
    }
    return backends;
  }

  // Of the present members.
  [[nodiscard]] PlanPtr plan() const {
    auto made = std::make_shared<Plan>();
    made->settings = settings;
    made->services.push_back({"default", settings, cluster.members(), state});
    return made;
  }

  // A client's end of a new connection.
  MemoryStream& connect(MemoryStream::Options options = {}) {
    auto pair = MemoryStream::connected(world, base::Side::downstream, options);
    world.tasks.spawn(handler.serve(std::move(pair.first), {"192.0.2.1"}));
    clients.push_back(std::move(pair.second));
    return *clients.back();
  }
  // Sends all of it, however little fits at a time.
  void send(MemoryStream& peer, std::string_view bytes) {
    for (int rounds = 0; !bytes.empty() && rounds < 1'000'000; ++rounds) {
      bytes.remove_prefix(peer.put(bytes));
      world.run();
    }
    EXPECT_TRUE(bytes.empty());
    world.run();
  }
  // A client that sends a request on a connection of its own.
  MemoryStream& request(std::string_view text) {
    MemoryStream& client = connect();
    send(client, text);
    return client;
  }
  // The newest connection of the backend has received a request; it answers.
  std::string answer(std::size_t index, std::string_view text) {
    world.run();
    std::string received = transport.last(index).take();
    send(transport.last(index), text);
    return received;
  }
  std::size_t connections(std::size_t index) { return transport.backend(index).connections.size(); }
  void run() { world.run(); }
  void pass(Duration time) { world.pass(time); }

  test::World world;
  TestSettings settings;
  MemoryTransport transport;
  test::Cluster cluster;
  ServiceStatePtr state = ServiceState::make(1, [](std::size_t, const std::function<void()>&) {});
  telemetry::Recorder recorder{0, world.clock};
  Handler handler;
  std::vector<std::unique_ptr<MemoryStream>> clients;
};

// "200", from the text of an answer; empty without one.
inline std::string status_of_text(const std::string& answer) {
  return answer.size() < 12 ? "" : answer.substr(9, 3);
}

}  // namespace lb::proxy
