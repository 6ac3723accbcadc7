#include "net/turns.hpp"

#include <string>

#include <gtest/gtest.h>

#include "support/memory_stream.hpp"

namespace lb::net {
namespace {

Awaitable<void> take_part(Turns& turns, Event& go_on, std::string& log, char name) {
  const auto turn = co_await turns.take();
  log += name;
  co_await go_on.wait();
  log += name;
}

// Goal: one at a time, first come first served, and the next one goes on when a turn ends.
TEST(Turns, one_at_a_time_in_the_order_of_coming) {
  test::World world;
  Turns turns(world.io.get_executor());
  Event go_on(world.io.get_executor());
  std::string log;
  for (const char name : {'a', 'b', 'c'}) world.tasks.spawn(take_part(turns, go_on, log, name));
  world.run();
  EXPECT_EQ(log, "a");
  go_on.set();
  world.run();
  EXPECT_EQ(log, "aabbcc");
  world.tasks.spawn(take_part(turns, go_on, log, 'd'));
  world.run();
  EXPECT_EQ(log, "aabbccdd");
  EXPECT_EQ(world.tasks.size(), 0U);
}

}  // namespace
}  // namespace lb::net
