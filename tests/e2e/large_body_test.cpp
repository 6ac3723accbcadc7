// Large bodies in bounded memory.
#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // their shadow and quarantine memory grows by rules of its own
#else
constexpr bool kSanitized = false;
#endif

constexpr std::size_t kBodyBytes = 64 * 1024 * 1024;
constexpr std::size_t kGrowthKilobytesMax = 8 * 1024;

// A stream of bytes that depends on every position, so that lost, doubled or swapped pieces show (xorshift64,
// G. Marsaglia 2003).
class Pattern {
 public:
  std::string next(std::size_t size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) {
      if (left_ == 0) {
        state_ ^= state_ << 13U;
        state_ ^= state_ >> 7U;
        state_ ^= state_ << 17U;
        word_ = state_;
        left_ = 8;
      }
      byte = static_cast<char>(word_ & 0xffU);
      word_ >>= 8U;
      --left_;
    }
    return bytes;
  }

 private:
  std::uint64_t state_ = 88172645463325252ULL;
  std::uint64_t word_ = 0;
  unsigned left_ = 0;
};

void send_pattern(Wire& wire, std::size_t size) {
  Pattern pattern;
  const Deadline deadline = within(3 * kPatience);
  for (std::size_t sent = 0; sent < size;) {
    const std::string piece = pattern.next(std::min<std::size_t>(size - sent, 256 * 1024));
    if (!wire.send(piece, deadline)) return;
    sent += piece.size();
  }
}

// How many bytes came that are those of the pattern.
std::size_t read_pattern(Wire& wire, std::size_t size) {
  Pattern pattern;
  const Deadline deadline = within(3 * kPatience);
  std::size_t good = 0;
  while (good < size) {
    const std::string piece = wire.read_some(deadline);
    if (piece.empty() || piece != pattern.next(piece.size())) break;
    good += piece.size();
  }
  return good;
}

// VmHWM, the most that was ever resident: no need to look in the right moment.
std::size_t peak_kilobytes(Balancer& balancer) {
  std::ifstream status("/proc/" + std::to_string(balancer.process().pid()) + "/status");
  for (std::string word; status >> word;) {
    std::size_t kilobytes = 0;
    if (word == "VmHWM:" && status >> kilobytes) return kilobytes;
  }
  return 0;
}

// One backend that takes and gives the pattern.
void exchange_pattern(Connection& connection) {
  while (const auto head = connection.read_request_head()) {
    if (head->start_line.starts_with("PUT /large")) {
      connection.send(ok(std::to_string(read_pattern(connection, kBodyBytes))));
    } else if (head->start_line.starts_with("GET /large")) {
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kBodyBytes) + "\r\n\r\n");
      send_pattern(connection, kBodyBytes);
    } else {
      connection.send(ok("small"));
    }
  }
}

// Goal: a body of any size goes up in bounded memory and arrives unchanged. Method: 64 MiB of a pattern, which the
// backend checks as it comes; the balancer's peak memory before and after.
TEST(LargeBody, goes_up_unchanged_in_bounded_memory) {
  ScriptedBackend backend(&exchange_pattern);
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  EXPECT_EQ(client.ask(get()).body, "small");
  const std::size_t before = peak_kilobytes(balancer);
  client.send("PUT /large HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(kBodyBytes) + "\r\n\r\n");
  send_pattern(client, kBodyBytes);
  EXPECT_EQ(client.read_response().body, std::to_string(kBodyBytes));
  ASSERT_GT(before, 0U);
  if (!kSanitized) {
    EXPECT_LT(peak_kilobytes(balancer) - before, kGrowthKilobytesMax);
  }
  EXPECT_EQ(client.ask(get()).body, "small");
}

// Goal: the same for answers. Method: likewise, and the client pauses in the beginning, so that what it does not take
// would have to be kept somewhere.
TEST(LargeBody, comes_down_unchanged_in_bounded_memory) {
  ScriptedBackend backend(&exchange_pattern);
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  EXPECT_EQ(client.ask(get()).body, "small");
  const std::size_t before = peak_kilobytes(balancer);
  client.send(get("/large"));
  const auto head = client.read_head();
  ASSERT_TRUE(head);
  EXPECT_EQ(head->value("Content-Length"), std::to_string(kBodyBytes));
  Gate nobody;
  EXPECT_FALSE(nobody.wait(within(Duration(300))));
  EXPECT_EQ(read_pattern(client, kBodyBytes), kBodyBytes);
  ASSERT_GT(before, 0U);
  if (!kSanitized) {
    EXPECT_LT(peak_kilobytes(balancer) - before, kGrowthKilobytesMax);
  }
  EXPECT_EQ(client.ask(get()).body, "small");
}

}  // namespace
}  // namespace lb::e2e
