#include "acme/challenges.hpp"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

namespace lb::acme {
namespace {

TEST(AcmeChallenges, are_there_for_as_long_as_they_are_held) {
  Challenges challenges;
  EXPECT_TRUE(challenges.empty());
  EXPECT_FALSE(challenges.key_authorization("t"));
  {
    const auto http = challenges.hold_http("t", "t.print");
    EXPECT_FALSE(challenges.empty());
    EXPECT_EQ(challenges.key_authorization("t"), "t.print");
    EXPECT_FALSE(challenges.key_authorization(""));
    EXPECT_FALSE(challenges.key_authorization("other"));
    EXPECT_EQ(challenges.alpn_certificate("a.example"), nullptr);
    const auto certificate = make_alpn_certificate("a.example", "x", 1'800'000'000);
    auto alpn = challenges.hold_alpn("a.example", certificate);
    EXPECT_EQ(challenges.alpn_certificate("A.Example"), certificate);
    EXPECT_EQ(challenges.alpn_certificate(""), nullptr);
    const auto moved = std::move(alpn);
    EXPECT_EQ(challenges.alpn_certificate("a.example"), certificate);
  }
  EXPECT_TRUE(challenges.empty());
  EXPECT_FALSE(challenges.key_authorization("t"));
  EXPECT_EQ(challenges.alpn_certificate("a.example"), nullptr);
}

// For TSan.
TEST(AcmeChallenges, are_asked_for_by_other_threads) {
  Challenges challenges;
  std::atomic<bool> done{false};
  std::atomic<int> found{0};
  std::thread asker([&] {
    while (!done) {
      const auto text = challenges.key_authorization("t");
      if (text && *text == "t.print") ++found;
    }
  });
  for (int i = 0; i < 1'000'000 && (i < 1'000 || found == 0); ++i) {
    const auto held = challenges.hold_http("t", "t.print");
    std::this_thread::yield();
  }
  done = true;
  asker.join();
  EXPECT_GT(found, 0);
}

}  // namespace
}  // namespace lb::acme
