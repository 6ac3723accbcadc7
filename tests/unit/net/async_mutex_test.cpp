#include "net/async_mutex.hpp"

#include <string>

#include <gtest/gtest.h>

#include "support/memory_stream.hpp"

namespace lb::net {
namespace {

Awaitable<void> take_part(AsyncMutex& mutex, Event& go_on, std::string& log, char name) {
  const auto lock = co_await mutex.lock();
  log += name;
  co_await go_on.wait();
  log += name;
}

// Goal: one at a time, first come first served, and the next one goes on when it is unlocked.
TEST(NetAsyncMutex, one_at_a_time_in_the_order_of_coming) {
  test::World world;
  AsyncMutex mutex(world.io.get_executor());
  Event go_on(world.io.get_executor());
  std::string log;
  for (const char name : {'a', 'b', 'c'}) world.tasks.spawn(take_part(mutex, go_on, log, name));
  world.run();
  EXPECT_EQ(log, "a");
  go_on.set();
  world.run();
  EXPECT_EQ(log, "aabbcc");
  world.tasks.spawn(take_part(mutex, go_on, log, 'd'));
  world.run();
  EXPECT_EQ(log, "aabbccdd");
  EXPECT_EQ(world.tasks.size(), 0U);
}

}  // namespace
}  // namespace lb::net
