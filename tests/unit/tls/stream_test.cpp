// TLS over streams in memory: both sides are ours, so that every slice of every message can be had.
#include "tls/stream.hpp"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "acme/certificate.hpp"
#include "support/memory_stream.hpp"
#include "support/plain_buffer.hpp"
#include "tls/client.hpp"
#include "tls/server.hpp"

namespace lb::tls {
namespace {

using base::ErrorKind;
using base::Result;
using test::MemoryStream;

CertificatePtr certificate_for(const std::string& name) {
  const acme::Pair pair = acme::make_stand_in(name, base::system_clock().wall_seconds());
  auto parsed = parse_certificate(pair.chain, pair.key, "made", "made");
  EXPECT_TRUE(parsed) << parsed.error().text;
  return *parsed;
}

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 2654435761U) >> 11U);
  return bytes;
}

class TlsStream : public testing::Test {
 protected:
  // A client and a server that have shaken hands, unless the client trusts nobody.
  void connect(MemoryStream::Options options, bool trusts = true, const std::string& host = "example.org") {
    if (certificate == nullptr) certificate = certificate_for("example.org");
    auto tickets = std::make_shared<TicketKeys>(world.clock);
    const std::vector<CertificatePtr> own = {certificate};
    const auto acceptor = std::make_shared<const Server>(own, ServerSettings{}, tickets);
    ClientSettings settings;
    if (trusts) {
      X509_up_ref(certificate->leaf.get());
      settings.authorities.emplace_back(certificate->leaf.get());
    }
    auto pair = MemoryStream::connected(world, base::Side::downstream, options);
    wire = pair.first.get();
    client_wire = pair.second.get();
    server = acceptor->stream(std::move(pair.first), world.blocks);
    context = std::make_unique<Client>(std::move(settings));
    client =
        std::make_unique<Stream>(std::move(pair.second), context->connection(host), world.blocks, base::Side::upstream);
    client_shaken.reset();
    server_shaken.reset();
    spawn(client_shaken, client->handshake(base::kNever));
    spawn(server_shaken, server->handshake(base::kNever));
    world.run();
  }
  ~TlsStream() override {
    if (client) client->abort();
    if (server) server->abort();
    world.run();
  }

  template <class T>
  void spawn(std::optional<T>& result, net::Awaitable<T> task) {
    world.tasks.spawn(keep(result, std::move(task)));
  }
  template <class T>
  static net::Awaitable<void> keep(std::optional<T>& result, net::Awaitable<T> task) {
    result.emplace(co_await std::move(task));
  }

  // All of the text, in writes of this size.
  static net::Awaitable<void> send(net::Stream& stream, std::string text, std::size_t part) {
    for (std::size_t at = 0; at < text.size(); at += part) {
      net::BufferList buffers;
      // Small ones, as a head and its body are.
      const std::size_t bytes = std::min(part, text.size() - at);
      buffers.emplace_back(text.data() + at, bytes / 2);
      buffers.emplace_back(text.data() + at + bytes / 2, bytes - bytes / 2);
      const auto written = co_await stream.write(buffers, base::Duration(1000));
      EXPECT_TRUE(written);
    }
    const auto ended = co_await stream.shutdown_send(base::Duration(1000));
    EXPECT_TRUE(ended);
  }
  static net::Awaitable<void> receive(net::Stream& stream, std::string& into, std::optional<ErrorKind>& end) {
    std::vector<char> room(10'000);
    test::PlainBuffer buffer(room);
    for (;;) {
      const auto read = co_await stream.read_some(buffer, base::kNever);
      if (!read) {
        end = read.error().kind;
        co_return;
      }
      into.append(room.data(), *read);
    }
  }

  test::World world;
  CertificatePtr certificate;
  std::unique_ptr<Client> context;
  std::unique_ptr<Stream> server;
  std::unique_ptr<Stream> client;
  MemoryStream* wire = nullptr;  // below the server
  MemoryStream* client_wire = nullptr;
  std::optional<Result<void>> client_shaken;
  std::optional<Result<void>> server_shaken;
};

// Goal: what is written is read, both ways at once, whatever the slices of the wire. Method: from one byte at a time
// up, with pipes that take a few bytes and with large ones.
TEST_F(TlsStream, bytes_pass_both_ways_at_once_in_any_slices) {
  for (const MemoryStream::Options& options :
       {MemoryStream::Options{1, 64 * 1024, true}, MemoryStream::Options{1, 2000, false},
        MemoryStream::Options{1000, 3000, true}, MemoryStream::Options{SIZE_MAX, 64 * 1024, false},
        MemoryStream::Options{SIZE_MAX, 1024 * 1024, true}}) {
    const std::size_t size = options.read_slice == 1 ? 60'000 : 1'000'000;
    connect(options);
    ASSERT_TRUE(client_shaken && *client_shaken);
    ASSERT_TRUE(server_shaken && *server_shaken);
    const std::string there = pattern(size);
    const std::string back = pattern(size / 2);
    std::string at_server;
    std::string at_client;
    std::optional<ErrorKind> server_end;
    std::optional<ErrorKind> client_end;
    world.tasks.spawn(receive(*server, at_server, server_end));
    world.tasks.spawn(receive(*client, at_client, client_end));
    world.tasks.spawn(send(*client, there, 70'000));
    world.tasks.spawn(send(*server, back, 3'000));
    world.run();
    EXPECT_TRUE(at_server == there) << at_server.size();
    EXPECT_TRUE(at_client == back) << at_client.size();
    EXPECT_EQ(server_end, ErrorKind::closed) << "close_notify";
    EXPECT_EQ(client_end, ErrorKind::closed);
    EXPECT_EQ(client->bytes_written(), there.size());
    EXPECT_EQ(server->bytes_written(), back.size());
    client.reset();
    server.reset();
  }
}

// Goal: an end of the connection alone is no end of the stream.
TEST_F(TlsStream, an_end_without_close_notify_is_truncated) {
  connect({});
  std::string got;
  std::optional<ErrorKind> end;
  world.tasks.spawn(receive(*server, got, end));
  // The tickets are read, or the end would be a reset.
  client->read_ahead();
  world.run();
  EXPECT_EQ(client->probe(), net::Probe::quiet);
  client_wire->close();
  world.run();
  EXPECT_EQ(end, ErrorKind::truncated);
}

TEST_F(TlsStream, a_damaged_record_ends_it) {
  connect({});
  std::string got;
  std::optional<ErrorKind> end;
  world.tasks.spawn(receive(*server, got, end));
  const std::string forged = std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x');
  net::BufferList buffers;
  buffers.emplace_back(forged.data(), forged.size());
  std::optional<Result<void>> written;
  spawn(written, client_wire->write(buffers, base::Duration(1000), net::Next::anything));
  world.run();
  EXPECT_EQ(end, ErrorKind::reset);
  EXPECT_EQ(got, "");
}

// Goal: tickets, which come behind the handshake, are no bytes of an answer: an idle connection stays usable. Method:
// the server's tickets lie at the client when it looks.
TEST_F(TlsStream, tickets_are_no_bytes) {
  for (const bool reads_ahead : {true, false}) {
    connect({.reads_ahead = reads_ahead});
    EXPECT_EQ(client->read_ahead(), reads_ahead);
    world.run();
    EXPECT_EQ(client->noticed(), net::Probe::quiet);
    EXPECT_EQ(client->probe(), net::Probe::quiet);
    // And what comes then is noticed.
    net::BufferList buffers;
    buffers.emplace_back("x", 1);
    std::optional<Result<void>> written;
    spawn(written, server->write(buffers, base::Duration(1000), net::Next::anything));
    world.run();
    EXPECT_EQ(client->probe(), net::Probe::readable);
    std::optional<Result<void>> ended;
    client.reset();
    server.reset();
  }
}

TEST_F(TlsStream, an_end_is_noticed_while_it_idles) {
  connect({});
  client->read_ahead();
  std::optional<Result<void>> ended;
  spawn(ended, server->shutdown_send(base::Duration(1000)));
  world.run();
  EXPECT_EQ(client->probe(), net::Probe::closed);
}

TEST_F(TlsStream, waiting_for_bytes_ends_with_bytes_or_the_deadline) {
  connect({});
  std::optional<Result<void>> waited;
  spawn(waited, server->wait_readable(world.wheel.after(base::Duration(500))));
  world.run();
  EXPECT_FALSE(waited);
  world.pass(base::Duration(600));
  ASSERT_TRUE(waited);
  EXPECT_EQ(waited->error().kind, ErrorKind::timeout);
  waited.reset();
  spawn(waited, server->wait_readable(base::kNever));
  net::BufferList buffers;
  buffers.emplace_back("hello", 5);
  std::optional<Result<void>> written;
  spawn(written, client->write(buffers, base::Duration(1000), net::Next::anything));
  world.run();
  ASSERT_TRUE(waited);
  EXPECT_TRUE(*waited);
  std::vector<char> room(10);
  test::PlainBuffer buffer(room);
  EXPECT_TRUE(server->more_at_hand());
  EXPECT_EQ(server->read_at_hand(buffer), 5U);
  EXPECT_EQ(server->read_at_hand(buffer), 0U);
}

TEST_F(TlsStream, who_is_not_trusted_is_named) {
  connect({}, false);
  ASSERT_TRUE(client_shaken);
  EXPECT_EQ(client_shaken->error().kind, ErrorKind::tls_certificate);
  EXPECT_NE(client_shaken->error().detail.find("certificate"), std::string_view::npos);
  ASSERT_TRUE(server_shaken);
  EXPECT_EQ(server_shaken->error().kind, ErrorKind::tls_alert) << "it was told";
  client.reset();
  server.reset();
  connect({}, true, "elsewhere.org");
  ASSERT_TRUE(client_shaken);
  EXPECT_EQ(client_shaken->error().detail, "certificate: name does not match");
}

TEST_F(TlsStream, a_handshake_ends_at_its_deadline) {
  certificate = certificate_for("example.org");
  const std::vector<CertificatePtr> own = {certificate};
  const auto acceptor =
      std::make_shared<const Server>(own, ServerSettings{}, std::make_shared<TicketKeys>(world.clock));
  auto pair = MemoryStream::connected(world, base::Side::downstream, {});
  server = acceptor->stream(std::move(pair.first), world.blocks);
  spawn(server_shaken, server->handshake(world.wheel.after(base::Duration(300))));
  world.pass(base::Duration(400));
  ASSERT_TRUE(server_shaken);
  EXPECT_EQ(server_shaken->error().kind, ErrorKind::timeout);
}

TEST(TlsTicketKeys, are_replaced_and_the_two_before_are_still_taken) {
  test::ManualClock clock;
  TicketKeys keys(clock);
  std::vector<TicketKey> seen;
  for (int i = 0; i < 5; ++i) {
    seen.push_back(*keys.newest());
    clock.turn(std::chrono::duration_cast<base::Duration>(TicketKeys::kReplacedAfter));
  }
  bool is_newest = true;
  for (std::size_t i = 1; i < seen.size(); ++i) EXPECT_NE(seen[i].name, seen[i - 1].name);
  EXPECT_FALSE(keys.find(seen[0].name.data(), is_newest));
  EXPECT_FALSE(keys.find(seen[2].name.data(), is_newest));
  ASSERT_TRUE(keys.find(seen[4].name.data(), is_newest));
  EXPECT_FALSE(is_newest) << "it is half a day old";
}

}  // namespace
}  // namespace lb::tls
