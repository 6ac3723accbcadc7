#include "proxy/recording.hpp"

#include "base/limits.hpp"
#include "proxy/request_id.hpp"

namespace lb::proxy {
namespace {

// A text of the client's, as far as logs keep it.
void keep_text(std::string& out, std::string_view text) {
  out = text.substr(0, base::kLoggedTextBytesMax);
}

}  // namespace

telemetry::Micros Recording::elapsed() const noexcept {
  return std::chrono::duration_cast<telemetry::Micros>(context_.wheel.now() - started_);
}

void Recording::begin(const message::Incoming& client, RequestIds ids) {
  ids_ = ids;
  started_ = context_.wheel.now();
  record_.clear();
  attempt_.reset();
  plans_.clear();
  record_.client = client.peer().address;
}

void Recording::keep_texts(const http::RequestHead& request) {
  std::string& line = record_.request_line;
  line.append(request.method_name).append(" ").append(request.target.substr(0, base::kLoggedTextBytesMax));
  line.append(request.version == http::Version::http_1_1 ? " HTTP/1.1" : " HTTP/1.0");
  for (const http::Field& field : request.fields) {
    if (field.id == http::FieldId::host) keep_text(record_.host, field.value);
    if (field.id != http::FieldId::other) continue;
    if (http::equals_ignoring_case(field.name, "referer")) keep_text(record_.referer, field.value);
    if (http::equals_ignoring_case(field.name, "user-agent")) keep_text(record_.user_agent, field.value);
    if (http::equals_ignoring_case(field.name, "traceparent")) keep_text(record_.traceparent, field.value);
  }
}

void Recording::identify(http::ForwardedRequest& request) {
  id_is_ours_ = request.request_id.empty();
  if (!id_is_ours_) {
    record_.id = request.request_id;
    return;
  }
  make_request_id(context_.random, record_.id);
  if (ids_ == RequestIds::off) return;
  request.head.append("X-Request-Id: ").append(record_.id).append("\r\n");
}

void Recording::identify() {
  make_request_id(context_.random, record_.id);
  id_is_ours_ = true;
}

message::AnswerMarks Recording::marks(bool tell_id) {
  return {
      .date = context_.date(), .request_id = tell_id ? std::string_view(record_.id) : std::string_view(), .cookie = {}};
}

void Recording::begin_attempt(const upstream::Pick& pick) noexcept {
  if (attempt_.has_value()) context_.recorder.counters().retries[static_cast<std::size_t>(attempt_->result)].add();
  endpoint_ = pick.endpoint;
  attempt_.emplace();
  attempt_->backend = endpoint_->url();
  attempt_->last_resort = pick.last_resort;
  attempt_->began = elapsed();
  request_bytes_ = record_.response_body_bytes = 0;
  counters().attempts_begun.add();
}

void Recording::connected(bool reused) noexcept {
  attempt_->reused = reused;
  if (reused) {
    attempt_->connected = attempt_->began;
    counters().connections_reused.add();
  } else {
    attempt_->connected = elapsed();
    counters().connections_opened.add();
    counters().connect.record(attempt_->connected - attempt_->began);
  }
}

base::TimePoint Recording::answered(unsigned status) noexcept {
  attempt_->status = record_.status = status;
  attempt_->first_byte = record_.first_byte = elapsed();
  counters().answers[telemetry::status_class(status)].add();
  counters().first_byte.record(attempt_->first_byte - attempt_->began);
  return started_ + attempt_->first_byte;
}

void Recording::end_attempt(telemetry::AttemptResult result, std::string_view detail) noexcept {
  attempt_->ended = elapsed();
  attempt_->result = result;
  attempt_->detail = detail;
  // A stale connection is the everyday end of a pooled one: it is shown, and not counted as a try.
  if (result != telemetry::AttemptResult::stale) ++record_.attempts_made;
  if (record_.attempts.size() == telemetry::RequestRecord::kAttemptsMax) record_.attempts.pop_back();
  record_.attempts.push_back(*attempt_);

  telemetry::BackendCounters& counted = counters();
  counted.attempts_ended[static_cast<std::size_t>(result)].add();
  counted.request_body_bytes.add(request_bytes_);
  counted.response_body_bytes.add(record_.response_body_bytes);
  if (result == telemetry::AttemptResult::answered) counted.total.record(attempt_->ended - attempt_->began);
}

void Recording::own_answer(unsigned status, const base::Result<std::size_t>& sent) noexcept {
  record_.status = status;
  if (sent) {
    record_.response_body_bytes = *sent;
  } else {
    record_.ending =
        sent.error().kind == base::ErrorKind::cancelled ? telemetry::Ending::balancer : telemetry::Ending::client;
  }
}

void Recording::conclude() noexcept {
  record_.total = record_.attempts.empty() || record_.refusal != telemetry::Refusal::none
                      ? elapsed()
                      : record_.attempts.back().ended;
  context_.recorder.record(record_);
}

}  // namespace lb::proxy
