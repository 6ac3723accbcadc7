#include "net/block_pool.hpp"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "support/manual_clock.hpp"

namespace lb::net {
namespace {

TEST(NetBlockPool, blocks_are_small_large_or_exactly_as_large_as_needed) {
  BlockPool pool;
  EXPECT_EQ(pool.take(1).size(), base::kSmallBlockBytes);
  EXPECT_EQ(pool.take(base::kSmallBlockBytes).size(), base::kSmallBlockBytes);
  EXPECT_EQ(pool.take(base::kSmallBlockBytes + 1).size(), base::kLargeBlockBytes);
  EXPECT_EQ(pool.take(base::kLargeBlockBytes).size(), base::kLargeBlockBytes);
  EXPECT_EQ(pool.take(base::kLargeBlockBytes + 1).size(), base::kLargeBlockBytes + 1);
}

// Goal: what a crowd leaves goes within two periods; what is used again and again stays.
TEST(NetBlockPool, blocks_that_nobody_needs_are_given_up) {
  test::ManualClock clock;
  DeadlineWheel wheel(clock);
  BlockPool pool;
  pool.give_up_unused(wheel);
  const auto pass = [&](base::Duration time) {
    clock.turn(time);
    wheel.advance();
  };
  for (const std::size_t size : {base::kSmallBlockBytes, base::kLargeBlockBytes}) {
    std::vector<Block> crowd;
    for (int i = 0; i < 5; ++i) crowd.push_back(pool.take(size));
    crowd.clear();
    for (int period = 0; period < 4; ++period) {
      EXPECT_EQ(pool.free_count(), period < 2 ? 5U : 2U) << period;
      const Block used = pool.take(size);
      const Block beside = pool.take(size);
      pass(base::kBlocksUnusedFor / 2);
      EXPECT_EQ(pool.free_count(), period < 2 ? 3U : 0U) << period;
      pass(base::kBlocksUnusedFor / 2 + base::kWheelTick);
    }
    pass(2 * base::kBlocksUnusedFor);
    pass(2 * base::kBlocksUnusedFor);
    EXPECT_EQ(pool.free_count(), 0U);
  }
}

TEST(NetBlockPool, a_block_that_was_given_back_is_used_again) {
  BlockPool pool;
  for (const std::size_t size : {base::kSmallBlockBytes, base::kLargeBlockBytes}) {
    const char* address = nullptr;
    {
      const Block block = pool.take(size);
      address = block.data();
    }
    const Block again = pool.take(size);
    EXPECT_EQ(again.data(), address);
    EXPECT_NE(pool.take(size).data(), address);
  }
}

TEST(NetBlockPool, moving_a_block_leaves_nothing_behind) {
  BlockPool pool;
  Block first = pool.take(1);
  std::memset(first.data(), 'x', first.size());
  Block second = std::move(first);
  EXPECT_FALSE(static_cast<bool>(first));  // NOLINT(bugprone-use-after-move): that is what is tested
  EXPECT_EQ(first.data(), nullptr);
  ASSERT_TRUE(static_cast<bool>(second));
  EXPECT_EQ(second.data()[0], 'x');
  second = pool.take(base::kLargeBlockBytes);
  EXPECT_EQ(second.size(), base::kLargeBlockBytes);
  second = Block();
  EXPECT_FALSE(static_cast<bool>(second));
}

// Goal: a burst does not stay in memory for ever. Method: more blocks than are kept; the sanitizer sees the rest freed.
TEST(NetBlockPool, a_crowd_of_blocks_is_not_kept) {
  BlockPool pool;
  std::vector<Block> crowd;
  for (std::size_t i = 0; i < base::kFreeBlocksMax + 10; ++i) crowd.push_back(pool.take(1));
  for (std::size_t i = 0; i < base::kFreeBlocksMax / 8 + 10; ++i) crowd.push_back(pool.take(base::kLargeBlockBytes));
  crowd.clear();
  EXPECT_EQ(pool.take(1).size(), base::kSmallBlockBytes);
}

}  // namespace
}  // namespace lb::net
