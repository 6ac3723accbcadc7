// What a request looks like in the access log, whatever its client sent.
#include "telemetry/access_log_line.hpp"

#include <cstdlib>
#include <random>
#include <string>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "support/log_lines.hpp"

namespace lb::telemetry {
namespace {

namespace json = boost::json;
using test::kCombined;

constexpr std::string_view kCommonTime = "23/Nov/2026:08:22:01 +0000";
constexpr std::string_view kUtcTime = "2026-11-23T08:22:01.123Z";

std::string combined(const RequestRecord& record) {
  std::string line;
  append_combined(record, kCommonTime, line);
  return line;
}
std::string json_line(const RequestRecord& record) {
  std::string line;
  append_json(record, kUtcTime, line);
  return line;
}
json::object parsed(const RequestRecord& record) {
  const std::string line = json_line(record);
  EXPECT_TRUE(line.ends_with("}\n"));
  EXPECT_EQ(line.find('\n'), line.size() - 1) << "one line";
  boost::system::error_code problem;
  const json::value value = json::parse(line, problem);
  EXPECT_FALSE(problem) << problem.message() << ": " << line;
  return value.is_object() ? value.get_object() : json::object();
}

RequestRecord answered() {
  RequestRecord record;
  record.id = "4bf92f3577b34da6a3ce929d0e0e4736";
  record.client = "192.0.2.1";
  record.request_line = "GET /a?b=c HTTP/1.1";
  record.host = "example.org";
  record.referer = "http://example.org/from";
  record.user_agent = "curl/8.5.0";
  record.status = 200;
  record.response_body_bytes = 1234;
  record.first_byte = Micros(2'345);
  record.total = Micros(3'050);
  Attempt attempt;
  attempt.backend = "http://backend1:8080";
  attempt.status = 200;
  attempt.began = Micros(45);
  attempt.connected = Micros(345);
  attempt.first_byte = Micros(2'345);
  attempt.ended = Micros(3'045);
  record.attempts.push_back(attempt);
  return record;
}

TEST(TelemetryAccessLogLine, text_is_the_combined_format) {
  EXPECT_EQ(combined(answered()),
            "192.0.2.1 - - [23/Nov/2026:08:22:01 +0000] \"GET /a?b=c HTTP/1.1\" 200 1234 \"http://example.org/from\" "
            "\"curl/8.5.0\"\n");
}

TEST(TelemetryAccessLogLine, json_has_all_that_is_known) {
  EXPECT_EQ(json_line(answered()),
            R"({"time":"2026-11-23T08:22:01.123Z","id":"4bf92f3577b34da6a3ce929d0e0e4736","client":"192.0.2.1",)"
            R"("method":"GET","target":"/a?b=c","protocol":"HTTP/1.1","host":"example.org","status":200,)"
            R"("request_bytes":0,"bytes":1234,"referer":"http://example.org/from","user_agent":"curl/8.5.0",)"
            R"("duration_ms":3.050,"first_byte_ms":2.345,"ended_by":"complete","backend":"http://backend1:8080",)"
            R"("attempts":[{"backend":"http://backend1:8080","result":"answered","status":200,"reused":false,)"
            R"("last_resort":false,"connect_ms":0.300,"first_byte_ms":2.300,"duration_ms":3.000}]})"
            "\n");
}

TEST(TelemetryAccessLogLine, json_has_the_attempts_in_order_and_the_backend_of_the_last) {
  RequestRecord record = answered();
  Attempt before;
  before.backend = "http://backend2:8080";
  before.result = AttemptResult::not_connected;
  before.last_resort = true;
  before.detail = "connection refused";
  before.ended = Micros(12'000);
  record.attempts.insert(record.attempts.begin(), before);
  record.attempts.back().reused = true;
  record.request_body_bytes = 18'446'744'073'709'551'615U;
  record.ending = Ending::client;
  record.detail = "the client left";
  record.traceparent = "00-4bf9-00f0-01";
  const json::object line = parsed(record);
  EXPECT_EQ(line.at("backend").as_string(), "http://backend1:8080");
  EXPECT_EQ(line.at("request_bytes").to_number<std::uint64_t>(), record.request_body_bytes);
  EXPECT_EQ(line.at("ended_by").as_string(), "client");
  EXPECT_EQ(line.at("detail").as_string(), "the client left");
  EXPECT_EQ(line.at("traceparent").as_string(), "00-4bf9-00f0-01");
  EXPECT_FALSE(line.contains("refusal"));
  const json::array& attempts = line.at("attempts").as_array();
  ASSERT_EQ(attempts.size(), 2U);
  const json::object& failed = attempts[0].as_object();
  EXPECT_EQ(failed.at("result").as_string(), "not_connected");
  EXPECT_EQ(failed.at("detail").as_string(), "connection refused");
  EXPECT_TRUE(failed.at("last_resort").as_bool());
  EXPECT_EQ(failed.at("duration_ms").as_double(), 12.0);
  EXPECT_FALSE(failed.contains("status"));
  EXPECT_FALSE(failed.contains("connect_ms")) << "it never was connected";
  EXPECT_FALSE(failed.contains("first_byte_ms"));
  EXPECT_FALSE(attempts[1].as_object().contains("connect_ms")) << "it was connected before";
}

TEST(TelemetryAccessLogLine, a_request_that_could_not_be_read_has_a_line_too) {
  RequestRecord record;
  record.client = "2001:db8::1";
  record.status = 400;
  record.refusal = Refusal::bad_request;
  record.detail = "malformed request line";
  EXPECT_EQ(combined(record), "2001:db8::1 - - [23/Nov/2026:08:22:01 +0000] \"-\" 400 0 \"-\" \"-\"\n");
  const json::object line = parsed(record);
  for (const char* absent : {"method", "target", "protocol", "host", "referer", "user_agent", "traceparent", "id",
                             "first_byte_ms", "backend", "attempts"}) {
    EXPECT_FALSE(line.contains(absent)) << absent;
  }
  EXPECT_EQ(line.at("refusal").as_string(), "bad_request");
  EXPECT_EQ(line.at("status").as_int64(), 400);
}

TEST(TelemetryAccessLogLine, a_request_without_an_answer_tells_who_ended_it) {
  RequestRecord record = answered();
  record.status = 0;
  record.ending = Ending::client;
  EXPECT_NE(combined(record).find("\" 499 1234 \""), std::string::npos) << combined(record);
  EXPECT_FALSE(parsed(record).contains("status"));
  record.ending = Ending::balancer;
  EXPECT_NE(combined(record).find("\" 000 1234 \""), std::string::npos) << combined(record);
}

TEST(TelemetryAccessLogLine, what_the_client_sent_is_escaped) {
  RequestRecord record = answered();
  record.request_line = "GET /\"\\ HTTP/1.1";
  record.referer = "\" 200 1 \"-\" \"forged\n\x01";
  record.user_agent = "\xC3\xA4\xFF\x7F";
  record.host = "\xE2\x82\xAC\xED\xA0\x80\"\\\t\xC2\x85";
  EXPECT_EQ(combined(record), R"(192.0.2.1 - - [23/Nov/2026:08:22:01 +0000] "GET /\x22\x5C HTTP/1.1" 200 1234 )"
                              R"("\x22 200 1 \x22-\x22 \x22forged\x0A\x01" "\xC3\xA4\xFF\x7F")"
                              "\n");
  const json::object line = parsed(record);
  EXPECT_EQ(line.at("target").as_string(), "/\"\\");
  EXPECT_EQ(line.at("referer").as_string(), record.referer);
  EXPECT_EQ(line.at("user_agent").as_string(), "\xC3\xA4\xEF\xBF\xBD\x7F");
  EXPECT_EQ(line.at("host").as_string(), "\xE2\x82\xAC\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"\\\t\xC2\x85");
  EXPECT_NE(json_line(record).find(R"(\u0085)"), std::string::npos) << "terminals obey it";
}

// Goal: a client cannot make lines of any length, of which a block has to hold one more than it is full. Method: the
// longest texts that are kept, of bytes that take the most room.
TEST(TelemetryAccessLogLine, the_longest_line_is_bounded) {
  RequestRecord record = answered();
  const std::string longest(base::kLoggedTextBytesMax, '\xFF');
  record.id = std::string(base::kRequestIdBytesMax, '"');
  record.request_line = "GET " + std::string(base::kLoggedTextBytesMax, '"') + " HTTP/1.1";
  record.host = record.referer = record.user_agent = record.traceparent = longest;
  while (record.attempts.size() < RequestRecord::kAttemptsMax) record.attempts.push_back(record.attempts.front());
  EXPECT_LT(combined(record).size(), base::kAccessLogBlockBytes);
  EXPECT_LT(json_line(record).size(), base::kAccessLogBlockBytes);
}

// Goal: no bytes make a line that a reader takes for something else. Method: any bytes, from a seed, in every text.
TEST(TelemetryAccessLogLine, any_bytes_make_valid_lines) {
  std::mt19937 random(20261123);
  constexpr std::string_view kAwkward = "\"\\ \n\x7F{}[],:\xC3\xA4\xE2\xF0\x9F";
  const auto bytes = [&] {
    std::string text(random() % 40, '\0');
    const bool any = random() % 2 == 0;
    for (char& c : text) c = any ? static_cast<char>(random() & 0xFFU) : kAwkward[random() % kAwkward.size()];
    return text;
  };
  for (int i = 0; i < 20'000; ++i) {
    RequestRecord record = answered();
    for (std::string* text :
         {&record.request_line, &record.host, &record.referer, &record.user_agent, &record.traceparent}) {
      *text = bytes();
    }
    const std::string line = combined(record);
    std::smatch parts;
    const std::string without_end = line.substr(0, line.size() - 1);
    ASSERT_TRUE(std::regex_match(without_end, parts, kCombined)) << line;
    ASSERT_EQ(parts[4], "200") << line;
    const json::object object = parsed(record);
    ASSERT_FALSE(HasFailure()) << "round " << i;
    ASSERT_EQ(object.at("status").as_int64(), 200);
    ASSERT_EQ(object.contains("user_agent"), !record.user_agent.empty());
  }
}

}  // namespace
}  // namespace lb::telemetry
