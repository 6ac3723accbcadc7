// Large answers, which go from socket to socket inside the kernel.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <sys/types.h>

#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

constexpr std::size_t kLarge = 64UL * 1024 * 1024;  // more than all buffers between two peers hold

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 2654435761U) >> 11U);
  return bytes;
}

std::string head_of(std::size_t size) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
}

// Answers "/N" with N bytes.
void answer_by_size(Connection& connection) {
  while (const auto request = connection.read_request()) {
    const std::string& line = request->head.start_line;
    const std::size_t size = std::stoul(line.substr(line.find('/') + 1));
    if (!connection.send(head_of(size) + pattern(size))) return;
  }
}

std::size_t count_pipe_ends(pid_t process) {
  std::size_t count = 0;
  std::error_code gone;  // a descriptor may be closed while it is looked at
  const std::string folder = "/proc/" + std::to_string(process) + "/fd";
  for (const auto& entry : std::filesystem::directory_iterator(folder, gone)) {
    if (std::filesystem::read_symlink(entry.path(), gone).string().starts_with("pipe:")) ++count;
  }
  return count;
}

bool wait_for(const std::function<bool()>& holds) {
  const Deadline deadline = within();
  while (!holds()) {
    if (now() > deadline) return false;
    Gate nobody;
    static_cast<void>(nobody.wait(within(Duration(10))));
  }
  return true;
}

// Those that stay: sanitizers open some for a moment.
std::size_t count_lasting_pipe_ends(pid_t process) {
  std::size_t least = SIZE_MAX;
  for (int look = 0; look < 20; ++look) {
    least = std::min(least, count_pipe_ends(process));
    Gate nobody;
    static_cast<void>(nobody.wait(within(Duration(5))));
  }
  return least;
}

// A balancer whose client has asked for a large answer and does not read it. It is then on its way through a pipe.
struct Stalled {
  Stalled(const ScriptedBackend& backend, const std::string& toml, std::string_view target)
      : balancer({.backends = {&backend}, .toml = toml, .flags = {"-access-log", "json"}}),
        pipes_before(count_lasting_pipe_ends(balancer.process().pid())),
        client(balancer) {
    client.send(get(target));
    EXPECT_TRUE(wait_for([this] { return pipes() == 2; })) << "two ends";
  }
  [[nodiscard]] std::size_t pipes() { return count_pipe_ends(balancer.process().pid()) - pipes_before; }
  [[nodiscard]] bool wait_for_no_pipe() {
    return wait_for([this] { return pipes() == 0; });
  }
  // The line's `"name":value`.
  [[nodiscard]] std::string logged(const std::string& name) {
    const std::string line = balancer.process().wait_for_out("\"ended_by\"").value_or("");
    const std::size_t at = line.find('"' + name + "\":");
    if (at == std::string::npos) return line;
    const std::size_t begin = at + name.size() + 3;
    return line.substr(begin, line.find_first_of(",}", begin) - begin);
  }

  Balancer balancer;
  std::size_t pipes_before;
  Client client;
};

// Goal: whichever way a body goes, it arrives, and both connections are in step afterwards. Method: sizes around that
// from which on bodies are spliced: as a whole, and without what comes with the head; one connection on each side.
TEST(SplicedBody, sizes_around_the_smallest_arrive_unchanged) {
  ScriptedBackend backend(&answer_by_size);
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  constexpr std::size_t kBuffer = 16UL * 1024;
  for (const std::size_t around : {base::kSpliceBytesMin, base::kSpliceBytesMin + kBuffer,
                                   base::kSpliceBytesMin + base::kLargeBlockBytes + kBuffer}) {
    for (int offset = -50; offset <= 2; ++offset) {
      const std::size_t size = around + static_cast<std::size_t>(offset);
      const Message answer = client.ask(get("/" + std::to_string(size)));
      ASSERT_TRUE(answer.complete) << size;
      ASSERT_TRUE(answer.body == pattern(size)) << size;
    }
  }
  EXPECT_EQ(backend.connections(), 1U);
}

// Goal: what has come is not held back for what has not. Method: the backend stops where what it sent just fills the
// buffer, which then says nothing about whether more is there, until the client has that; held back, it would go on by
// the kernel's own timer after 200 ms. The fastest of some tries, as the machine may be slow.
TEST(SplicedBody, a_head_is_not_held_back_for_bytes_that_are_not_there) {
  constexpr std::size_t kBuffer = 16UL * 1024;
  constexpr int kTries = 5;
  const std::string answer = head_of(kLarge / 64) + pattern(kLarge / 64);
  std::list<Gate> seen(kTries);
  ScriptedBackend backend([&](Connection& connection) {
    if (!connection.read_request() || !connection.send(answer)) return;
    for (Gate& gate : seen) {
      if (!connection.read_request() || !connection.send(answer.substr(0, kBuffer))) return;
      if (!gate.wait() || !connection.send(answer.substr(kBuffer))) return;
    }
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  EXPECT_TRUE(client.ask(get()).complete);
  auto fastest = Deadline::duration::max();
  for (Gate& gate : seen) {
    const Deadline before = now();
    client.send(get());
    ASSERT_TRUE(client.read_head());
    const std::size_t rest = kBuffer - head_of(kLarge / 64).size();
    EXPECT_TRUE(client.read_exactly(rest) == pattern(kLarge / 64).substr(0, rest));
    fastest = std::min<Deadline::duration>(fastest, now() - before);
    gate.open();
    EXPECT_TRUE(client.read_exactly(kLarge / 64 - rest) == pattern(kLarge / 64).substr(rest));
  }
  EXPECT_LT(fastest, Duration(150));
  EXPECT_EQ(backend.connections(), 1U);
}

// Goal: splicing takes pipes while it lasts, and leaves both connections to be used again.
TEST(SplicedBody, a_large_body_takes_a_pipe_that_goes_away) {
  ScriptedBackend backend(&answer_by_size);
  Stalled stalled(backend, "[pool]\nidle_timeout = \"1h\"\n", "/" + std::to_string(kLarge));
  Message answer = stalled.client.read_response();
  EXPECT_TRUE(answer.complete);
  EXPECT_TRUE(answer.body == pattern(kLarge));
  EXPECT_EQ(stalled.logged("bytes"), std::to_string(kLarge));
  EXPECT_EQ(stalled.logged("ended_by"), "\"complete\"");
  EXPECT_EQ(stalled.client.ask(get("/5")).body, pattern(5));
  EXPECT_EQ(backend.connections(), 1U);
  EXPECT_TRUE(stalled.wait_for_no_pipe());
}

// Goal: a client that leaves frees everything. Method: it resets, or closes with bytes unread, in the middle.
TEST(SplicedBody, a_client_that_leaves_in_the_middle_frees_everything) {
  for (const bool resets : {true, false}) {
    Gate ended;
    ScriptedBackend backend([&ended](Connection& connection) {
      if (!connection.read_request()) return;
      connection.send(head_of(kLarge) + pattern(kLarge));
      if (connection.wait_ended()) ended.open();
    });
    Stalled stalled(backend, "", "/");
    resets ? stalled.client.reset() : stalled.client.close();
    EXPECT_TRUE(ended.wait());
    EXPECT_TRUE(stalled.wait_for_no_pipe());
    EXPECT_EQ(stalled.logged("ended_by"), "\"client\"");
  }
}

// Goal: a body that breaks off is cut for the client, too, and recorded as what it is. Method: the backend closes after
// a part, which arrives whole.
TEST(SplicedBody, a_backend_that_breaks_off_cuts_the_answer) {
  constexpr std::size_t kPart = 20UL * 1024 * 1024;
  ScriptedBackend backend([](Connection& connection) {
    if (connection.read_request()) connection.send(head_of(kLarge) + pattern(kPart));
  });
  Stalled stalled(backend, "", "/");
  const Message answer = stalled.client.read_response();
  EXPECT_EQ(answer.status(), 200);
  EXPECT_FALSE(answer.complete);
  EXPECT_TRUE(answer.framed == pattern(kPart)) << answer.framed.size();
  EXPECT_TRUE(stalled.balancer.wait_for_log("broke off"));
  EXPECT_EQ(stalled.logged("bytes"), std::to_string(kPart));
  EXPECT_EQ(stalled.logged("ended_by"), "\"backend\"");
  EXPECT_TRUE(stalled.wait_for_no_pipe());
}

TEST(SplicedBody, a_backend_that_falls_silent_is_given_up) {
  constexpr std::size_t kPart = 20UL * 1024 * 1024;
  Gate ended;
  ScriptedBackend backend([&ended](Connection& connection) {
    if (!connection.read_request()) return;
    connection.send(head_of(kLarge) + pattern(kPart));
    if (connection.wait_ended()) ended.open();
  });
  Stalled stalled(backend, "[server.timeouts]\nresponse_idle = \"300ms\"\n", "/");
  const Message answer = stalled.client.read_response();
  EXPECT_FALSE(answer.complete);
  EXPECT_TRUE(answer.framed == pattern(kPart)) << answer.framed.size();
  EXPECT_TRUE(ended.wait());
  EXPECT_EQ(stalled.logged("ended_by"), "\"backend\"");
}

TEST(SplicedBody, a_client_that_takes_nothing_is_dropped) {
  ScriptedBackend backend(&answer_by_size);
  Stalled stalled(backend, "[server.timeouts]\nwrite_idle = \"300ms\"\n", "/" + std::to_string(kLarge));
  EXPECT_TRUE(stalled.wait_for_no_pipe());
  EXPECT_EQ(stalled.logged("ended_by"), "\"client\"");
}

// Goal: bytes behind the body never become the next answer. Method: the backend says more than its length.
TEST(SplicedBody, what_follows_the_body_is_nobodys_answer) {
  ScriptedBackend backend([](Connection& connection) {
    while (connection.read_request()) connection.send(head_of(1'000'000) + pattern(1'000'000) + ok("forged"));
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  for (int i = 0; i < 3; ++i) {
    const Message answer = client.ask(get());
    ASSERT_TRUE(answer.body == pattern(1'000'000)) << i;
  }
  EXPECT_EQ(backend.connections(), 3U);
}

// Goal: an orderly stop lets it end, a second signal does not.
TEST(SplicedBody, a_stop_lets_it_end_and_a_second_one_does_not) {
  for (const bool again : {false, true}) {
    ScriptedBackend backend(&answer_by_size);
    Stalled stalled(backend, "", "/" + std::to_string(kLarge));
    stalled.balancer.signal(SIGTERM);
    EXPECT_TRUE(wait_for([&] { return connect_local(stalled.balancer.port()).get() < 0; }));
    EXPECT_FALSE(stalled.balancer.wait_exit(now()));
    if (again) {
      stalled.balancer.signal(SIGTERM);
      EXPECT_TRUE(stalled.balancer.wait_exit());
      EXPECT_FALSE(stalled.client.read_response().complete);
      EXPECT_EQ(stalled.logged("ended_by"), "\"balancer\"");
    } else {
      EXPECT_TRUE(stalled.client.read_response().complete);
      EXPECT_TRUE(stalled.client.wait_ended());
      EXPECT_EQ(stalled.balancer.wait_exit(), 0);
    }
  }
}

}  // namespace
}  // namespace lb::e2e
