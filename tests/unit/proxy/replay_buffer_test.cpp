#include "proxy/replay_buffer.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace lb::proxy {
namespace {

message::BodyRun run_of(std::string_view first, std::string_view second = {}) {
  message::BodyRun run;
  for (const std::string_view piece : {first, second}) {
    if (piece.empty()) continue;
    run.pieces.emplace_back(piece.data(), piece.size());
    run.bytes += piece.size();
  }
  return run;
}

std::string text_of(const message::BodyRun& run) {
  std::string text;
  for (const auto& piece : run.pieces) text.append(static_cast<const char*>(piece.data()), piece.size());
  EXPECT_EQ(text.size(), run.bytes);
  return text;
}

TEST(ProxyReplayBuffer, everything_within_the_bound_is_kept_in_order) {
  ReplayBuffer buffer;
  buffer.reset(10);
  EXPECT_TRUE(buffer.complete());
  EXPECT_EQ(text_of(buffer.run(false)), "");
  buffer.record(run_of("ab", "cd"));
  buffer.record(run_of(""));
  buffer.record(run_of("efghij"));
  EXPECT_TRUE(buffer.complete());
  EXPECT_EQ(text_of(buffer.run(false)), "abcdefghij");
  EXPECT_FALSE(buffer.run(false).end);
  EXPECT_TRUE(buffer.run(true).end);
}

TEST(ProxyReplayBuffer, one_byte_beyond_the_bound_drops_all_of_it_for_good) {
  ReplayBuffer buffer;
  buffer.reset(10);
  buffer.record(run_of("0123456789"));
  buffer.record(run_of("x"));
  EXPECT_FALSE(buffer.complete());
  EXPECT_EQ(text_of(buffer.run(true)), "");
  buffer.record(run_of("y"));
  EXPECT_FALSE(buffer.complete());
  EXPECT_EQ(text_of(buffer.run(true)), "");
}

TEST(ProxyReplayBuffer, reset_begins_anew_with_another_bound) {
  ReplayBuffer buffer;
  buffer.reset(1);
  buffer.record(run_of("too long"));
  buffer.reset(3);
  EXPECT_TRUE(buffer.complete());
  buffer.record(run_of("abc"));
  EXPECT_EQ(text_of(buffer.run(true)), "abc");
}

TEST(ProxyReplayBuffer, a_bound_of_zero_keeps_empty_bodies_alone) {
  ReplayBuffer buffer;
  buffer.reset(0);
  buffer.record(run_of(""));
  EXPECT_TRUE(buffer.complete());
  buffer.record(run_of("x"));
  EXPECT_FALSE(buffer.complete());
}

TEST(ProxyReplayBuffer, what_is_forgotten_is_not_complete) {
  ReplayBuffer buffer;
  buffer.reset(10);
  buffer.record(run_of("abc"));
  buffer.forget();
  EXPECT_FALSE(buffer.complete());
  EXPECT_EQ(text_of(buffer.run(true)), "");
}

}  // namespace
}  // namespace lb::proxy
