// Awaitable, Then and spawn(): coroutines that end at once, and those that wait.
#include "net/awaitable.hpp"

#include <memory>
#include <string>

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include "net/event.hpp"
#include "net/executor.hpp"
#include "support/memory_stream.hpp"

namespace lb::net {
namespace {

Awaitable<int> at_once(int value) {
  co_return value;
}

Awaitable<int> after(Event& event, int value) {
  co_await event.wait();
  co_return value;
}

class NetAwaitable : public testing::Test {
 protected:
  Executor executor() { return world.io.get_executor(); }
  void start(Awaitable<void> task) {
    spawn(executor(), std::move(task), [this] { log += "done"; });
  }

  Awaitable<void> add(int first, Event& event) {
    log += std::to_string(co_await at_once(first) + co_await after(event, 2)) + " ";
  }
  Awaitable<void> add_many(int count) {
    int sum = 0;
    for (int i = 0; i < count; ++i) sum += co_await at_once(1);
    log += std::to_string(sum) + " ";
  }
  Awaitable<void> turn(int count) {
    for (int i = 0; i < count; ++i) co_await asio::post(executor(), asio::deferred);
    log += "turned ";
  }
  Awaitable<std::unique_ptr<int>> own() { co_return std::make_unique<int>(7); }
  Awaitable<void> take() {
    const auto owned = co_await own();
    log += std::to_string(*owned) + " ";
  }
  Awaitable<void> make_of(Awaitable<int> first) {
    log += co_await Then(std::move(first), [](int value) { return std::to_string(value + 1) + " "; });
  }
  Awaitable<void> hold(std::shared_ptr<int> held) {
    log += std::to_string(*held) + " ";
    co_return;
  }

  test::World world;
  std::string log;
};

TEST_F(NetAwaitable, results_come_whether_or_not_they_had_to_be_waited_for) {
  Event event(executor());
  start(add(1, event));
  world.run();
  EXPECT_EQ(log, "");
  event.set();
  world.run();
  EXPECT_EQ(log, "3 done");
}

TEST_F(NetAwaitable, nothing_runs_before_it_is_awaited) {
  {
    const Awaitable<void> never = add_many(1);
  }
  EXPECT_EQ(log, "");
}

// Goal: neither calls that end at once nor those that wait let the stack grow.
TEST_F(NetAwaitable, long_loops_need_no_stack) {
  start(add_many(1'000'000));
  start(turn(100'000));
  world.run();
  EXPECT_EQ(log, "1000000 doneturned done");
}

TEST_F(NetAwaitable, results_may_be_movable_only) {
  start(take());
  world.run();
  EXPECT_EQ(log, "7 done");
}

TEST_F(NetAwaitable, then_makes_something_of_a_result) {
  Event event(executor());
  start(make_of(at_once(1)));
  world.run();
  EXPECT_EQ(log, "2 done");
  start(make_of(after(event, 2)));
  world.run();
  EXPECT_EQ(log, "2 done");
  event.set();
  world.run();
  EXPECT_EQ(log, "2 done3 done");
}

TEST_F(NetAwaitable, what_a_task_owns_is_gone_when_its_end_is_told) {
  auto owned = std::make_shared<int>(5);
  const std::weak_ptr<int> watched = owned;
  bool gone = false;
  spawn(executor(), hold(std::move(owned)), [&] { gone = watched.expired(); });
  world.run();
  EXPECT_EQ(log, "5 ");
  EXPECT_TRUE(gone);
}

TEST_F(NetAwaitable, frames_of_every_size_are_kept_for_the_next_or_given_back) {
  FramePool pool;
  for (const std::size_t size : {1U, 64U, 65U, 4096U, 4097U, 100'000U}) {
    void* const first = pool.take(size);
    void* const second = pool.take(size);
    EXPECT_NE(first, second);
    pool.give_back(first, size);
    pool.give_back(second, size);
    for (int i = 0; i < 100; ++i) pool.give_back(pool.take(size), size);
  }
}

TEST(NetAwaitableDeathTest, an_exception_ends_the_process) {
  const auto throws = [] {
    test::World world;
    struct Thrower {
      static Awaitable<void> run() {
        throw std::runtime_error("broken promise");
        co_return;
      }
    };
    spawn(world.io.get_executor(), Thrower::run(), [] {});
    world.run();
  };
  EXPECT_DEATH(throws(), "an exception left a coroutine");
}

}  // namespace
}  // namespace lb::net
