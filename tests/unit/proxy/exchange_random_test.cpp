// The real proxy among clients and backends that behave at random: all of it follows from a seed, which a failure
// prints.
#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/http_text.hpp"
#include "support/memory_proxy.hpp"

namespace lb::proxy {
namespace {

using Answer = MemoryTransport::Answer;
using test::Cut;
using test::Message;

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15U + 1) {}
  std::size_t below(std::size_t bound) {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 7U;
    state_ ^= state_ << 17U;
    return static_cast<std::size_t>((state_ >> 11U) % bound);
  }
  bool once_in(std::size_t times) { return below(times) == 0; }

 private:
  std::uint64_t state_;
};

// The body that belongs to a request, and the one that belongs to its answer: known by its target alone.
std::string body_for(const std::string& target, char mark, std::size_t salt) {
  std::size_t hash = salt;
  for (const char c : target) hash = hash * 31 + static_cast<unsigned char>(c);
  std::string body = mark + target + mark;
  for (std::size_t i = 0; i < hash % 300; ++i) body += static_cast<char>('a' + i % 26);
  return body;
}

std::string framed(Random& random, const std::string& body, bool chunked, const std::string& trailers) {
  if (!chunked) return "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  std::string text = "Transfer-Encoding: chunked\r\n\r\n";
  for (std::size_t at = 0; at < body.size();) {
    const std::size_t size = std::min(body.size() - at, 1 + random.below(50));
    std::array<char, 20> storage{};
    text.append(http::chunk_size_line(size, storage)).append(body, at, size).append("\r\n");
    at += size;
  }
  return text + "0\r\n" + trailers + "\r\n";
}

struct Asked {
  std::string method;
  std::string target;
};

struct Client {
  MemoryStream* stream = nullptr;
  std::vector<Asked> asked;
  std::string to_send;
  std::string received;
  std::size_t answered = 0;
  bool over = false;
};

struct BackendEnd {
  std::string received;
  std::string to_send;
  bool close_then = false;
  bool abort_then = false;
  bool over = false;
};

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed)
      : random_(seed), proxy_(1 + random_.below(3), settings(), static_cast<std::uint32_t>(1 + random_.below(4))) {
    for (std::size_t i = 0; i < proxy_.cluster.size(); ++i) {
      auto& backend = proxy_.transport.backend(i);
      backend.options = {1 + random_.below(300), 20 + random_.below(2'000)};
    }
    for (std::size_t i = 0; i < 1 + random_.below(3); ++i) add_client(i);
  }

  void run() {
    for (int step = 0; step < 3'000 && !all_over() && !testing::Test::HasFailure(); ++step) {
      for (Client& client : clients_) act(client);
      for (std::size_t i = 0; i < proxy_.cluster.size(); ++i) {
        if (random_.once_in(40))
          proxy_.transport.backend(i).answer = random_.once_in(3) ? Answer::refuse : Answer::accept;
        for (auto& connection : proxy_.transport.backend(i).connections) act(*connection);
      }
      proxy_.run();
      if (random_.once_in(3)) proxy_.pass(Duration(static_cast<std::int64_t>(random_.below(100))));
      if (random_.once_in(200)) proxy_.pass(Duration(31'000));
    }
    EXPECT_TRUE(all_over() || testing::Test::HasFailure()) << "the simulation does not end";
    for (const auto& [target, times] : posts_seen_) EXPECT_LE(times, 1) << target << " was sent again";
  }

 private:
  Settings settings() {
    Settings settings = test_settings();
    settings.attempts = 1 + static_cast<unsigned>(random_.below(4));
    settings.replay_bytes = random_.once_in(2) ? 100 : 64 * 1024;
    return settings;
  }

  void add_client(std::size_t number) {
    Client client;
    client.stream = &proxy_.connect({1 + random_.below(300), 20 + random_.below(2'000)});
    for (std::size_t i = 0; i < 1 + random_.below(6); ++i) {
      static const std::array<std::string, 5> kMethods{"GET", "POST", "PUT", "DELETE", "PATCH"};
      const Asked asked{kMethods[random_.below(kMethods.size())],
                        "/" + std::to_string(number) + "/" + std::to_string(i)};
      client.asked.push_back(asked);
      client.to_send += asked.method + " " + asked.target + " HTTP/1.1\r\nHost: h\r\n";
      client.to_send +=
          asked.method == "GET" ? "\r\n" : framed(random_, body_for(asked.target, '?', 1), random_.once_in(2), "");
    }
    clients_.push_back(std::move(client));
  }

  [[nodiscard]] bool all_over() const {
    return std::ranges::all_of(clients_, [](const Client& client) { return client.over; });
  }

  void act(Client& client) {
    if (client.over) return;
    if (random_.once_in(500)) {
      random_.once_in(2) ? client.stream->close() : client.stream->abort();
      client.over = true;
      return;
    }
    const std::string part = client.to_send.substr(0, 1 + random_.below(200));
    client.to_send.erase(0, client.stream->put(part));
    if (random_.once_in(3)) return;
    client.received += client.stream->take();
    Message message;
    while (client.answered < client.asked.size() &&
           test::cut_response(client.received, http::Method::get, message) == Cut::whole) {
      const Asked& asked = client.asked[client.answered++];
      if (message.status == 200) {
        EXPECT_EQ(message.body, body_for(asked.target, '!', 2)) << "the answer to another request";
        const bool own = message.trailers.empty() || message.trailers == "T: " + asked.target + "\r\n";
        EXPECT_TRUE(own) << asked.target << " got the trailers " << message.trailers;
      } else {
        EXPECT_TRUE(message.status == 502 || message.status == 503 || message.status == 504 || message.status == 408)
            << message.status;
      }
      if (message.close) client.over = true;
    }
    if (client.answered == client.asked.size()) {
      EXPECT_EQ(client.received, "") << "bytes behind the last answer";
      client.over = true;
    }
    if (client.stream->peer_end()) client.over = true;
  }

  void act(MemoryStream& connection) {
    BackendEnd& end = ends_[&connection];
    if (end.over || random_.once_in(3)) return;
    end.received += connection.take();
    if (connection.peer_end() && end.to_send.empty()) {
      end.over = true;
      connection.close();
      return;
    }
    Message message;
    if (end.to_send.empty()) {
      const Cut cut = test::cut_request(end.received, message);
      EXPECT_NE(cut, Cut::garbage) << end.received;
      if (cut == Cut::whole) answer(end, message);
      if (cut == Cut::part && random_.once_in(100)) end.abort_then = true;
    }
    const std::string part = end.to_send.substr(0, 1 + random_.below(200));
    end.to_send.erase(0, connection.put(part));
    if (!end.to_send.empty() || !(end.close_then || end.abort_then)) return;
    end.abort_then ? connection.abort() : connection.close();
    end.over = true;
  }

  void answer(BackendEnd& end, const Message& request) {
    if (request.method == "POST" || request.method == "PATCH") ++posts_seen_[request.target];
    if (request.method != "GET") {
      EXPECT_EQ(request.body, body_for(request.target, '?', 1)) << "a body changed on its way";
    }
    if (random_.once_in(12)) {
      (random_.once_in(2) ? end.abort_then : end.close_then) = true;  // seen, but not answered
      return;
    }
    if (random_.once_in(30)) {
      end.to_send = "garbage\r\n\r\n";
      return;
    }
    const std::string body = body_for(request.target, '!', 2);
    end.to_send = random_.once_in(5) ? "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" : "";
    end.to_send += "HTTP/1.1 200 OK\r\n";
    if (random_.once_in(6)) {
      end.to_send += "\r\n" + body;
      end.close_then = true;
    } else {
      end.to_send +=
          framed(random_, body, random_.once_in(2), random_.once_in(2) ? "T: " + request.target + "\r\n" : "");
    }
    if (random_.once_in(6)) {
      // Broken off: by a reset where the orderly end would be the end of the body.
      end.abort_then = end.close_then || random_.once_in(2);
      end.close_then = true;
      end.to_send.resize(random_.below(end.to_send.size()));
      if (end.to_send.empty()) end.abort_then = true;
    } else if (random_.once_in(10)) {
      end.close_then = true;  // while it idles in the pool
    }
  }

  Random random_;
  Proxy proxy_;
  std::vector<Client> clients_;
  std::map<const MemoryStream*, BackendEnd> ends_;
  std::map<std::string, int> posts_seen_;
};

// Goal: whatever happens, an answer is the one to its request or an error, or the client sees that it was cut; bodies
// arrive unchanged; what must not be repeated is not; everything ends. Method: many short runs with many faults.
TEST(ProxyExchangeRandom, every_run_keeps_the_promises) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Simulation simulation(seed);
    simulation.run();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace lb::proxy
