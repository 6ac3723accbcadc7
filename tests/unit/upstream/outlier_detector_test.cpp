// Who is taken for an outlier, what happens to it, and how it comes back.
#include "upstream/outlier_detector.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/cluster.hpp"

namespace lb::upstream {
namespace {

using namespace std::chrono_literals;
using telemetry::AttemptResult;

class UpstreamOutlierDetector : public testing::Test {
 protected:
  static std::vector<BackendSpec> specs(std::size_t count) {
    std::vector<BackendSpec> specs;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string host = "b" + std::to_string(i);
      specs.push_back({"http://" + host, host, 80, 1, 0});
    }
    return specs;
  }

  void begin(std::size_t count, const OutlierSettings& settings) {
    cluster_ = std::make_unique<test::Cluster>(specs(count));
    detector_.configure(settings);
    detector_.watch(cluster_->members()->endpoints());
    detector_.look(now_);
  }
  Endpoint& at(std::size_t index) { return cluster_->endpoint(index); }
  // So many answers, of which some failed, and how long each took.
  void answers(std::size_t index, unsigned count, unsigned failed, telemetry::Micros took = 5ms) {
    telemetry::BackendCounters& counters = at(index).counters(0);
    for (unsigned i = 0; i < count; ++i) {
      counters.answers[i < failed ? 5 : 2].add();
      counters.attempts_ended[static_cast<std::size_t>(AttemptResult::answered)].add();
      counters.first_byte.record(took);
    }
  }
  // All answer well, but for the first, of whose 100 answers so many fail.
  void look_with(unsigned failed, telemetry::Micros took = 5ms) {
    for (std::size_t i = 0; i < cluster_->size(); ++i) answers(i, 100, i == 0 ? failed : 1, i == 0 ? took : 5ms);
    now_ += detector_.interval();
    detector_.look(now_);
  }
  double share() { return at(0).load().share(now_); }

  base::TimePoint now_{1h};
  HealthRecorder health_;
  std::unique_ptr<test::Cluster> cluster_;
  OutlierDetector detector_{health_};
};

constexpr OutlierSettings kFailures{.failure_percent = 50, .ejection = 30s};
constexpr OutlierSettings kLatency{.latency_percent = 300, .ejection = 30s};

TEST_F(UpstreamOutlierDetector, who_fails_loses_weight_then_everything_and_comes_back) {
  begin(4, kFailures);
  look_with(80);
  EXPECT_NEAR(share(), 0.5, 0.01);
  EXPECT_EQ(at(0).remark().reason, "80 % of its answers failed, and 1 % of the others'");
  look_with(80);
  EXPECT_NEAR(share(), 0.25, 0.01);
  look_with(80);
  EXPECT_EQ(at(0).suspension(), Suspension::ejected);
  now_ += 29s;
  detector_.look(now_);
  EXPECT_EQ(at(0).suspension(), Suspension::ejected);
  now_ += 2s;
  detector_.look(now_);
  EXPECT_EQ(at(0).suspension(), Suspension::none);
  EXPECT_NEAR(share(), 0.25, 0.01) << "its weight comes back as it went";
  for (int i = 0; i < 3; ++i) look_with(0);
  EXPECT_EQ(share(), 1);
  EXPECT_TRUE(at(0).remark().reason.empty());
}

// Goal: the second time it takes twice as long.
TEST_F(UpstreamOutlierDetector, each_ejection_lasts_longer) {
  begin(4, kFailures);
  for (int i = 0; i < 3; ++i) look_with(90);
  now_ += 31s;
  detector_.look(now_);
  ASSERT_EQ(at(0).suspension(), Suspension::none);
  for (int i = 0; i < 3; ++i) look_with(90);
  ASSERT_EQ(at(0).suspension(), Suspension::ejected);
  now_ += 45s;
  detector_.look(now_);
  EXPECT_EQ(at(0).suspension(), Suspension::ejected);
  now_ += 20s;
  detector_.look(now_);
  EXPECT_EQ(at(0).suspension(), Suspension::none);
}

TEST_F(UpstreamOutlierDetector, all_that_fail_alike_are_no_outliers) {
  begin(4, kFailures);
  for (int round = 0; round < 5; ++round) {
    for (std::size_t i = 0; i < 4; ++i) answers(i, 100, 70);
    now_ += detector_.interval();
    detector_.look(now_);
  }
  for (std::size_t i = 0; i < 4; ++i) EXPECT_FALSE(at(i).load().is_reduced()) << i;
}

// Goal: no more than the share that may be ejected, and never the last one.
TEST_F(UpstreamOutlierDetector, there_is_a_cap_and_the_last_one_stays) {
  begin(10, {.failure_percent = 50, .ejected_percent = 20});
  for (int round = 0; round < 6; ++round) {
    for (std::size_t i = 0; i < 10; ++i) answers(i, 100, i < 4 ? 90 : 0);
    now_ += detector_.interval();
    detector_.look(now_);
  }
  int ejected = 0;
  for (std::size_t i = 0; i < 10; ++i) ejected += at(i).suspension() == Suspension::ejected ? 1 : 0;
  EXPECT_EQ(ejected, 2);

  begin(2, {.failure_percent = 50, .ejected_percent = 100});
  at(1).administer(Administration::disabled);
  for (int i = 0; i < 5; ++i) look_with(90);
  EXPECT_EQ(at(0).suspension(), Suspension::none);
}

TEST_F(UpstreamOutlierDetector, who_is_much_slower_than_the_others) {
  begin(4, kLatency);
  look_with(0, 9ms);
  EXPECT_FALSE(at(0).load().is_reduced()) << "not three times as long";
  for (int i = 0; i < 8; ++i) look_with(0, 200ms);
  EXPECT_TRUE(at(0).load().is_reduced() || at(0).suspension() == Suspension::ejected);
  EXPECT_NE(at(0).remark().reason.find("took longer"), std::string::npos) << at(0).remark().reason;
}

// Goal: where latencies are spread widely, a spread is no outlier. Method: 5, 20, 80 ms; the last is far from the
// first.
TEST_F(UpstreamOutlierDetector, deviation_counts) {
  begin(3, kLatency);
  for (int round = 0; round < 5; ++round) {
    answers(0, 100, 0, 5ms);
    answers(1, 100, 0, 20ms);
    answers(2, 100, 0, 65ms);
    now_ += detector_.interval();
    detector_.look(now_);
  }
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(at(i).load().is_reduced()) << i;
}

TEST_F(UpstreamOutlierDetector, few_answers_say_nothing) {
  begin(3, kFailures);
  answers(0, 10, 10);
  answers(1, 100, 0);
  answers(2, 100, 0);
  detector_.look(now_ += detector_.interval());
  EXPECT_FALSE(at(0).load().is_reduced());
}

TEST_F(UpstreamOutlierDetector, off_gives_everything_back) {
  begin(4, kFailures);
  for (int i = 0; i < 3; ++i) look_with(90);
  ASSERT_EQ(at(0).suspension(), Suspension::ejected);
  detector_.configure({});
  EXPECT_EQ(at(0).suspension(), Suspension::none);
  EXPECT_EQ(share(), 1);
}

}  // namespace
}  // namespace lb::upstream
