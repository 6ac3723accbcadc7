#include "admin/request_json.hpp"

#include <string>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace lb::admin {
namespace {

namespace json = boost::json;
using telemetry::AttemptResult;
using telemetry::Micros;

telemetry::RecentRequest request_of(telemetry::RequestRecord record) {
  record.id = "4bf92f35";
  record.client = "192.0.2.7";
  return {7, base::WallTime(std::chrono::seconds(10)), std::move(record)};
}

void expect_json(const telemetry::RecentRequest& request, std::string_view expected) {
  EXPECT_EQ(json::value(request_json(request, 2)), json::parse(expected));
}

TEST(AdminRequestJson, leaves_out_what_there_was_not) {
  expect_json(request_of({}), R"({"id": "4bf92f35", "at": "1970-01-01T00:00:10.000Z", "client": "192.0.2.7",
                                  "ended_by": "complete", "duration_ms": 0.0, "worker": 2})");
}

// One backend was down, the next refused, the third answered: all of it is told, each time from the attempt's
// beginning.
TEST(AdminRequestJson, tells_each_attempt_and_who_was_passed_over) {
  telemetry::RequestRecord record;
  record.request_line = "GET /a HTTP/1.1";
  record.status = 200;
  record.total = Micros(5'250);
  record.first_byte = Micros(5'000);
  record.passed.push_back({"http://b0:80", telemetry::PassedOver::down, 0});
  telemetry::Attempt refused;
  refused.backend = "http://b1:80";
  refused.result = AttemptResult::not_connected;
  refused.detail = "connection refused";
  refused.began = Micros(10);
  refused.ended = Micros(1'010);
  telemetry::Attempt answered;
  answered.backend = "http://b2:80";
  answered.last_resort = true;
  answered.status = 200;
  answered.began = Micros(2'000);
  answered.connected = Micros(2'500);
  answered.first_byte = Micros(5'000);
  answered.ended = Micros(5'250);
  record.attempts.assign({refused, answered});
  expect_json(request_of(record), R"({
    "id": "4bf92f35", "at": "1970-01-01T00:00:09.994Z", "client": "192.0.2.7", "request": "GET /a HTTP/1.1",
    "status": 200, "ended_by": "complete", "duration_ms": 5.25, "first_byte_ms": 5.0, "worker": 2,
    "attempts": [
      {"backend": "http://b1:80", "result": "not_connected", "began_ms": 0.01, "duration_ms": 1.0,
       "detail": "connection refused"},
      {"backend": "http://b2:80", "result": "answered", "status": 200, "last_resort": true, "began_ms": 2.0,
       "connect_ms": 0.5, "first_byte_ms": 3.0, "duration_ms": 3.25}],
    "passed_over": [{"backend": "http://b0:80", "why": "down", "before_attempt": 0}]})");
}

// A pooled connection was not connected for this request: there is no time to tell.
TEST(AdminRequestJson, a_reused_connection_has_no_time_to_connect) {
  telemetry::RequestRecord record;
  record.refusal = telemetry::Refusal::backend_failed;
  record.ending = telemetry::Ending::client;
  record.detail = "the client left";
  record.total = Micros(3'000);
  telemetry::Attempt attempt;
  attempt.backend = "http://b1:80";
  attempt.result = AttemptResult::client_left;
  attempt.reused = true;
  attempt.began = attempt.connected = Micros(1'000);
  attempt.ended = Micros(3'000);
  record.attempts.push_back(attempt);
  expect_json(request_of(record), R"({
    "id": "4bf92f35", "at": "1970-01-01T00:00:09.997Z", "client": "192.0.2.7", "ended_by": "client",
    "refusal": "backend_failed", "detail": "the client left", "duration_ms": 3.0, "worker": 2,
    "attempts": [{"backend": "http://b1:80", "result": "client_left", "reused": true, "began_ms": 1.0,
                  "duration_ms": 2.0}]})");
}

// Request lines are what anybody sends: quotes and backslashes stay inside their string.
TEST(AdminRequestJson, a_hostile_request_line_stays_text) {
  telemetry::RequestRecord record;
  record.request_line = R"(GET /"},{\"<script>alert(1)</script> HTTP/1.1)";
  const json::value read = json::parse(json::serialize(request_json(request_of(record), 0)));
  EXPECT_EQ(read.at("request").as_string(), record.request_line);
}

}  // namespace
}  // namespace lb::admin
