#include "net/deadline_wheel.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "support/manual_clock.hpp"

namespace lb::net {
namespace {

using base::Duration;
using test::ManualClock;

// An entry that notes when it fired.
struct Alarm {
  explicit Alarm(DeadlineWheel& wheel_of_it)
      : wheel(wheel_of_it), entry(wheel, DeadlineWheel::Fire::to<&Alarm::fire>(*this)) {}
  void fire() noexcept {
    ++count;
    fired_at = wheel.now();
  }

  DeadlineWheel& wheel;
  DeadlineWheel::Entry entry;
  int count = 0;
  base::TimePoint fired_at{};
};

struct Counter {
  void count_one() noexcept { ++count; }
  int count = 0;
};

class NetDeadlineWheel : public testing::Test {
 protected:
  // Time passes as a worker sees it: the wheel is advanced every `step`.
  void pass(Duration time, Duration step = base::kWheelTick) {
    while (time > Duration(0)) {
      const Duration now = std::min(step, time);
      clock.turn(now);
      time -= now;
      wheel.advance();
    }
  }

  ManualClock clock;
  DeadlineWheel wheel{clock};
};

// Method: every timeout of up to some ticks and some long ones, at every phase of the tick.
TEST_F(NetDeadlineWheel, an_entry_never_fires_early_and_at_most_one_tick_late) {
  std::vector<Duration> timeouts;
  for (int ms = 0; ms <= 45; ++ms) timeouts.emplace_back(ms);
  for (const int ms : {5099, 5100, 5110, 5119, 5120, 5121, 5130, 10'235, 10'240, 10'245, 60'000})
    timeouts.emplace_back(ms);
  for (int phase = 0; phase < 10; ++phase) {
    for (const Duration timeout : timeouts) {
      Alarm alarm(wheel);
      const base::Deadline deadline = wheel.after(timeout);
      alarm.entry.arm(deadline);
      while (alarm.count == 0 && wheel.now() < deadline + 2 * base::kWheelTick) pass(Duration(1), Duration(1));
      ASSERT_EQ(alarm.count, 1) << timeout.count();
      EXPECT_GE(alarm.fired_at, deadline) << timeout.count();
      EXPECT_LE(alarm.fired_at - deadline, base::kWheelTick) << timeout.count();
    }
    clock.turn(Duration(1));
  }
}

TEST_F(NetDeadlineWheel, an_entry_fires_once_for_each_arming) {
  Alarm alarm(wheel);
  alarm.entry.arm(wheel.after(Duration(50)));
  pass(Duration(20'000));
  EXPECT_EQ(alarm.count, 1);
  alarm.entry.arm(wheel.after(Duration(50)));
  pass(Duration(20'000));
  EXPECT_EQ(alarm.count, 2);
}

TEST_F(NetDeadlineWheel, a_deadline_that_moves_later_fires_at_the_later_time) {
  Alarm alarm(wheel);
  alarm.entry.arm(wheel.after(Duration(100)));
  for (int i = 0; i < 200; ++i) {
    pass(Duration(90));
    alarm.entry.arm(wheel.after(Duration(100)));
  }
  EXPECT_EQ(alarm.count, 0);
  const base::Deadline deadline = wheel.after(Duration(100));
  pass(Duration(200));
  EXPECT_EQ(alarm.count, 1);
  EXPECT_GE(alarm.fired_at, deadline);
  EXPECT_LE(alarm.fired_at - deadline, base::kWheelTick);
}

TEST_F(NetDeadlineWheel, a_deadline_that_moves_earlier_fires_at_the_earlier_time) {
  for (const int far : {200, 5110, 6000, 100'000}) {
    Alarm alarm(wheel);
    alarm.entry.arm(wheel.after(Duration(far)));
    pass(Duration(30));
    const base::Deadline deadline = wheel.after(Duration(20));
    alarm.entry.arm(deadline);
    pass(Duration(60));
    EXPECT_EQ(alarm.count, 1) << far;
    EXPECT_LE(alarm.fired_at - deadline, base::kWheelTick) << far;
    pass(Duration(far));
    EXPECT_EQ(alarm.count, 1) << far;
  }
}

TEST_F(NetDeadlineWheel, a_disarmed_entry_does_not_fire) {
  Alarm alarm(wheel);
  alarm.entry.arm(wheel.after(Duration(50)));
  alarm.entry.disarm();
  Alarm never(wheel);
  never.entry.arm(wheel.after(Duration(50)));
  never.entry.arm(base::kNever);
  pass(Duration(10'000));
  EXPECT_EQ(alarm.count + never.count, 0);
  EXPECT_TRUE(wheel.empty());
  alarm.entry.arm(wheel.after(Duration(50)));
  pass(Duration(100));
  EXPECT_EQ(alarm.count, 1);
}

TEST_F(NetDeadlineWheel, an_entry_that_was_disarmed_can_be_armed_earlier_and_later) {
  for (const int again : {10, 49, 50, 51, 90, 7000}) {
    Alarm alarm(wheel);
    alarm.entry.arm(wheel.after(Duration(50)));
    alarm.entry.disarm();
    const base::Deadline deadline = wheel.after(Duration(again));
    alarm.entry.arm(deadline);
    pass(Duration(again + 20));
    EXPECT_EQ(alarm.count, 1) << again;
    EXPECT_GE(alarm.fired_at, deadline) << again;
    EXPECT_LE(alarm.fired_at - deadline, base::kWheelTick) << again;
  }
}

TEST_F(NetDeadlineWheel, a_deadline_in_the_past_fires_with_the_next_tick) {
  Alarm before_the_wheel(wheel);
  before_the_wheel.entry.arm(wheel.now() - std::chrono::minutes(10));
  Alarm now(wheel);
  now.entry.arm(wheel.now());
  pass(base::kWheelTick);
  EXPECT_EQ(before_the_wheel.count, 1);
  EXPECT_EQ(now.count, 1);
}

// Goal: a machine that was suspended, or a worker that was busy. Method: one leap over all kinds of deadlines.
TEST_F(NetDeadlineWheel, a_leap_of_the_clock_fires_what_is_due_and_nothing_else) {
  std::vector<std::unique_ptr<Alarm>> alarms;
  for (int ms = 0; ms < 100'000; ms += 170) {
    alarms.push_back(std::make_unique<Alarm>(wheel));
    alarms.back()->entry.arm(wheel.after(Duration(ms)));
  }
  const base::TimePoint start = wheel.now();
  clock.turn(Duration(50'000));
  wheel.advance();
  for (std::size_t i = 0; i < alarms.size(); ++i) {
    const bool due = start + Duration(170 * static_cast<int>(i)) <= wheel.now();
    EXPECT_EQ(alarms[i]->count, due ? 1 : 0) << i;
  }
  pass(Duration(50'100));
  for (const auto& alarm : alarms) EXPECT_EQ(alarm->count, 1);
  EXPECT_TRUE(wheel.empty());
}

TEST_F(NetDeadlineWheel, an_empty_wheel_catches_up_when_it_is_used_again) {
  clock.turn(std::chrono::hours(1000));
  Alarm alarm(wheel);
  const base::Deadline deadline = wheel.after(Duration(30));
  alarm.entry.arm(deadline);
  wheel.advance();
  EXPECT_EQ(alarm.count, 0);
  pass(Duration(40));
  EXPECT_EQ(alarm.count, 1);
  EXPECT_LE(alarm.fired_at - deadline, base::kWheelTick);
}

TEST_F(NetDeadlineWheel, a_clock_that_stands_still_fires_nothing) {
  Alarm alarm(wheel);
  alarm.entry.arm(wheel.after(Duration(1)));
  for (int i = 0; i < 1000; ++i) wheel.advance();
  EXPECT_EQ(alarm.count, 0);
}

struct Mischief {
  explicit Mischief(DeadlineWheel& wheel) : entry(wheel, DeadlineWheel::Fire::to<&Mischief::fire>(*this)) {}
  void fire() noexcept {
    ++count;
    victims.clear();
    if (rearm_for) entry.arm(*rearm_for);
  }

  DeadlineWheel::Entry entry;
  std::vector<std::unique_ptr<Alarm>> victims;
  std::optional<base::Deadline> rearm_for;
  int count = 0;
};

// Method: the entry fires first in its slot and destroys others of the same slot, of the next, and disarmed ones.
TEST_F(NetDeadlineWheel, a_fired_function_may_destroy_other_entries) {
  Mischief mischief(wheel);
  mischief.entry.arm(wheel.after(Duration(50)));
  Alarm survivor(wheel);
  for (const int ms : {50, 50, 55, 60, 5170, 49}) {
    mischief.victims.push_back(std::make_unique<Alarm>(wheel));
    mischief.victims.back()->entry.arm(wheel.after(Duration(ms)));
  }
  mischief.victims[1]->entry.disarm();
  survivor.entry.arm(wheel.after(Duration(50)));
  clock.turn(Duration(80));
  wheel.advance();
  EXPECT_EQ(mischief.count, 1);
  EXPECT_TRUE(mischief.victims.empty());
  EXPECT_EQ(survivor.count, 1);
  EXPECT_TRUE(wheel.empty());
}

struct SelfDestroying {
  void fire() noexcept { owner.reset(); }
  SelfDestroying(DeadlineWheel& wheel, std::unique_ptr<SelfDestroying>& its_owner)
      : owner(its_owner), entry(wheel, DeadlineWheel::Fire::to<&SelfDestroying::fire>(*this)) {}
  std::unique_ptr<SelfDestroying>& owner;
  DeadlineWheel::Entry entry;
};

TEST_F(NetDeadlineWheel, a_fired_function_may_destroy_its_own_entry) {
  std::unique_ptr<SelfDestroying> owner;
  owner = std::make_unique<SelfDestroying>(wheel, owner);
  owner->entry.arm(wheel.after(Duration(10)));
  pass(Duration(30));
  EXPECT_EQ(owner, nullptr);
  EXPECT_TRUE(wheel.empty());
}

TEST_F(NetDeadlineWheel, a_fired_function_may_arm_its_entry_again_even_for_the_past) {
  Mischief mischief(wheel);
  mischief.rearm_for = wheel.now();
  mischief.entry.arm(wheel.after(Duration(10)));
  pass(Duration(100));
  EXPECT_GE(mischief.count, 5) << "with each tick";
  EXPECT_LE(mischief.count, 10);
  mischief.rearm_for.reset();
  pass(Duration(20));
  EXPECT_TRUE(wheel.empty());
}

// Goal: an owner that sleeps until next_look() misses nothing, and sleeps on where nothing has become more urgent.
TEST_F(NetDeadlineWheel, the_owner_is_woken_by_what_is_earlier_than_it_knew) {
  Counter woken;
  wheel.on_earlier(DeadlineWheel::Fire::to<&Counter::count_one>(woken));
  Alarm first(wheel);
  Alarm second(wheel);
  first.entry.arm(base::kNever);
  EXPECT_EQ(woken.count, 0);
  EXPECT_EQ(wheel.next_look(), base::kNever);
  first.entry.arm(wheel.after(Duration(500)));
  EXPECT_EQ(woken.count, 1);
  const base::Deadline look = wheel.next_look();
  EXPECT_GT(look, wheel.after(Duration(490)));
  EXPECT_LE(look, wheel.after(Duration(510)));
  second.entry.arm(wheel.after(Duration(900)));
  EXPECT_EQ(woken.count, 1);
  second.entry.arm(wheel.after(Duration(20)));
  EXPECT_EQ(woken.count, 2);
  EXPECT_LE(wheel.next_look(), wheel.after(Duration(30)));
  pass(Duration(600));
  EXPECT_TRUE(wheel.empty());
  EXPECT_EQ(wheel.next_look(), base::kNever);
  second.entry.arm(wheel.after(Duration(10)));
  EXPECT_EQ(woken.count, 3);
}

// Goal: whatever happens, the same rule holds. Method: a fixed pseudo-random run of arming, disarming and irregular
// advancing, compared with a plain list of deadlines.
TEST_F(NetDeadlineWheel, a_long_irregular_run_agrees_with_a_plain_list) {
  constexpr std::size_t kAlarms = 60;
  std::vector<std::unique_ptr<Alarm>> alarms;
  std::vector<base::Deadline> deadlines(kAlarms, base::kNever);
  for (std::size_t i = 0; i < kAlarms; ++i) alarms.push_back(std::make_unique<Alarm>(wheel));
  std::uint32_t state = 12345;
  const auto random = [&state](std::uint32_t below) {
    state = state * 1'664'525U + 1'013'904'223U;
    return (state >> 8U) % below;
  };
  for (int round = 0; round < 20'000; ++round) {
    const std::size_t i = random(kAlarms);
    if (random(4) == 0) {
      alarms[i]->entry.disarm();
      deadlines[i] = base::kNever;
    } else {
      deadlines[i] = wheel.after(Duration(random(random(10) == 0 ? 20'000 : 300)));
      alarms[i]->entry.arm(deadlines[i]);
    }
    const base::Deadline look = wheel.next_look();
    for (const base::Deadline deadline : deadlines) {
      // Far ones are looked at before they are due.
      ASSERT_TRUE(deadline == base::kNever || look <= std::max(deadline, wheel.now()) + base::kWheelTick);
    }
    if (random(3) != 0) continue;
    clock.turn(Duration(random(random(50) == 0 ? 12'000 : 15)));
    wheel.advance();
    for (std::size_t k = 0; k < kAlarms; ++k) {
      if (alarms[k]->count != 0) {
        ASSERT_LE(deadlines[k], wheel.now()) << "early";
        deadlines[k] = base::kNever;
        alarms[k]->count = 0;
      }
      ASSERT_TRUE(deadlines[k] == base::kNever || deadlines[k] + base::kWheelTick > wheel.now()) << "late";
    }
  }
}

}  // namespace
}  // namespace lb::net
