#include "acme/manager.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <sys/stat.h>
#include <vector>

#include <gtest/gtest.h>

#include "unit/acme/authority.hpp"
#include "unit/acme/folder.hpp"

namespace lb::acme {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using test::Authority;

constexpr std::time_t kDay = 86'400;

class AcmeManager : public testing::Test {
 protected:
  ~AcmeManager() override {
    for (const auto& manager : managers) manager->stop();
    world.pass(seconds(40));
    EXPECT_EQ(world.tasks.size(), 0U);
  }

  Manager& start(const Settings& with) {
    managers.push_back(std::make_unique<Manager>(world.io.get_executor(), world.wheel, authority, challenges, 1));
    Manager& manager = *managers.back();
    manager.on_change([this] { ++changes; });
    EXPECT_FALSE(manager.configure(with));
    world.tasks.spawn(manager.run());
    return manager;
  }
  Manager& start() { return start(settings); }
  // As if the process had ended.
  void end(Manager& manager) {
    manager.stop();
    world.pass(seconds(31));
  }
  [[nodiscard]] std::vector<std::time_t> order_times() const {
    std::vector<std::time_t> times;
    for (std::size_t i = 0; i < authority.asked.size(); ++i) {
      if (authority.asked[i] == "dir") times.push_back(authority.times[i] - test::TurnedClock::kBegin);
    }
    return times;
  }

  test::Folder folder;
  test::World world;
  Challenges challenges;
  Authority authority{world, challenges};
  Settings settings{.domains = {"a.example"}, .email = "", .directory = Authority::kDirectory, .storage = folder / "s"};
  std::vector<std::unique_ptr<Manager>> managers;
  int changes = 0;
};

TEST_F(AcmeManager, orders_what_is_missing_and_keeps_it) {
  settings.domains = {"a.example", "b.example"};
  Manager& manager = start();
  EXPECT_EQ(manager.states().at(0).condition, Condition::waiting);
  world.run();
  EXPECT_EQ(manager.states().at(0).condition, Condition::ordering);
  EXPECT_EQ(manager.states().at(1).condition, Condition::waiting);
  world.pass(seconds(20));
  ASSERT_EQ(manager.certificates().size(), 2U);
  EXPECT_EQ(manager.certificates()[1].domain, "b.example");
  EXPECT_EQ(manager.certificates()[1].path, folder / "s/certificates/b.example.pem");
  const State state = manager.states().at(0);
  EXPECT_EQ(to_string(state.condition), "valid");
  EXPECT_NEAR(static_cast<double>(state.not_after), static_cast<double>(world.now() + 90 * kDay), 30.0);
  EXPECT_NEAR(static_cast<double>(state.next_try), static_cast<double>(world.now() + 60 * kDay), 30.0);
  EXPECT_EQ(changes, 3) << "the domains, and each certificate";
  const std::size_t asked = authority.asked.size();
  end(manager);
  Manager& again = start();
  EXPECT_EQ(again.certificates().size(), 2U) << "before it runs";
  world.pass(hours(1));
  EXPECT_EQ(authority.asked.size(), asked);
}

TEST_F(AcmeManager, renews_at_two_thirds_of_the_life) {
  authority.life = hours(3);
  Manager& manager = start();
  world.pass(hours(2) - seconds(60));
  ASSERT_EQ(authority.count("certificate"), 1U);
  const std::string first = manager.certificates().at(0).pair.key;
  world.pass(seconds(120));
  EXPECT_EQ(authority.count("certificate"), 2U);
  EXPECT_NE(manager.certificates().at(0).pair.key, first);
  // What cannot be renewed is served on.
  authority.is_down = true;
  world.pass(hours(2) + seconds(60));
  EXPECT_EQ(manager.certificates().size(), 1U);
  const State state = manager.states().at(0);
  EXPECT_EQ(to_string(state.condition), "failed");
  EXPECT_GT(state.not_after, world.now());
  authority.is_down = false;
  world.pass(hours(1));
  EXPECT_EQ(manager.states().at(0).condition, Condition::valid);
}

TEST_F(AcmeManager, backs_off_from_what_fails) {
  authority.failing = {"http-01", "tls-alpn-01"};
  Manager& manager = start();
  world.pass(hours(4));
  const auto times = order_times();
  ASSERT_GE(times.size(), 7U);
  ASSERT_LE(times.size(), 9U);
  for (std::size_t i = 1; i < times.size(); ++i) {
    const auto pause = static_cast<double>(60U << (i - 1));
    EXPECT_GE(static_cast<double>(times[i] - times[i - 1]), pause * 0.9) << i;
    EXPECT_LE(static_cast<double>(times[i] - times[i - 1]), pause + 20) << i;
  }
  const State state = manager.states().at(0);
  EXPECT_EQ(state.condition, Condition::failed);
  EXPECT_EQ(state.problem,
            "http-01 failed: connection: nobody answers; tls-alpn-01 failed: connection: nobody answers");
  EXPECT_GT(state.next_try, world.now());
  // At most half a day apart, however long it fails.
  world.pass(hours(72));
  const auto all = order_times();
  EXPECT_GE(all.back(), 4 * 3'600 + 60 * 3'600);
  EXPECT_GE(all.back() - all[all.size() - 2], 38'000);
  authority.failing.clear();
  world.pass(hours(12) + seconds(60));
  EXPECT_EQ(manager.states().at(0).condition, Condition::valid);
  EXPECT_EQ(manager.states().at(0).problem, "");
}

TEST_F(AcmeManager, does_what_retry_after_says) {
  authority.instead = [](const std::string& what, std::size_t nth) -> std::optional<HttpAnswer> {
    if (what != "new-order" || nth > 0) return std::nullopt;
    return Authority::refusal(429, "rateLimited", "too many", hours(30));
  };
  Manager& manager = start();
  world.pass(hours(30) - seconds(60));
  EXPECT_EQ(authority.count("dir"), 1U);
  EXPECT_EQ(manager.states().at(0).problem, "the authority refuses: rateLimited: too many");
  world.pass(seconds(120));
  EXPECT_EQ(manager.states().at(0).condition, Condition::valid);
}

TEST_F(AcmeManager, a_pause_that_is_asked_of_all_is_kept_by_all) {
  settings.domains = {"a.example", "b.example"};
  authority.instead = [](const std::string& what, std::size_t nth) -> std::optional<HttpAnswer> {
    if (what != "dir" || nth > 0) return std::nullopt;
    return HttpAnswer{.status = 503, .retry_after = hours(5)};
  };
  Manager& manager = start();
  world.pass(hours(2));
  end(manager);
  Manager& again = start();
  world.pass(hours(3) - seconds(120));
  EXPECT_EQ(authority.asked.size(), 1U);
  EXPECT_EQ(again.states().at(1).problem, "the authority answers with the status 503");
  world.pass(seconds(240));
  EXPECT_EQ(again.certificates().size(), 2U);
}

// Goal: a program that is started again and again does not ask each time, not even one that dies while it asks.
TEST_F(AcmeManager, a_restart_is_no_reason_to_ask_again) {
  authority.failing = {"http-01", "tls-alpn-01"};
  for (int i = 0; i < 20; ++i) {
    Manager& manager = start();
    world.pass(seconds(30));
    end(manager);
  }
  EXPECT_LE(order_times().size(), 5U) << "in 20 minutes";
  EXPECT_GE(order_times().size(), 4U);
  authority.failing.clear();
  world.pass(hours(1));
  authority.polls = 1'000;
  const std::size_t before = order_times().size();
  for (int i = 0; i < 60; ++i) {
    Manager& manager = start();
    world.pass(seconds(1));
    manager.stop();
    world.pass(seconds(1));
  }
  EXPECT_LE(order_times().size(), before + 1U) << "it ended while it asked";
}

TEST_F(AcmeManager, asks_for_nobody_while_the_authority_is_down) {
  settings.domains = {"a.example", "b.example", "c.example", "d.example"};
  authority.is_down = true;
  Manager& manager = start();
  world.pass(seconds(50));
  EXPECT_EQ(authority.asked.size(), 1U) << "for one of all";
  for (const State& state : manager.states()) {
    EXPECT_EQ(state.condition, Condition::failed) << state.domain;
    EXPECT_TRUE(state.problem.starts_with("the authority cannot be asked")) << state.problem;
  }
  world.pass(hours(1));
  EXPECT_LE(authority.asked.size(), 7U);
  end(manager);
  Manager& again = start();
  const std::size_t asked = authority.asked.size();
  world.pass(seconds(30));
  EXPECT_EQ(authority.asked.size(), asked);
  authority.is_down = false;
  world.pass(hours(2));
  for (const State& state : again.states()) EXPECT_EQ(state.condition, Condition::valid) << state.domain;
}

TEST_F(AcmeManager, one_domain_that_fails_does_not_hold_up_the_others) {
  settings.domains = {"a.example", "b.example"};
  authority.instead = [](const std::string& what, std::size_t nth) -> std::optional<HttpAnswer> {
    if (what != "new-order" || nth > 0) return std::nullopt;
    return Authority::refusal(400, "rejectedIdentifier", "not this one");
  };
  Manager& manager = start();
  world.pass(seconds(20));
  EXPECT_EQ(manager.states().at(0).condition, Condition::failed);
  EXPECT_EQ(manager.states().at(1).condition, Condition::valid);
}

// Goal: two that share a folder order once, and both have what the one has got, now and when it is renewed.
TEST_F(AcmeManager, two_that_share_a_folder_do_not_fight) {
  settings.domains = {"a.example", "b.example"};
  authority.life = hours(3);
  Manager& first = start();
  Manager& second = start();
  world.pass(seconds(3));
  const auto waits = [](Manager& manager) {
    return std::ranges::count(manager.states(), Condition::other_instance, &State::condition);
  };
  EXPECT_EQ(waits(first) + waits(second), 2);
  EXPECT_EQ(to_string(Condition::other_instance), "waiting for another instance");
  world.pass(seconds(40));
  EXPECT_EQ(authority.count("new-order"), 2U);
  ASSERT_EQ(first.certificates().size(), 2U);
  ASSERT_EQ(second.certificates().size(), 2U);
  EXPECT_EQ(first.certificates()[1].pair.key, second.certificates()[1].pair.key);
  EXPECT_EQ(waits(first) + waits(second), 0);
  world.pass(hours(2) + seconds(900));
  EXPECT_EQ(authority.count("new-order"), 4U);
  EXPECT_EQ(first.certificates()[0].pair.key, second.certificates()[0].pair.key);
  // And one's failures count for both.
  authority.failing = {"http-01", "tls-alpn-01"};
  const std::size_t before = order_times().size();
  world.pass(hours(2) - seconds(600));
  EXPECT_LE(order_times().size() - before, 2U * 7U);
}

TEST_F(AcmeManager, another_authority_is_asked_and_the_old_certificate_served_until_then) {
  Manager& manager = start();
  world.pass(seconds(20));
  const std::string first = manager.certificates().at(0).pair.key;
  settings.directory = "https://ca/dir/2";
  authority.is_down = true;
  EXPECT_FALSE(manager.configure(settings));
  world.pass(seconds(20));
  EXPECT_EQ(manager.certificates().at(0).pair.key, first);
  EXPECT_EQ(manager.states().at(0).condition, Condition::failed);
  authority.is_down = false;
  world.pass(seconds(200));
  EXPECT_NE(manager.certificates().at(0).pair.key, first);
}

TEST_F(AcmeManager, domains_come_and_go) {
  Manager& manager = start();
  world.pass(seconds(20));
  authority.polls = 30;
  settings.domains = {"b.example"};
  EXPECT_FALSE(manager.configure(settings));
  EXPECT_EQ(manager.certificates().size(), 0U);
  world.pass(seconds(5));
  // While that is ordered.
  settings.domains = {"a.example", "c.example"};
  EXPECT_FALSE(manager.configure(settings));
  EXPECT_EQ(manager.certificates().size(), 1U);
  authority.polls = 1;
  world.pass(seconds(300));
  EXPECT_EQ(manager.certificates().size(), 2U);
  EXPECT_EQ(authority.count("certificate"), 3U);
  settings.domains.emplace_back("b.example");
  EXPECT_FALSE(manager.configure(settings));
  EXPECT_EQ(manager.certificates().size(), 3U) << "its order went on";
  settings.storage = folder / "elsewhere";
  EXPECT_FALSE(manager.configure(settings));
  EXPECT_EQ(manager.certificates().size(), 0U);
  world.pass(seconds(60));
  EXPECT_EQ(manager.certificates().size(), 3U);
  settings.domains = {"*.example"};
  const auto problem = manager.configure(settings);
  ASSERT_TRUE(problem);
  EXPECT_TRUE(problem->text.starts_with("\"*.example\" is a wildcard")) << problem->text;
  EXPECT_EQ(manager.certificates().size(), 3U) << "nothing has changed";
  EXPECT_FALSE(manager.configure({}));
  EXPECT_EQ(manager.states().size(), 0U);
}

TEST_F(AcmeManager, a_damaged_file_is_ordered_anew) {
  Manager& manager = start();
  world.pass(seconds(20));
  end(manager);
  std::ofstream(folder / "s/certificates/a.example.pem", std::ios::trunc) << "nonsense";
  Manager& again = start();
  EXPECT_EQ(again.certificates().size(), 0U);
  world.pass(seconds(20));
  EXPECT_EQ(again.certificates().size(), 1U);
}

// Goal: nobody is asked when that could not be remembered.
TEST_F(AcmeManager, a_folder_that_takes_nothing_means_that_nobody_is_asked) {
  std::ofstream(folder / "s") << "a file";
  Manager& manager = start();
  world.pass(hours(1));
  EXPECT_EQ(manager.states().at(0).condition, Condition::failed);
  EXPECT_EQ(manager.states().at(0).problem, "cannot use " + (folder / "s") + ": Not a directory");
  std::filesystem::remove(folder / "s");
  // Such that notes cannot be written.
  std::filesystem::create_directories(folder / "s/attempts/a.example.json.new");
  world.pass(hours(1));
  EXPECT_EQ(manager.states().at(0).condition, Condition::failed);
  EXPECT_EQ(authority.asked.size(), 0U);
  std::filesystem::remove(folder / "s/attempts/a.example.json.new");
  world.pass(hours(2));
  EXPECT_EQ(manager.states().at(0).condition, Condition::valid);
}

// Goal: what was obtained and cannot be written is served, written later, and not asked for again.
TEST_F(AcmeManager, what_cannot_be_kept_is_served_all_the_same) {
  std::filesystem::create_directories(folder / "s/certificates/a.example.pem.new");
  Manager& manager = start();
  world.pass(seconds(20));
  EXPECT_EQ(manager.certificates().size(), 1U);
  EXPECT_EQ(manager.states().at(0).condition, Condition::failed);
  world.pass(hours(1));
  EXPECT_EQ(authority.count("certificate"), 1U);
  std::filesystem::remove(folder / "s/certificates/a.example.pem.new");
  world.pass(hours(2));
  EXPECT_EQ(manager.states().at(0).condition, Condition::valid);
  EXPECT_EQ(authority.count("certificate"), 1U);
  end(manager);
  EXPECT_EQ(start().certificates().size(), 1U);
}

TEST_F(AcmeManager, a_clock_that_was_set_back_does_not_put_the_next_try_off) {
  authority.failing = {"http-01", "tls-alpn-01"};
  world.clock.set_by = 365 * kDay;
  Manager& manager = start();
  world.pass(seconds(20));
  end(manager);
  world.clock.set_by = 0;
  authority.failing.clear();
  Manager& again = start();
  world.pass(seconds(120));
  EXPECT_EQ(again.certificates().size(), 1U);
}

}  // namespace
}  // namespace lb::acme
