#include "telemetry/explanation.hpp"

#include <gtest/gtest.h>

namespace lb::telemetry {
namespace {

Attempt attempt(std::string_view backend, AttemptResult result, unsigned status = 0, std::string_view detail = {}) {
  Attempt one;
  one.backend = backend;
  one.result = result;
  one.status = status;
  one.detail = detail;
  one.first_byte = Micros(status == 0 ? 0 : 3'140);
  one.ended = Micros(60'000'000);
  return one;
}

RequestRecord record_of(const std::vector<Attempt>& attempts) {
  RequestRecord record;
  for (const Attempt& one : attempts) {
    record.attempts.push_back(one);
    if (one.result != AttemptResult::stale) ++record.attempts_made;
  }
  return record;
}

TEST(TelemetryExplanation, the_usual) {
  EXPECT_EQ(explain(record_of({attempt("http://a", AttemptResult::answered, 200)})),
            "It was the turn of http://a, which answered with 200 after 3.1 ms.");
}

TEST(TelemetryExplanation, the_first_of_those_that_had_no_turn) {
  std::vector<Passed> out = {{"http://b", PassedOver::down, 0}, {"http://c", PassedOver::disabled, 0}};
  const RequestRecord record = record_of({attempt("http://a", AttemptResult::answered, 200)});
  EXPECT_EQ(explain(record, out),
            "It was the turn of http://a, which answered with 200 after 3.1 ms; "
            "http://b is down and http://c is disabled, and so had no turn.");
  out.insert(out.end(), 3, {"http://d", PassedOver::drained, 0});
  EXPECT_TRUE(explain(record, out).ends_with("http://d is being drained, and so had no turn, as 2 more."))
      << explain(record, out);
}

TEST(TelemetryExplanation, every_attempt_and_everyone_passed_over) {
  RequestRecord record = record_of({});
  record.pass_over("http://d", PassedOver::down);
  record.attempts.push_back(attempt("http://a", AttemptResult::not_connected, 0, "connection refused"));
  record.attempts_made = 1;
  record.pass_over("http://a", PassedOver::tried);
  record.pass_over("http://b", PassedOver::drained);
  record.pass_over("http://e", PassedOver::busy);
  record.attempts.push_back(attempt("http://c", AttemptResult::answered, 503));
  record.attempts_made = 2;
  EXPECT_EQ(explain(record),
            "http://d is down; it was the turn of http://a, which could not be reached (connection refused); "
            "http://b is being drained and http://e is at its connection limit; "
            "then http://c answered with 503 after 3.1 ms.");
}

TEST(TelemetryExplanation, a_stale_connection) {
  EXPECT_EQ(explain(record_of(
                {attempt("http://a", AttemptResult::stale), attempt("http://a", AttemptResult::answered, 204)})),
            "It was the turn of http://a, which had just closed its idle connection, so that the request went on a new "
            "one; then http://a answered with 204 after 3.1 ms.");
}

TEST(TelemetryExplanation, a_last_resort_in_vain) {
  Attempt last = attempt("http://a", AttemptResult::not_connected, 0, "connection refused");
  last.last_resort = true;
  RequestRecord record = record_of({last});
  record.passed.push_back({"http://a", PassedOver::down, 0});
  record.status = 502;
  record.refusal = Refusal::backend_failed;
  record.detail = "connection refused";
  EXPECT_EQ(explain(record),
            "http://a is down; with no other left, http://a could not be reached (connection refused); the balancer "
            "itself answered with 502 (connection refused).");
}

TEST(TelemetryExplanation, no_attempt) {
  RequestRecord record;
  record.status = 400;
  record.refusal = Refusal::bad_request;
  record.detail = "malformed message";
  EXPECT_EQ(explain(record), "No backend was asked; the balancer itself answered with 400 (malformed message).");
  record = {};
  record.pass_over("http://a", PassedOver::disabled);
  record.status = 503;
  record.refusal = Refusal::no_backend;
  record.detail = "no backend to try";
  EXPECT_EQ(explain(record),
            "http://a is disabled; no backend was asked; the balancer itself answered with 503 (no backend to try).");
  record = {};
  record.ending = Ending::client;
  record.detail = "the client left";
  EXPECT_EQ(explain(record), "No backend was asked, for the client left.");
  record = {};
  record.status = 200;
  record.refusal = Refusal::last_hop;
  EXPECT_EQ(explain(record), "The request was to go no further than this balancer, which answered it.");
}

// Goal: no result and no reason is without words. Method: all of them.
TEST(TelemetryExplanation, there_are_words_for_everything) {
  for (std::size_t i = 0; i < kAttemptResults; ++i) {
    const auto result = static_cast<AttemptResult>(i);
    EXPECT_FALSE(to_string(result).empty());
    for (const unsigned status : {0U, 101U, 200U}) {
      const std::string text = explain(record_of({attempt("http://a", result, status, "why")}));
      EXPECT_GT(text.size(), std::string("It was the turn of http://a, which .").size()) << i;
    }
  }
  for (std::size_t i = 0; i < kRefusals; ++i) EXPECT_FALSE(to_string(static_cast<Refusal>(i)).empty()) << i;
  for (std::size_t i = 0; i < kEndings; ++i) EXPECT_FALSE(to_string(static_cast<Ending>(i)).empty()) << i;
}

}  // namespace
}  // namespace lb::telemetry
