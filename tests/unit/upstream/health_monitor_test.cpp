#include "upstream/health_monitor.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/cluster.hpp"
#include "support/memory_stream.hpp"

namespace lb::upstream {
namespace {

using base::Duration;
using Verdict = CheckResult::Verdict;

// Says what the test wants, after as long as it wants, and notes when it was asked.
class FakeChecker final : public Checker {
 public:
  struct Call {
    std::string url;
    Duration at;        // since the test began
    Duration time_for;  // until the deadline
  };

  explicit FakeChecker(test::World& world) : world_(world), began_(world.clock.now()) {}

  net::Awaitable<CheckResult> check(std::shared_ptr<Endpoint> endpoint, const HttpCheck* /*http*/,
                                    base::Deadline deadline) override {
    const base::TimePoint now = world_.clock.now();
    const auto rounded = [](auto time) { return std::chrono::duration_cast<Duration>(time); };
    calls.push_back({endpoint->url(), rounded(now - began_), rounded(deadline - now)});
    const Verdict verdict = verdicts.contains(endpoint->url()) ? verdicts[endpoint->url()] : Verdict::passed;
    if (takes > Duration(0)) {
      net::Pause pause(world_.io.get_executor(), world_.wheel);
      co_await pause.until(std::min(deadline, world_.wheel.after(takes)));
    }
    co_return CheckResult{verdict, verdict == Verdict::passed ? "" : "a reason"};
  }

  // When the endpoint was checked, in milliseconds.
  [[nodiscard]] std::vector<std::int64_t> times(const std::string& url) const {
    std::vector<std::int64_t> found;
    for (const Call& call : calls) {
      if (call.url == url) found.push_back(call.at.count());
    }
    return found;
  }

  std::vector<Call> calls;
  std::map<std::string, Verdict> verdicts;
  Duration takes{0};

 private:
  test::World& world_;
  base::TimePoint began_;
};

std::vector<BackendSpec> specs(const std::string& names) {
  std::vector<BackendSpec> backends;
  for (const char name : names) backends.push_back({"http://" + std::string(1, name), std::string(1, name)});
  return backends;
}

class UpstreamHealthMonitor : public testing::Test {
 protected:
  ~UpstreamHealthMonitor() override {
    monitor.stop();
    world.pass(Duration(10'000));
    EXPECT_EQ(world.tasks.size(), 0U);
  }
  void watch() {
    std::vector<HealthMonitor::Watch> all;
    const auto shared = std::make_shared<const HealthSettings>(settings);
    for (const auto& endpoint : cluster.members()->endpoints()) all.push_back({endpoint, shared});
    monitor.watch(all);
  }
  void start() {
    watch();
    world.tasks.spawn(monitor.run());
  }

  test::World world;
  HealthSettings settings{.interval = Duration(1'000), .timeout = Duration(500)};
  test::Cluster cluster{specs("ab"), {}};
  FakeChecker checker{world};
  HealthMonitor monitor{world.io.get_executor(), world.wheel, world.tasks, cluster, checker, 1};
};

TEST_F(UpstreamHealthMonitor, checks_all_at_once_each_interval) {
  start();
  world.pass(Duration(3'500));
  ASSERT_EQ(checker.calls.size(), 6U);
  EXPECT_EQ(checker.times("http://a"), checker.times("http://b")) << "together";
  const auto times = checker.times("http://a");
  for (std::size_t i = 0; i < times.size(); ++i) {
    const auto due = static_cast<std::int64_t>(1'000 * (i + 1));
    EXPECT_GE(times[i], due);
    EXPECT_LE(times[i], due + 10 * static_cast<std::int64_t>(i + 1)) << "a tick late each";
  }
  EXPECT_EQ(checker.calls[0].time_for, Duration(500));
}

// Goal: the interval runs from beginning to beginning, whatever a check takes; one that takes longer than the interval
// is not begun twice.
TEST_F(UpstreamHealthMonitor, slow_checks_do_not_pile_up) {
  settings = {.interval = Duration(200), .timeout = Duration(500)};
  checker.takes = Duration(10'000);
  start();
  world.pass(Duration(2'000));
  const auto times = checker.times("http://a");
  EXPECT_GE(times.size(), 3U);
  EXPECT_LE(times.size(), 4U) << "every 500 ms, as the timeout says";
  checker.takes = Duration(100);
  world.pass(Duration(500));
  checker.calls.clear();
  world.pass(Duration(2'000));
  EXPECT_NEAR(static_cast<double>(checker.times("http://a").size()), 10.0, 1.0);
}

// Goal: a disabled endpoint is not checked, and the result of a check that was under way is not recorded; enabled, its
// check comes at once if it is due. A drained one is checked on.
TEST_F(UpstreamHealthMonitor, a_disabled_endpoint_is_not_checked) {
  start();
  world.pass(Duration(500));
  cluster.endpoint(0).administer(Administration::disabled);
  cluster.endpoint(1).administer(Administration::draining);
  monitor.reconsider();
  EXPECT_EQ(monitor.next_check(cluster.endpoint(0)), base::kNever);
  world.pass(Duration(3'000));
  EXPECT_EQ(checker.times("http://a").size(), 0U);
  EXPECT_EQ(checker.times("http://b").size(), 3U);
  cluster.endpoint(0).administer(Administration::active);
  monitor.reconsider();
  world.run();
  EXPECT_EQ(checker.times("http://a").size(), 1U);
  checker.takes = Duration(100);
  checker.verdicts["http://a"] = Verdict::failed;
  world.pass(Duration(1'050));
  EXPECT_EQ(checker.times("http://a").size(), 2U);
  cluster.endpoint(0).administer(Administration::disabled);
  world.pass(Duration(200));
  EXPECT_EQ(cluster.endpoint(0).checks().size(), 1U);
  EXPECT_TRUE(cluster.endpoint(0).is_up());
}

// Goal: whoever asks is told when the next check is due; one that is asked for now puts it off by an interval.
TEST_F(UpstreamHealthMonitor, tells_when_the_next_check_is_due) {
  start();
  const base::TimePoint began = world.clock.now();
  EXPECT_EQ(monitor.next_check(cluster.endpoint(0)), began + Duration(1'000));
  world.pass(Duration(600));
  world.tasks.spawn(monitor.check_now({cluster.members()->endpoints().front()}, Duration(100)));
  world.run();
  EXPECT_EQ(checker.times("http://a").size(), 1U);
  EXPECT_EQ(monitor.next_check(cluster.endpoint(0)), began + Duration(1'600));
  EXPECT_EQ(monitor.next_check(cluster.endpoint(1)), began + Duration(1'000));
  const Endpoint stranger({.url = "http://x", .host = "x"}, 9);
  EXPECT_EQ(monitor.next_check(stranger), base::kNever);
}

TEST_F(UpstreamHealthMonitor, jitter_stays_in_its_bounds_and_is_used) {
  settings.jitter_percent = 20;
  start();
  world.pass(Duration(60'000));
  const auto times = checker.times("http://a");
  std::vector<std::int64_t> gaps;
  for (std::size_t i = 1; i < times.size(); ++i) gaps.push_back(times[i] - times[i - 1]);
  ASSERT_GT(gaps.size(), 40U);
  EXPECT_GE(*std::ranges::min_element(gaps), 800);
  EXPECT_LE(*std::ranges::max_element(gaps), 1'220);
  EXPECT_LT(*std::ranges::min_element(gaps), 900);
  EXPECT_GT(*std::ranges::max_element(gaps), 1'100);
  EXPECT_EQ(times, checker.times("http://b")) << "one draw for all that are due together";
}

TEST_F(UpstreamHealthMonitor, those_that_are_down_are_checked_by_their_own_interval) {
  settings.down_interval = Duration(100);
  checker.verdicts["http://b"] = Verdict::failed;
  start();
  world.pass(Duration(1'950));
  EXPECT_EQ(checker.times("http://a").size(), 1U);
  EXPECT_GE(checker.times("http://b").size(), 8U);
  EXPECT_FALSE(cluster.endpoint(1).is_up());
  checker.verdicts.clear();
  world.pass(Duration(200));
  EXPECT_TRUE(cluster.endpoint(1).is_up());
  const std::size_t before = checker.times("http://b").size();
  world.pass(Duration(800));
  EXPECT_EQ(checker.times("http://b").size(), before) << "up again: an interval as long as the other's";
}

// Goal: exchanges have marked one down: its check comes after down_interval, that of the others when it was due.
TEST_F(UpstreamHealthMonitor, reconsider_brings_the_check_of_a_down_one_forward) {
  settings = {.interval = Duration(60'000), .down_interval = Duration(200), .timeout = Duration(100)};
  start();
  world.pass(Duration(1'000));
  for (int i = 0; i < 3; ++i) cluster.record_failure(cluster.endpoint(0), "refused");
  monitor.reconsider();
  world.pass(Duration(100));
  monitor.reconsider();  // another one, which does not put the first off
  world.pass(Duration(150));
  ASSERT_EQ(checker.calls.size(), 1U);
  EXPECT_EQ(checker.calls[0].url, "http://a");
  EXPECT_TRUE(cluster.endpoint(0).is_up());
}

TEST_F(UpstreamHealthMonitor, a_check_that_says_nothing_changes_nothing) {
  checker.verdicts["http://a"] = Verdict::unknown;
  start();
  world.pass(Duration(1'100));
  EXPECT_EQ(cluster.endpoint(0).state(), HealthState::unknown);
  EXPECT_EQ(cluster.endpoint(1).state(), HealthState::up);
  world.pass(Duration(1'100));
  EXPECT_EQ(checker.times("http://a").size(), 2U) << "asked again";
}

// Goal: reloads, however many, do not put checks off; a shorter interval counts at once; a new endpoint has its own.
TEST_F(UpstreamHealthMonitor, watch_keeps_due_times) {
  start();
  for (int i = 0; i < 9; ++i) {
    world.pass(Duration(100));
    cluster.replace(specs("ab"), {});
    watch();
  }
  cluster.replace(specs("abc"), {});
  watch();
  world.pass(Duration(150));
  EXPECT_EQ(checker.times("http://a").size(), 1U);
  EXPECT_EQ(checker.times("http://c").size(), 0U);
  world.pass(Duration(900));
  EXPECT_EQ(checker.times("http://c").size(), 1U);
  settings.interval = Duration(100);
  watch();
  const std::size_t before = checker.times("http://a").size();
  world.pass(Duration(150));
  EXPECT_EQ(checker.times("http://a").size(), before + 1);
}

// Goal: an endpoint that leaves is not checked any more, and the result of a check under way is not recorded.
TEST_F(UpstreamHealthMonitor, one_that_left_is_forgotten) {
  checker.takes = Duration(300);
  checker.verdicts["http://b"] = Verdict::failed;
  start();
  world.pass(Duration(1'100));
  ASSERT_EQ(checker.times("http://b").size(), 1U);
  const std::shared_ptr<Endpoint> left = cluster.members()->endpoints()[1];
  cluster.replace(specs("a"), {});
  watch();
  world.pass(Duration(5'000));
  EXPECT_EQ(checker.times("http://b").size(), 1U);
  EXPECT_EQ(left->state(), HealthState::unknown);
  EXPECT_GE(checker.times("http://a").size(), 4U);
}

TEST_F(UpstreamHealthMonitor, check_now_returns_when_all_have_answered_or_at_the_deadline) {
  bool done = false;
  struct Round {
    static net::Awaitable<void> run(HealthMonitor& of, test::Cluster& in, bool& end) {
      co_await of.check_now(in.members()->endpoints(), Duration(400));
      end = true;
    }
  };
  checker.takes = Duration(100);
  world.tasks.spawn(Round::run(monitor, cluster, done));
  world.pass(Duration(50));
  EXPECT_EQ(checker.calls.size(), 2U) << "all at once";
  EXPECT_FALSE(done);
  world.pass(Duration(70));
  EXPECT_TRUE(done);
  EXPECT_EQ(cluster.endpoint(0).state(), HealthState::up);
  done = false;
  checker.takes = Duration(60'000);
  world.tasks.spawn(Round::run(monitor, cluster, done));
  world.pass(Duration(420));
  EXPECT_TRUE(done);
}

TEST_F(UpstreamHealthMonitor, stop_ends_it_and_drops_what_is_under_way) {
  checker.takes = Duration(300);
  checker.verdicts["http://a"] = Verdict::failed;
  start();
  world.pass(Duration(1'100));
  EXPECT_EQ(checker.calls.size(), 2U);
  monitor.stop();
  world.pass(Duration(5'000));
  EXPECT_EQ(checker.calls.size(), 2U);
  EXPECT_EQ(cluster.endpoint(0).state(), HealthState::unknown);
  EXPECT_EQ(world.tasks.size(), 0U);
}

}  // namespace
}  // namespace lb::upstream
