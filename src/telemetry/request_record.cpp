#include "telemetry/request_record.hpp"

#include <algorithm>

namespace lb::telemetry {

std::string_view to_string(AttemptResult result) noexcept {
  switch (result) {
    case AttemptResult::answered:
      return "answered";
    case AttemptResult::not_connected:
      return "not_connected";
    case AttemptResult::stale:
      return "stale";
    case AttemptResult::no_answer:
      return "no_answer";
    case AttemptResult::bad_answer:
      return "bad_answer";
    case AttemptResult::timed_out:
      return "timed_out";
    case AttemptResult::broke_off:
      return "broke_off";
    case AttemptResult::client_left:
      return "client_left";
    case AttemptResult::abandoned:
      return "abandoned";
    case AttemptResult::over_limits:
      return "over_limits";
    case AttemptResult::stalled:
      return "stalled";
  }
  return "";
}

std::string_view to_string(Ending ending) noexcept {
  switch (ending) {
    case Ending::complete:
      return "complete";
    case Ending::client:
      return "client";
    case Ending::backend:
      return "backend";
    case Ending::balancer:
      return "balancer";
  }
  return "";
}

std::string_view to_string(Refusal refusal) noexcept {
  switch (refusal) {
    case Refusal::none:
      return "none";
    case Refusal::bad_request:
      return "bad_request";
    case Refusal::header_too_large:
      return "header_too_large";
    case Refusal::body_too_large:
      return "body_too_large";
    case Refusal::client_timeout:
      return "client_timeout";
    case Refusal::connection_limit:
      return "connection_limit";
    case Refusal::backends_busy:
      return "backends_busy";
    case Refusal::no_backend:
      return "no_backend";
    case Refusal::out_of_resources:
      return "out_of_resources";
    case Refusal::backend_failed:
      return "backend_failed";
    case Refusal::backend_timed_out:
      return "backend_timed_out";
    case Refusal::last_hop:
      return "last_hop";
    case Refusal::internal:
      return "internal";
    case Refusal::answer_too_large:
      return "answer_too_large";
    case Refusal::request_at_fault:
      return "request_at_fault";
  }
  return "";
}

std::string_view to_string(PassedOver why) noexcept {
  switch (why) {
    case PassedOver::down:
      return "down";
    case PassedOver::drained:
      return "drained";
    case PassedOver::disabled:
      return "disabled";
    case PassedOver::busy:
      return "busy";
    case PassedOver::tried:
      return "tried";
    case PassedOver::stalled:
      return "stalled";
    case PassedOver::ejected:
      return "ejected";
    case PassedOver::reduced:
      return "reduced";
  }
  return "";
}

void RequestRecord::clear() noexcept {
  for (std::string* text : {&id, &client, &request_line, &host, &referer, &user_agent, &traceparent}) text->clear();
  status = 0;
  refusal = Refusal::none;
  ending = Ending::complete;
  detail = {};
  request_body_bytes = response_body_bytes = 0;
  first_byte = total = Micros(0);
  attempts.clear();
  passed.clear();
  attempts_made = passed_over = 0;
}

void RequestRecord::pass_over(std::string_view backend, PassedOver why) noexcept {
  const auto again = [&](const Passed& one) {
    return one.backend == backend && one.before_attempt == attempts_made && one.why == why;
  };
  if (std::ranges::any_of(passed, again)) return;
  ++passed_over;
  if (passed.size() < kPassedMax) passed.push_back({backend, why, attempts_made});
}

}  // namespace lb::telemetry
