#include "upstream/resolver.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/name_server.hpp"
#include "support/on_worker.hpp"

namespace lb::upstream {
namespace {

using base::Duration;
using support::NameServer;
using Says = NameServer::Says;

net::asio::ip::address address(const std::string& text) {
  return net::asio::ip::make_address(text);
}

class UpstreamResolver : public testing::Test {
 protected:
  // Turns the loop until the answers are there.
  void wait_for(std::size_t count) {
    const support::Deadline deadline = support::within();
    while (answers.size() < count && support::now() < deadline) test::turn_loop(worker);
    ASSERT_GE(answers.size(), count);
  }
  void ask(const std::string& name) {
    resolver.look_up(name, [this](const Answer& answer) { answers.push_back(answer); });
  }
  Answer answer_to(const std::string& name) {
    answers.clear();
    ask(name);
    wait_for(1);
    return answers.empty() ? Answer{} : answers.back();
  }

  NameServer names;
  net::Worker worker{base::system_clock()};
  Resolver resolver{
      worker.executor(), worker.wheel(), {.servers = {names.address()}, .timeout = Duration(100), .attempts = 2}};
  std::vector<Answer> answers;
};

TEST_F(UpstreamResolver, a_name_gives_its_addresses_of_both_families_and_the_least_ttl) {
  names.set("both.test", {.v4 = {"192.0.2.1", "192.0.2.2"}, .v6 = {"2001:db8::1"}, .ttl = 7});
  const Answer answer = answer_to("both.test");
  EXPECT_TRUE(answer.v4.answered);
  EXPECT_TRUE(answer.v6.answered);
  EXPECT_EQ(answer.v4.addresses.size(), 2U);
  EXPECT_EQ(answer.v6.addresses, std::vector{address("2001:db8::1")});
  EXPECT_EQ(answer.ttl, Duration(7'000));
  EXPECT_EQ(resolver.in_flight(), 0U);
}

// RFC 6761 section 6.3: whatever the name servers say, or do not.
TEST_F(UpstreamResolver, localhost_is_found_without_a_name_server) {
  names.set("localhost", {.says = Says::nothing});
  const Answer answer = answer_to("localhost");
  ASSERT_TRUE(answer.found());
  for (const auto& found : answer.v4.addresses) EXPECT_TRUE(found.is_loopback());
  for (const auto& found : answer.v6.addresses) EXPECT_TRUE(found.is_loopback());
  EXPECT_EQ(names.questions("localhost"), 0U);
}

// That there is no such name is an answer; that a server cannot tell is none.
TEST_F(UpstreamResolver, failures_are_told_from_names_without_addresses) {
  Answer answer = answer_to("nowhere.test");
  EXPECT_FALSE(answer.found());
  EXPECT_TRUE(answer.v4.answered);
  EXPECT_FALSE(answer.problem.empty());
  names.set("empty.test", {});
  answer = answer_to("empty.test");
  EXPECT_FALSE(answer.found());
  EXPECT_TRUE(answer.v4.answered);
  names.set("broken.test", {.v4 = {"192.0.2.1"}, .says = Says::failure});
  answer = answer_to("broken.test");
  EXPECT_FALSE(answer.found());
  EXPECT_FALSE(answer.v4.answered);
  EXPECT_FALSE(answer.v6.answered);
}

TEST_F(UpstreamResolver, a_silent_server_is_asked_as_often_as_it_may_be) {
  names.set("silent.test", {.says = Says::nothing});
  const auto begun = support::now();
  const Answer answer = answer_to("silent.test");
  EXPECT_FALSE(answer.found());
  EXPECT_FALSE(answer.v4.answered);
  EXPECT_GE(support::now() - begun, Duration(190));
  EXPECT_LT(support::now() - begun, Duration(3'000));
  EXPECT_EQ(names.questions("silent.test"), 2U);
}

// Some servers never answer for a family that a name has not.
TEST_F(UpstreamResolver, a_family_that_nobody_answers_for_holds_the_other_up_for_a_moment_only) {
  resolver.configure({.servers = {names.address()}, .timeout = Duration(20'000), .attempts = 1});
  names.set("half.test", {.v4 = {"192.0.2.1"}, .says_of_v6 = Says::nothing});
  const auto begun = support::now();
  const Answer answer = answer_to("half.test");
  EXPECT_EQ(answer.v4.addresses, std::vector{address("192.0.2.1")});
  EXPECT_FALSE(answer.v6.answered);
  EXPECT_LT(support::now() - begun, Duration(5'000));
}

TEST_F(UpstreamResolver, names_do_not_wait_for_each_other) {
  resolver.configure({.servers = {names.address()}, .timeout = Duration(60'000), .attempts = 1});
  for (int i = 0; i < 50; ++i) {
    const std::string name = "silent" + std::to_string(i) + ".test";
    names.set(name, {.says = Says::nothing});
    ask(name);
  }
  names.set("good.test", {.v4 = {"192.0.2.1"}});
  ask("good.test");
  wait_for(1);
  EXPECT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers.front().found());
  EXPECT_EQ(resolver.in_flight(), 50U);
}

// Goal: there is one lookup of a name at a time, and everybody who asks meanwhile gets its answer.
TEST_F(UpstreamResolver, whoever_asks_for_a_name_that_is_being_looked_up_joins_in) {
  names.set("web.test", {.v4 = {"192.0.2.1"}});
  for (int i = 0; i < 5; ++i) ask("web.test");
  EXPECT_EQ(resolver.in_flight(), 1U);
  EXPECT_TRUE(answers.empty()) << "never inside the call";
  wait_for(5);
  EXPECT_EQ(names.questions("web.test"), 1U);
  EXPECT_EQ(answer_to("web.test").v4.addresses.size(), 1U);
  EXPECT_EQ(names.questions("web.test"), 2U) << "later it is asked for anew";
}

// Goal: what was ended tells nobody, and keeps no loop alive. Method: the loop runs out of work.
TEST_F(UpstreamResolver, what_is_stopped_ends_at_once) {
  names.set("silent.test", {.says = Says::nothing});
  resolver.configure({.servers = {names.address()}, .timeout = Duration(60'000), .attempts = 1});
  ask("silent.test");
  test::turn_loop(worker);
  resolver.stop();
  ask("silent.test");
  worker.release();
  worker.io().restart();
  worker.io().run();
  EXPECT_TRUE(answers.empty());
}

// A port where nobody is says so at once.
TEST_F(UpstreamResolver, a_server_that_is_not_there_is_a_failure) {
  std::optional<NameServer> gone;
  gone.emplace();
  resolver.configure({.servers = {gone->address()}, .timeout = Duration(60'000), .attempts = 2});
  gone.reset();
  const Answer answer = answer_to("web.test");
  EXPECT_FALSE(answer.found());
  EXPECT_FALSE(answer.v4.answered);
}

TEST_F(UpstreamResolver, the_second_server_is_asked_when_the_first_is_silent) {
  NameServer silent;
  silent.set("web.test", {.says = Says::nothing});
  names.set("web.test", {.v4 = {"192.0.2.1"}});
  resolver.configure({.servers = {silent.address(), names.address()}, .timeout = Duration(100), .attempts = 2});
  EXPECT_TRUE(answer_to("web.test").found());
}

}  // namespace
}  // namespace lb::upstream
