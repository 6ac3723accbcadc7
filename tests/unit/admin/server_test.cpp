// Who has a place at the admin interface, and for how long. The clock is turned by hand, the sockets are real.
#include "admin/server.hpp"

#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include "admin/limits.hpp"
#include "support/manual_clock.hpp"
#include "support/on_worker.hpp"
#include "unit/admin/snapshots.hpp"

namespace lb::admin {
namespace {

using base::Duration;

// Orders wait until they are let go; workers do not answer.
class Stub final : public Control {
 public:
  explicit Stub(std::size_t backends) : worker_(clock_), snapshot_(test::snapshot()) {
    for (std::size_t i = 0; i < backends; ++i) {
      snapshot_.backends.push_back(test::backend_snapshot("http://c:" + std::to_string(i + 1), 1));
    }
  }

  void hold() { held_ = true; }
  void let_go() {
    held_ = false;
    for (net::Pause* const pause : waiting_) pause->wake();
  }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] std::size_t snapshots() const { return snapshots_; }
  lb::test::ManualClock& clock() { return clock_; }

  [[nodiscard]] Snapshot snapshot() const override {
    ++snapshots_;
    return snapshot_;
  }
  [[nodiscard]] std::string not_ready() const override { return {}; }
  net::Awaitable<Outcome> administer(std::string, upstream::Administration) override { co_return Outcome(); }
  net::Awaitable<Outcome> add(NewBackend) override { co_return Outcome(); }
  net::Awaitable<Outcome> remove(std::string) override { co_return Outcome(); }
  net::Awaitable<Outcome> weigh(std::string, std::int64_t) override { co_return Outcome(); }
  net::Awaitable<Outcome> check(std::string) override {
    net::Pause pause(worker_.executor(), worker_.wheel());
    waiting_.push_back(&pause);
    while (held_) co_await pause.until(base::kNever);
    std::erase(waiting_, &pause);
    co_return Outcome{.url = "http://a:1"};
  }
  net::Awaitable<Outcome> reload() override { co_return Outcome(); }
  [[nodiscard]] net::Worker& worker() noexcept override { return worker_; }
  std::size_t post_to_workers(std::function<void(const telemetry::Recorder&)>) override { return 1; }

 private:
  lb::test::ManualClock clock_;
  net::Worker worker_;
  Snapshot snapshot_;
  mutable std::size_t snapshots_ = 0;
  bool held_ = false;
  std::vector<net::Pause*> waiting_;
};

class Peer {
 public:
  explicit Peer(std::uint16_t port) : socket_(context_) {
    socket_.open(net::Tcp::v4());
    socket_.set_option(boost::asio::socket_base::receive_buffer_size(16 * 1024));  // a slow reader holds up its writer
    socket_.connect({boost::asio::ip::address_v4::loopback(), port});
  }

  void send(std::string_view text) {
    ::send(socket_.native_handle(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  // Some of what is there now; how much.
  std::size_t receive() {
    static std::array<char, 64 * 1024> more;
    const ssize_t bytes = ::recv(socket_.native_handle(), more.data(), more.size(), MSG_DONTWAIT);
    if (bytes == 0 || (bytes < 0 && errno != EAGAIN && errno != EWOULDBLOCK)) ended_ = true;
    if (bytes <= 0) return 0;
    received_.append(more.data(), static_cast<std::size_t>(bytes));
    return static_cast<std::size_t>(bytes);
  }
  [[nodiscard]] const std::string& received() const { return received_; }
  [[nodiscard]] bool ended() const { return ended_; }
  // 0: nothing has come yet.
  [[nodiscard]] int status() const { return received_.size() < 12 ? 0 : std::stoi(received_.substr(9, 3)); }

 private:
  boost::asio::io_context context_;
  net::Tcp::socket socket_;
  std::string received_;
  bool ended_ = false;
};

std::string get(std::string_view path, std::string_view fields = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) + "\r\n";
}

std::string post(std::size_t length) {
  return "POST /check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(length) + "\r\n\r\n";
}

class AdminServer : public testing::Test {
 protected:
  void start(std::size_t backends = 0) {
    control_ = std::make_unique<Stub>(backends);
    server_ = std::make_unique<Server>(control_->worker(), *control_);
    ASSERT_EQ(server_->listen("127.0.0.1", 0), "");
  }

  void TearDown() override {
    control_->let_go();
    server_->stop();
    EXPECT_TRUE(until([&] {
      pass(Duration(500));
      return control_->worker().tasks().size() == 0;
    }));
  }

  template <class Holds>
  bool until(Holds holds) {
    for (int turn = 0; turn < 5'000; ++turn) {
      if (holds()) return true;
      lb::test::turn_loop(control_->worker());
      for (const auto& peer : peers_) {
        if (!peer.second && !peer.first->ended()) peer.first->receive();
      }
    }
    return holds();
  }

  void pass(Duration time) {
    control_->clock().turn(time);
    control_->worker().wheel().advance();
    for (int turn = 0; turn < 10; ++turn) lb::test::turn_loop(control_->worker());
  }

  enum class Reads : std::uint8_t { all, nothing };
  Peer& connect(std::string_view text, Reads reads = Reads::all) {
    peers_.emplace_back(std::make_unique<Peer>(server_->port()), reads == Reads::nothing);
    Peer& peer = *peers_.back().first;
    peer.send(text);
    for (int turn = 0; turn < 5; ++turn) lb::test::turn_loop(control_->worker());
    control_->clock().turn(Duration(1));  // so that nobody has waited as long as another
    return peer;
  }

  int status_of(std::string_view text) {
    Peer& peer = connect(text);
    EXPECT_TRUE(until([&] { return peer.status() != 0; })) << text;
    return peer.status();
  }

  std::unique_ptr<Stub> control_;
  std::unique_ptr<Server> server_;
  std::vector<std::pair<std::unique_ptr<Peer>, bool>> peers_;
};

// Goal: however many listen to events, probes and orders have places. Before, 32 of them turned everybody away.
TEST_F(AdminServer, streams_leave_places_to_others) {
  start();
  for (std::size_t i = 0; i < 2 * base::kAdminConnectionsMax; ++i) {
    EXPECT_EQ(status_of(get("/events")), i < kStreamsMax ? 200 : 503) << i;
  }
  EXPECT_NE(peers_.back().first->received().find("12 connections listen to /events already"), std::string::npos);
  EXPECT_NE(peers_.back().first->received().find("\r\nRetry-After: 1\r\n"), std::string::npos);
  EXPECT_EQ(status_of(get("/healthz")), 200);
  EXPECT_EQ(status_of(get("/readyz")), 200);
  EXPECT_EQ(status_of(post(2) + "{}"), 200);
  EXPECT_FALSE(peers_.front().first->ended()) << "a stream gives way to nobody";
}

// Goal: those who send a request slowly make way for others, the one that does so for the longest time first, and those
// who idle between two requests before them. Before, 32 slow bodies turned everybody away.
TEST_F(AdminServer, slow_requests_give_way) {
  start();
  for (std::size_t i = 0; i + 1 < base::kAdminConnectionsMax; ++i) connect(post(100) + "{");
  Peer& idle = connect(get("/healthz"));
  ASSERT_TRUE(until([&] { return idle.status() == 200; }));
  EXPECT_EQ(status_of(get("/healthz")), 200);
  ASSERT_TRUE(until([&] { return idle.ended(); }));
  EXPECT_FALSE(peers_[0].first->ended());
  connect(post(100) + "{");  // in the place of the probe, which idles now
  EXPECT_EQ(status_of(post(2) + "{}"), 200);
  ASSERT_TRUE(until([&] { return peers_[0].first->ended(); }));
  EXPECT_FALSE(peers_[1].first->ended());
  for (int i = 0; i < 50; ++i) EXPECT_EQ(status_of(get("/readyz")), 200) << i;
}

// Goal: head and body have one deadline together, however steadily they trickle. Before, a body of a byte each nine
// seconds was waited for without end.
TEST_F(AdminServer, a_request_that_trickles_is_cut_after_ten_seconds) {
  start();
  Peer& body = connect(post(100));
  pass(Duration(9'000));
  body.send("{");
  pass(Duration(500));
  EXPECT_EQ(body.status(), 0);
  pass(Duration(600));
  ASSERT_TRUE(until([&] { return body.status() != 0; }));
  EXPECT_EQ(body.status(), 408);
  EXPECT_TRUE(until([&] {
    pass(Duration(500));
    return body.ended();
  }));

  Peer& head = connect("GET /status HTTP");
  pass(Duration(9'000));
  head.send("/1.1\r\nHost: localhost\r\nX: ");
  pass(Duration(1'100));
  ASSERT_TRUE(until([&] { return head.status() != 0; }));
  EXPECT_EQ(head.status(), 408);
}

// Goal: an answer has a deadline as a whole. Method: a reader that takes some of a long one each nine seconds.
TEST_F(AdminServer, an_answer_that_is_taken_slowly_is_cut_after_half_a_minute) {
  start(1'000);
  Peer& reader = connect(get("/metrics"), Reads::nothing);
  for (int i = 0; i < 5 && !reader.ended(); ++i) {
    pass(Duration(8'000));
    std::size_t taken = 0;
    for (int turn = 0; turn < 200 && taken < 300'000; ++turn) {
      taken += reader.receive();
      lb::test::turn_loop(control_->worker());
    }
  }
  EXPECT_TRUE(until([&] { return server_->connections() == 0; }));
  EXPECT_EQ(reader.status(), 200);
  EXPECT_EQ(reader.received().find("\r\n0\r\n\r\n"), std::string::npos);
}

// Goal: orders that take long leave places to probes; when all places are taken by those who wait for us, probes are
// still answered, and others told.
TEST_F(AdminServer, orders_leave_places_and_probes_always_have_one) {
  start();
  control_->hold();
  for (std::size_t i = 0; i < kOrdersMax; ++i) connect(post(2) + "{}");
  ASSERT_TRUE(until([&] { return control_->waiting() == kOrdersMax; }));
  EXPECT_EQ(status_of(post(2) + "{}"), 503);
  EXPECT_EQ(status_of(get("/healthz")), 200);
  for (std::size_t i = 0; i < kStreamsMax; ++i) connect(get("/events"));
  for (std::size_t i = 0; i < base::kAdminConnectionsMax; ++i) connect(get("/why/x"));  // the workers do not answer
  EXPECT_EQ(status_of(get("/healthz")), 200);
  EXPECT_EQ(status_of(get("/readyz")), 200);
  EXPECT_EQ(status_of(get("/status")), 503);
  EXPECT_NE(peers_.back().first->received().find("too many connections"), std::string::npos);
  control_->let_go();
  for (std::size_t i = 0; i < kOrdersMax; ++i) {
    EXPECT_TRUE(until([&] { return peers_[i].first->status() == 200; })) << i;
  }
}

// Goal: whoever has listened with a token that is none any more hears nothing further.
TEST_F(AdminServer, streams_end_when_the_token_changes) {
  start();
  server_->set_token("the-first-token");
  const std::string first = "Authorization: Bearer the-first-token\r\n";
  Peer& stream = connect(get("/events", first));
  ASSERT_TRUE(until([&] { return stream.status() == 200; }));
  server_->set_token("the-first-token");
  pass(Duration(1'000));
  EXPECT_FALSE(stream.ended());
  server_->set_token("another-token");
  EXPECT_TRUE(until([&] {
    pass(Duration(100));  // it waits for the workers
    return stream.ended();
  }));
  EXPECT_EQ(status_of(get("/events", first)), 401);
  EXPECT_EQ(status_of(get("/events", "Authorization: Bearer another-token\r\n")), 200);
}

// Goal: who reads slowly at the same moment reads the same snapshot; one who asks alone gets the newest.
TEST_F(AdminServer, slow_readers_share_what_they_read) {
  start(1'000);
  for (int i = 0; i < 5; ++i) connect(get(i % 2 == 0 ? "/metrics" : "/status"), Reads::nothing);
  EXPECT_EQ(control_->snapshots(), 1U);
  pass(Duration(1'000));
  connect(get("/metrics"), Reads::nothing);
  EXPECT_EQ(control_->snapshots(), 2U);
}

TEST_F(AdminServer, each_answer_that_is_taken_at_once_is_new) {
  start();
  for (std::size_t i = 1; i < 5; ++i) {
    EXPECT_EQ(status_of(get("/metrics")), 200);
    EXPECT_EQ(control_->snapshots(), i);
  }
}

// What the chunks hold, from behind the head; empty if they are not whole.
std::string dechunked(std::string_view text) {
  std::string body;
  text.remove_prefix(text.find("\r\n\r\n") + 4);
  for (;;) {
    const std::size_t end = text.find("\r\n");
    if (end == std::string_view::npos) return {};
    const std::size_t size = std::stoul(std::string(text.substr(0, end)), nullptr, 16);
    if (size == 0) return body;
    if (text.size() < end + size + 4) return {};
    body += text.substr(end + 2, size);
    text.remove_prefix(end + size + 4);
  }
}

// Goal: a long answer is whole, by chunks, by its length to HEAD, and by the connection's end to HTTP/1.0; the
// connection goes on.
TEST_F(AdminServer, a_long_answer_is_whole) {
  start(100);
  Peer& peer = connect(get("/metrics"));
  ASSERT_TRUE(until([&] { return peer.received().ends_with("\r\n0\r\n\r\n"); }));
  EXPECT_NE(peer.received().find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  const std::string body = dechunked(peer.received());
  EXPECT_GT(body.size(), 10 * kPieceBytes);
  EXPECT_TRUE(body.ends_with('\n'));
  peer.send("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const std::string length = "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  EXPECT_TRUE(until([&] { return peer.received().find(length) != std::string::npos; }));
  Peer& old = connect("GET /metrics HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(until([&] { return old.ended(); }));
  EXPECT_TRUE(old.received().ends_with("\r\n\r\n" + body));
}

}  // namespace
}  // namespace lb::admin
