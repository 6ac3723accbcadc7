// Exchange: what is remembered of it for logs and metrics.
#include "proxy/exchange.hpp"
#include "proxy/request_id.hpp"

namespace lb::proxy {
namespace {

// A text of the client's, as far as logs keep it.
void keep_text(std::string& out, std::string_view text) {
  out = text.substr(0, base::kLoggedTextBytesMax);
}

}  // namespace

telemetry::Micros Exchange::elapsed() const noexcept {
  return std::chrono::duration_cast<telemetry::Micros>(context_.wheel.now() - started_);
}

void Exchange::begin_record() {
  started_ = context_.wheel.now();
  record_.clear();
  former_members_.clear();
  record_.client = client_->peer().address;
}

// What is asked for by texts alone, while the head still stands in the buffer.
void Exchange::record_texts(const http::RequestHead& request) {
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

// The client's id, or a new one, which the backend is told as well.
void Exchange::identify() {
  id_is_ours_ = forwarded_.request_id.empty();
  if (!id_is_ours_) {
    record_.id = forwarded_.request_id;
    return;
  }
  make_request_id(context_.random, record_.id);
  if (context_.settings.request_ids == RequestIds::off) return;
  forwarded_.head.append("X-Request-Id: ").append(record_.id).append("\r\n");
}

void Exchange::begin_attempt(const upstream::Pick& pick) noexcept {
  if (attempt_.has_value()) context_.recorder.counters().retries[static_cast<std::size_t>(attempt_->result)].add();
  attempt_.emplace();
  attempt_->backend = pick.endpoint->url();
  attempt_->last_resort = pick.last_resort;
  attempt_->began = elapsed();
  attempt_request_bytes_ = record_.response_body_bytes = 0;
  counters(pick).attempts_begun.add();
}

void Exchange::record_connected(const upstream::Pick& pick) noexcept {
  attempt_->reused = reused_;
  if (reused_) {
    attempt_->connected = attempt_->began;
    counters(pick).connections_reused.add();
  } else {
    attempt_->connected = elapsed();
    counters(pick).connections_opened.add();
    counters(pick).connect.record(attempt_->connected - attempt_->began);
  }
}

void Exchange::record_answer(const upstream::Pick& pick, unsigned status) noexcept {
  attempt_->status = record_.status = status;
  attempt_->first_byte = record_.first_byte = elapsed();
  counters(pick).answers[telemetry::status_class(status)].add();
  counters(pick).first_byte.record(attempt_->first_byte - attempt_->began);
}

// Of several addresses only the one that was asked; of the endpoint, if none could be reached. False: nobody was.
bool Exchange::blame(const upstream::Pick& pick, std::string_view reason) {
  failed_address_ = chosen_.id;
  if (chosen_.address == nullptr) {
    context_.cluster.record_failure(*pick.endpoint, reason, kind());
    return true;
  }
  // One that the name had while the attempt was under way, and has not any more, is nobody's.
  const upstream::AddressSet* const all = context_.transport.addresses(*pick.endpoint);
  if (all == nullptr || !all->has(chosen_.id)) return false;
  context_.cluster.record_failure(*pick.endpoint, *chosen_.address, *all, reason, kind());
  return true;
}

void Exchange::praise(const upstream::Pick& pick) {
  // The time is for minutes: that of the request's beginning will do.
  context_.cluster.record_success(*pick.endpoint, context_.recorder.worker(), kind(), started_);
  if (chosen_.address != nullptr) context_.cluster.record_success(*pick.endpoint, *chosen_.address);
}

telemetry::AttemptResult Exchange::result_of(Outcome outcome) const noexcept {
  using telemetry::AttemptResult;
  using telemetry::Ending;
  // A tunnel ends when either side does: that is how it is answered to the end.
  if (outcome == Outcome::answered || attempt_->status == 101) return AttemptResult::answered;
  if (outcome == Outcome::cut) {
    return record_.ending == Ending::client    ? AttemptResult::client_left
           : record_.ending == Ending::backend ? AttemptResult::broke_off
                                               : AttemptResult::abandoned;
  }
  if (error_.side == base::Side::downstream) return AttemptResult::client_left;
  if (error_.kind == base::ErrorKind::no_resources) return AttemptResult::abandoned;
  switch (failure_.at) {
    case FailedAt::nothing_sent:
      return AttemptResult::not_connected;
    case FailedAt::stale:
      // A new connection follows, unless the backend may have seen the request: then that was its answer.
      return decide(failure_) == Verdict::give_up ? AttemptResult::no_answer : AttemptResult::stale;
    case FailedAt::no_answer:
      return AttemptResult::no_answer;
    case FailedAt::bad_answer:
      return AttemptResult::bad_answer;
    case FailedAt::answer_timeout:
      return AttemptResult::timed_out;
    case FailedAt::over_limits:
      return AttemptResult::over_limits;
    case FailedAt::answer_started:
      break;
  }
  return AttemptResult::broke_off;
}

void Exchange::end_attempt(const upstream::Pick& pick, Outcome outcome) noexcept {
  using telemetry::Ending;
  if (outcome == Outcome::cut && record_.ending == Ending::complete && attempt_->status != 101) {
    record_.ending = client_gone_ && !aborted_ ? Ending::client : Ending::balancer;
    record_.detail = end_of_client();
  }
  attempt_->ended = elapsed();
  attempt_->result = result_of(outcome);
  attempt_->detail = outcome == Outcome::failed ? error_.detail : record_.detail;
  // A stale connection is the everyday end of a pooled one: it is shown, and not counted as a try.
  if (attempt_->result != telemetry::AttemptResult::stale) ++record_.attempts_made;
  if (record_.attempts.size() == telemetry::RequestRecord::kAttemptsMax) record_.attempts.pop_back();
  record_.attempts.push_back(*attempt_);

  telemetry::BackendCounters& counted = counters(pick);
  counted.attempts_ended[static_cast<std::size_t>(attempt_->result)].add();
  counted.request_body_bytes.add(attempt_request_bytes_);
  counted.response_body_bytes.add(record_.response_body_bytes);
  if (attempt_->result == telemetry::AttemptResult::answered) {
    counted.total.record(attempt_->ended - attempt_->began);
  }
}

// Bytes of the body, or why the client could not be told.
void Exchange::record_own_answer(const base::Result<std::size_t>& sent) noexcept {
  if (sent) {
    record_.response_body_bytes = *sent;
  } else {
    record_.ending =
        sent.error().kind == base::ErrorKind::cancelled ? telemetry::Ending::balancer : telemetry::Ending::client;
  }
}

// The request has ended: those who count and log are told. `what`: for the log's line.
void Exchange::conclude(std::string_view what) {
  record_.total = record_.attempts.empty() || record_.refusal != telemetry::Refusal::none
                      ? elapsed()
                      : record_.attempts.back().ended;
  log_outcome(record_.status, what);
  context_.recorder.record(record_);
}

}  // namespace lb::proxy
