#include "admin/request_json.hpp"

#include <string_view>
#include <utility>

#include <boost/json/array.hpp>

#include "base/date_text.hpp"

namespace lb::admin {
namespace {

namespace json = boost::json;
using telemetry::Micros;

void add_text(json::object& object, std::string_view name, std::string_view text) {
  if (!text.empty()) object[name] = text;
}

void add_status(json::object& object, unsigned status) {
  if (status != 0) object["status"] = status;
}

// A moment that was never reached is 0.
void add_span(json::object& object, std::string_view name, Micros from, Micros until) {
  if (until != Micros(0)) object[name] = to_ms(until - from);
}

json::object attempt_json(const telemetry::Attempt& attempt) {
  json::object object;
  object["backend"] = attempt.backend;
  object["result"] = to_string(attempt.result);
  add_status(object, attempt.status);
  if (attempt.reused) object["reused"] = true;
  if (attempt.last_resort) object["last_resort"] = true;
  object["began_ms"] = to_ms(attempt.began);
  if (!attempt.reused) add_span(object, "connect_ms", attempt.began, attempt.connected);
  add_span(object, "first_byte_ms", attempt.began, attempt.first_byte);
  object["duration_ms"] = to_ms(attempt.ended - attempt.began);
  add_text(object, "detail", attempt.detail);
  return object;
}

json::object passed_json(const telemetry::Passed& passed) {
  return {{"backend", passed.backend}, {"why", to_string(passed.why)}, {"before_attempt", passed.before_attempt}};
}

}  // namespace

json::object request_json(const telemetry::RecentRequest& request, std::size_t worker) {
  const telemetry::RequestRecord& record = request.record();
  json::object object;
  object["id"] = record.id;
  object["at"] = base::rfc3339(began_at(request));
  object["client"] = record.client;
  add_text(object, "request", record.request_line);
  add_status(object, record.status);
  object["ended_by"] = to_string(record.ending);
  if (record.refusal != telemetry::Refusal::none) object["refusal"] = to_string(record.refusal);
  add_text(object, "detail", record.detail);
  object["duration_ms"] = to_ms(record.total);
  add_span(object, "first_byte_ms", Micros(0), record.first_byte);
  object["worker"] = worker;
  json::array attempts;
  for (const telemetry::Attempt& attempt : record.attempts) attempts.push_back(attempt_json(attempt));
  if (!attempts.empty()) object["attempts"] = std::move(attempts);
  json::array passed_over;
  for (const telemetry::Passed& passed : record.passed) passed_over.push_back(passed_json(passed));
  if (!passed_over.empty()) object["passed_over"] = std::move(passed_over);
  return object;
}

}  // namespace lb::admin
