#include "net/input_buffer.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "support/fill_input.hpp"

namespace lb::net {
namespace {

using test::append;

class NetInputBuffer : public testing::Test {
 protected:
  BlockPool pool;
  InputBuffer input{pool};
};

TEST_F(NetInputBuffer, bytes_stay_in_order_through_every_move_and_growth) {
  std::string expected;
  std::string pattern;
  for (int i = 0; i < 1000; ++i) pattern += std::to_string(i) + ",";
  for (int round = 0; round < 200; ++round) {
    append(input, pattern);
    expected += pattern;
    const std::size_t used = round % 3 == 0 ? expected.size() - 1 : expected.size() / 3;
    input.consume(used);
    expected.erase(0, used);
    ASSERT_EQ(input.unread(), expected);
  }
}

TEST_F(NetInputBuffer, a_head_larger_than_a_block_gets_more_room) {
  const std::string large(base::kSmallBlockBytes * 5, 'x');
  append(input, large);
  EXPECT_EQ(input.unread(), large);
}

TEST_F(NetInputBuffer, an_empty_buffer_gives_its_memory_back_and_starts_again) {
  EXPECT_EQ(input.up_to(100).prepare(0).size(), base::kSmallBlockBytes);
  append(input, "abc");
  input.release();
  EXPECT_EQ(input.unread(), "abc") << "what was not read stays";
  EXPECT_EQ(pool.free_count(), 0U);
  input.consume(3);
  input.release();
  EXPECT_EQ(pool.free_count(), 1U);
  EXPECT_TRUE(input.empty());
  EXPECT_EQ(input.unread(), "");
  append(input, "def");
  EXPECT_EQ(input.unread(), "def");
}

TEST_F(NetInputBuffer, a_buffer_that_was_filled_becomes_large_once_it_is_empty) {
  append(input, std::string(base::kSmallBlockBytes - 1, 'x'));
  input.consume(base::kSmallBlockBytes - 1);
  EXPECT_EQ(input.up_to(base::kSmallBlockBytes).prepare(0).size(), base::kSmallBlockBytes) << "one byte was free";
  append(input, std::string(base::kSmallBlockBytes, 'x'));
  input.consume(1);
  EXPECT_EQ(input.up_to(base::kSmallBlockBytes).prepare(0).size(), 1U) << "not empty yet";
  input.consume(base::kSmallBlockBytes - 1);
  input.release();
  EXPECT_EQ(input.up_to(base::kSmallBlockBytes).prepare(0).size(), base::kLargeBlockBytes);
  input.reset();
  EXPECT_EQ(input.up_to(base::kSmallBlockBytes).prepare(0).size(), base::kSmallBlockBytes);
}

}  // namespace
}  // namespace lb::net
