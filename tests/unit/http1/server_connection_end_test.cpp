// How a client's connection ends: draining, lingering, a client that goes away while it is served.
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "http1/server_connection.hpp"
#include "support/memory_stream.hpp"

namespace lb::http1 {
namespace {

using base::Duration;
using test::MemoryStream;
using test::World;
using Connection = ServerConnection;
using End = MemoryStream::End;

const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kPost = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n";

class Http1ServerConnectionEnd : public testing::Test {
 protected:
  Http1ServerConnectionEnd() {
    settings.timeouts.header = Duration(10'000);
    settings.timeouts.write_idle = Duration(5'000);
    settings.timeouts.body_idle = Duration(5'000);
    settings.timeouts.keep_alive_idle = Duration(60'000);
    settings.header_bytes = 1024;
    settings.header_count = 10;
    auto pair = MemoryStream::connected(world, base::Side::downstream, {});
    client = std::move(pair.second);
    connection.emplace(std::move(pair.first), states, world.sessions, message::Peer{"192.0.2.1"});
  }
  ~Http1ServerConnectionEnd() override {
    connection->abort();
    world.run();
    EXPECT_EQ(world.tasks.size(), 0U);
  }

  net::Awaitable<void> read_one() {
    arrival.reset();
    const Arrival came = co_await connection->wait_for_request();
    if (came == Arrival::nobody) {
      arrival = came;
      co_return;
    }
    const auto result = co_await connection->read_request();
    arrival = result ? *result : Arrival::nobody;
    if (result && *result == Arrival::request) connection->consume_head();
  }
  net::Awaitable<void> answer_and_finish(Linger linger = Linger::if_unread) {
    net::BufferList buffers;
    buffers.emplace_back("answer", 6);
    static_cast<void>(co_await connection->write(buffers));
    co_await connection->finish(linger);
    finished = true;
  }
  net::Awaitable<void> stop_watching() {
    co_await connection->stop_watching();
    stopped = true;
  }
  void start(net::Awaitable<void> task) {
    world.tasks.spawn(std::move(task));
    world.run();
  }
  // A request has been read.
  void receive(const std::string& request) {
    EXPECT_EQ(client->put(request), request.size());
    start(read_one());
    ASSERT_EQ(arrival, Arrival::request);
  }
  void watch() { connection->watch(Connection::OnGone::to<&Http1ServerConnectionEnd::count>(*this)); }
  void count(base::ErrorKind /*how*/) noexcept { ++gone; }

  World world;
  Settings settings;
  RequestStates states{world.blocks, settings};
  std::unique_ptr<MemoryStream> client;
  std::optional<Connection> connection;
  std::optional<Arrival> arrival;
  bool finished = false;
  bool stopped = false;
  int gone = 0;
};

TEST_F(Http1ServerConnectionEnd, draining_ends_a_connection_that_idles_between_requests) {
  for (const Duration idle : {Duration(0), Duration(5'000)}) {
    receive(kGet);
    start(read_one());
    world.pass(idle);
    if (idle == Duration(0)) {
      EXPECT_EQ(arrival, std::nullopt);
      EXPECT_EQ(client->put(kGet), kGet.size());
      world.run();
      EXPECT_EQ(arrival, Arrival::request);
    }
  }
  world.sessions.drain();
  world.run();
  EXPECT_EQ(arrival, Arrival::nobody);
}

TEST_F(Http1ServerConnectionEnd, draining_leaves_a_new_connection_a_moment_for_its_request) {
  start(read_one());
  world.pass(Duration(100));
  world.sessions.drain();
  world.pass(base::kDrainNewConnection - Duration(50));
  EXPECT_EQ(arrival, std::nullopt);
  EXPECT_EQ(client->put(kGet), kGet.size());
  world.run();
  EXPECT_EQ(arrival, Arrival::request);
  EXPECT_TRUE(connection->draining());
}

TEST_F(Http1ServerConnectionEnd, draining_does_not_wait_long_for_a_new_connection) {
  start(read_one());
  world.sessions.drain();
  world.pass(base::kDrainNewConnection + 2 * base::kWheelTick);
  EXPECT_EQ(arrival, Arrival::nobody);
}

TEST_F(Http1ServerConnectionEnd, a_request_that_arrives_while_idle_connections_are_closed_is_served) {
  receive(kGet);
  start(read_one());
  world.sessions.drain();
  EXPECT_EQ(client->put(kGet), kGet.size());
  world.run();
  EXPECT_EQ(arrival, Arrival::request);
}

TEST_F(Http1ServerConnectionEnd, draining_does_not_disturb_a_request_that_is_being_read) {
  start(read_one());
  EXPECT_EQ(client->put(kGet.substr(0, 10)), 10U);
  world.run();
  world.sessions.drain();
  world.pass(Duration(2'000));
  EXPECT_EQ(arrival, std::nullopt);
  EXPECT_EQ(client->put(kGet.substr(10)), kGet.size() - 10);
  world.run();
  EXPECT_EQ(arrival, Arrival::request);
}

TEST_F(Http1ServerConnectionEnd, aborting_ends_it_at_once) {
  start(read_one());
  world.sessions.abort();
  world.run();
  EXPECT_EQ(arrival, Arrival::nobody);
  EXPECT_EQ(client->peer_end(), End::reset);
}

TEST_F(Http1ServerConnectionEnd, a_quiet_connection_is_closed_in_order_at_once) {
  receive(kGet);
  start(answer_and_finish());
  EXPECT_TRUE(finished);
  EXPECT_EQ(client->take(), "answer");
  EXPECT_EQ(client->peer_end(), End::closed);
}

// For answers that are given before anything was read: what the client is sending may not have arrived yet.
TEST_F(Http1ServerConnectionEnd, lingering_can_be_asked_for_although_nothing_has_arrived) {
  receive(kGet);
  start(answer_and_finish(Linger::always));
  EXPECT_FALSE(finished);
  EXPECT_EQ(client->put(kGet), kGet.size());
  world.run();
  EXPECT_EQ(client->take(), "answer");
  EXPECT_EQ(client->peer_end(), End::closed);
  client->close();
  world.run();
  EXPECT_TRUE(finished);
}

// Before lingering: closing with bytes unread resets the connection, and the client never reads its answer.
TEST_F(Http1ServerConnectionEnd, a_client_that_is_still_sending_can_read_its_answer) {
  receive(kPost);
  EXPECT_EQ(client->put(std::string(20'000, 'x')), 20'000U);
  start(answer_and_finish());
  EXPECT_EQ(client->peer_end(), End::closed) << "our end is announced at once";
  for (int round = 0; round < 4; ++round) {
    EXPECT_EQ(client->put(std::string(20'000, 'x')), 20'000U);
    world.run();
    EXPECT_FALSE(finished);
  }
  EXPECT_EQ(client->take(), "answer");
  client->close();
  world.run();
  EXPECT_TRUE(finished);
}

TEST_F(Http1ServerConnectionEnd, lingering_is_bounded_in_time) {
  receive(kPost);
  start(answer_and_finish());
  for (int round = 0; round < 19; ++round) {
    EXPECT_EQ(client->put("x"), 1U);
    world.pass(Duration(100));
  }
  EXPECT_FALSE(finished);
  world.pass(Duration(200));
  EXPECT_TRUE(finished);
}

TEST_F(Http1ServerConnectionEnd, lingering_is_bounded_in_bytes) {
  receive(kPost);
  start(answer_and_finish());
  std::size_t sent = 0;
  while (!finished && sent < 2 * base::kLingerBytesMax) {
    sent += client->put(std::string(32 * 1024, 'x'));
    world.run();
  }
  EXPECT_TRUE(finished);
  EXPECT_GE(sent, base::kLingerBytesMax);
  EXPECT_LE(sent, base::kLingerBytesMax + 64 * 1024);
}

TEST_F(Http1ServerConnectionEnd, a_client_that_goes_away_is_noticed_after_the_delay) {
  for (const End how : {End::closed, End::reset}) {
    receive(kGet);
    watch();
    if (how == End::closed) {
      // Still there: nothing happens, however long it takes.
      world.pass(Duration(30'000));
      EXPECT_EQ(gone, 0);
      start(stop_watching());
      continue;
    }
    client->abort();
    world.pass(base::kAbortWatchDelay - 2 * base::kWheelTick);
    EXPECT_EQ(gone, 0);
    world.pass(3 * base::kWheelTick);
    EXPECT_EQ(gone, 1);
    start(stop_watching());
  }
}

TEST_F(Http1ServerConnectionEnd, a_pipelined_request_is_no_sign_of_leaving_and_is_not_lost) {
  receive(kGet);
  watch();
  world.pass(Duration(100));
  EXPECT_EQ(client->put(kGet), kGet.size());
  world.pass(Duration(100));
  EXPECT_EQ(gone, 0);
  start(stop_watching());
  EXPECT_TRUE(stopped);
  start(read_one());
  EXPECT_EQ(arrival, Arrival::request);
}

TEST_F(Http1ServerConnectionEnd, watching_that_has_stopped_calls_nobody) {
  receive(kGet);
  watch();
  start(stop_watching());
  client->close();
  world.pass(Duration(200));
  EXPECT_EQ(gone, 0);
}

}  // namespace
}  // namespace lb::http1
