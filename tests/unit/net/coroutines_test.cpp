// Event, Pause, ChildTask, TaskGroup and SessionSet: how coroutines of one worker wait for each other.
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "net/child_task.hpp"
#include "net/event.hpp"
#include "net/pause.hpp"
#include "net/session_set.hpp"
#include "net/task_group.hpp"
#include "support/memory_stream.hpp"

namespace lb::net {
namespace {

using base::Duration;
using test::World;

class NetCoroutines : public testing::Test {
 protected:
  Executor executor() { return world.io.get_executor(); }
  void start(Awaitable<void> task) { world.tasks.spawn(std::move(task)); }

  Awaitable<void> wait_for(Event& event, char name) {
    co_await event.wait();
    log += name;
  }
  Awaitable<void> pause_until(Pause& pause, base::Deadline deadline, char name) {
    co_await pause.until(deadline);
    log += name;
  }

  World world;
  std::string log;
};

TEST_F(NetCoroutines, an_event_wakes_its_waiter_from_the_event_loop) {
  Event event(executor());
  start(wait_for(event, 'a'));
  world.run();
  EXPECT_EQ(log, "");
  event.set();
  EXPECT_EQ(log, "") << "never from inside set()";
  event.set();
  world.run();
  EXPECT_EQ(log, "a") << "once";
}

TEST_F(NetCoroutines, an_event_that_was_set_before_is_not_lost_and_stays_until_reset) {
  Event event(executor());
  event.set();
  EXPECT_TRUE(event.is_set());
  start(wait_for(event, 'a'));
  start(wait_for(event, 'b'));
  world.run();
  EXPECT_EQ(log, "ab");
  event.reset();
  start(wait_for(event, 'c'));
  world.run();
  EXPECT_EQ(log, "ab");
  event.set();
  world.run();
  EXPECT_EQ(log, "abc");
}

TEST_F(NetCoroutines, a_pause_ends_at_its_deadline) {
  Pause pause(executor(), world.wheel);
  start(pause_until(pause, world.wheel.after(Duration(100)), 'a'));
  world.pass(Duration(90));
  EXPECT_EQ(log, "");
  world.pass(Duration(20));
  EXPECT_EQ(log, "a");
}

TEST_F(NetCoroutines, a_pause_can_be_ended_early_and_used_again) {
  Pause pause(executor(), world.wheel);
  start(pause_until(pause, base::kNever, 'a'));
  world.run();
  pause.wake();
  world.run();
  EXPECT_EQ(log, "a");
  start(pause_until(pause, world.wheel.after(Duration(100)), 'b'));
  world.pass(Duration(50));
  EXPECT_EQ(log, "a") << "the wake of before is used up";
  world.pass(Duration(70));
  EXPECT_EQ(log, "ab");
}

TEST_F(NetCoroutines, a_wake_that_nobody_waits_for_ends_the_next_pause_unless_it_is_forgotten) {
  Pause pause(executor(), world.wheel);
  pause.wake();
  start(pause_until(pause, base::kNever, 'a'));
  world.run();
  EXPECT_EQ(log, "a");
  pause.wake();
  pause.reset();
  start(pause_until(pause, world.wheel.after(Duration(50)), 'b'));
  world.run();
  EXPECT_EQ(log, "a");
  world.pass(Duration(70));
  EXPECT_EQ(log, "ab");
}

struct Family {
  Family(World& its_world, std::string& its_log)
      : log(its_log), child(its_world.io.get_executor()), event(its_world.io.get_executor()) {}

  Awaitable<void> child_body() {
    log += "child ";
    co_await event.wait();
    log += "ends ";
  }
  Awaitable<void> parent_body() {
    child.start(child_body());
    log += "parent ";
    co_await child.join();
    log += "joined ";
    co_await child.join();
    log += "again ";
  }

  std::string& log;
  ChildTask child;
  Event event;
};

TEST_F(NetCoroutines, a_child_runs_beside_its_parent_and_is_joined) {
  Family family(world, log);
  start(family.parent_body());
  world.run();
  EXPECT_EQ(log, "child parent ");
  EXPECT_TRUE(family.child.running());
  family.event.set();
  world.run();
  EXPECT_EQ(log, "child parent ends joined again ");
  EXPECT_FALSE(family.child.running());
  // The event is still set: the second child ends by itself.
  start(family.parent_body());
  world.run();
  EXPECT_EQ(log, "child parent ends joined again child ends parent joined again ");
}

TEST_F(NetCoroutines, joining_a_child_that_never_started_returns_at_once) {
  ChildTask child(executor());
  start(child.join());
  world.run();
  EXPECT_EQ(world.tasks.size(), 0U);
}

TEST_F(NetCoroutines, a_group_counts_its_tasks_and_says_when_none_is_left) {
  Event event(executor());
  TaskGroup tasks(executor());
  int called = 0;
  tasks.when_empty([&called] { ++called; });
  EXPECT_EQ(called, 1) << "none yet: at once";
  event.set();
  tasks.spawn(wait_for(event, 'a'));
  tasks.spawn(wait_for(event, 'b'));
  EXPECT_EQ(tasks.size(), 2U);
  EXPECT_EQ(log, "") << "tasks run from the event loop";
  tasks.when_empty([&called] { ++called; });
  EXPECT_EQ(called, 1);
  world.run();
  EXPECT_EQ(log, "ab");
  EXPECT_EQ(tasks.size(), 0U);
  EXPECT_EQ(called, 2) << "once";
}

struct Client final : Session {
  explicit Client(std::string& its_log) : log(its_log) {}
  void drain() noexcept override { log += 'd'; }
  void abort() noexcept override { log += 'a'; }
  bool make_way() noexcept override {
    if (!request_arrives) log += name;
    return !request_arrives;
  }
  std::string& log;
  char name = '?';
  bool request_arrives = false;
};

// Goal: whoever has idled longest makes way first, once; the busy ones do not, nor one whose request is arriving.
// Method: four of them, of which three idle in turn.
TEST_F(NetCoroutines, the_session_that_has_idled_longest_makes_way) {
  SessionSet sessions;
  Client one(log);
  Client two(log);
  Client busy(log);
  Client arriving(log);
  one.name = '1';
  two.name = '2';
  arriving.request_arrives = true;
  for (Client* client : {&busy, &one, &two, &arriving}) sessions.add(*client);
  EXPECT_FALSE(sessions.make_room()) << "none idles";
  for (Client* client : {&arriving, &two, &one}) sessions.note_idle(*client);
  EXPECT_EQ(sessions.idle(), 3U);
  EXPECT_TRUE(sessions.make_room());
  EXPECT_TRUE(sessions.make_room());
  EXPECT_EQ(log, "21");
  EXPECT_FALSE(sessions.make_room());
  EXPECT_EQ(sessions.idle(), 1U);
  sessions.note_busy(two);
  EXPECT_EQ(sessions.idle(), 1U) << "it was counted out already";
}

TEST_F(NetCoroutines, stopping_reaches_the_sessions_that_live) {
  SessionSet sessions;
  Client one(log);
  sessions.add(one);
  {
    Client two(log);
    sessions.add(two);
  }
  EXPECT_FALSE(sessions.draining());
  sessions.drain();
  EXPECT_TRUE(sessions.draining());
  EXPECT_EQ(log, "d");
  sessions.abort();
  EXPECT_EQ(log, "da");
}

}  // namespace
}  // namespace lb::net
