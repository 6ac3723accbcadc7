// Exchange: the attempts.
#include "proxy/exchange.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "http/authentication.hpp"
#include "proxy/request_id.hpp"

namespace lb::proxy {

Exchange::Exchange(ExchangeContext& context)
    : context_(context),
      place_(context.waiting),
      pump_(context.executor),
      continue_gate_(context.executor, context.wheel) {}

net::Awaitable<void> Exchange::run(message::Incoming& client, PinnedPtr& pinned) {
  client_ = &client;
  pinned_ = &pinned;
  if (const auto prepared = prepare(); !prepared) co_return co_await refuse(prepared.error());
  if (forwarded_.goes_no_further) co_return co_await answer_as_last();
  for (upstream::Pick pick;;) {
    // A stale connection is no fault of its backend, which gets the request again on a new one.
    if (!fresh_connection_) {
      place_.give_back();
      pick = pinned ? pick_pinned() : upstream::Pick{};
      if (!pick && !starved_) pick = pick_in_turn();
      if (!pick || pick.last_resort) pick = co_await choose(pick);
      if (!pick) co_return co_await refuse(error_);
      place_.take(pick);
    }
    const Outcome outcome = co_await attempt(pick);
    if (outcome == Outcome::failed && may_try_again(pick)) continue;
    place_.give_back();
    if (outcome == Outcome::failed) co_return co_await refuse(error_);
    co_return conclude(pick.endpoint->url());
  }
}

// Everything that is needed of the request, before its bytes make way for its body.
base::Result<void> Exchange::prepare() {
  const http::RequestHead& request = client_->request();
  const http::ConnectionOptions& options = client_->options();
  method_ = request.method;
  body_kind_ = client_->framing().kind;
  begin_record();
  if (context_.recorder.wants_texts()) record_texts(request);
  attempt_.reset();
  error_format_ = ErrorFormat::text;
  for (const http::Field& field : request.fields) {
    if (field.id == http::FieldId::accept && field.value.find("application/json") != std::string_view::npos) {
      error_format_ = ErrorFormat::json;
    }
  }
  context_.retries.record_request(context_.settings.retry_budget_percent);
  replay_.reset(context_.settings.replay_bytes);
  tried_.clear();
  blame_.clear();
  at_fault_ = false;
  binds_connection_ = http::authenticates_connection(request.fields);
  attempts_ = forwarded_count_ = pauses_ = failed_address_ = attempt_number_ = interims_passed_ = 0;
  fresh_connection_ = starved_ = last_resort_ = client_gone_ = aborted_ = false;
  error_ = {base::ErrorKind::no_backend, base::Side::internal, "no backend to try"};
  const auto written =
      http::write_forwarded_request(request, client_->framing(), options, client_->peer().address, "http", forwarded_);
  client_->consume_head();
  identify();
  if (!forwarded_.host_missing) forwarded_.head += "\r\n";  // whole, for every backend
  if (!written) return base::Error{written.error().kind, base::Side::downstream, written.error().detail};
  return {};
}

// RFC 9110 section 9.3.1: content of a GET may be taken for another request by backends that do not expect any. What
// they make of it must not become the answer to the next request on the connection, which may be somebody else's.
bool Exchange::has_unusual_body() const noexcept {
  if (body_kind_ == http::BodyKind::none) return false;
  switch (method_) {
    case http::Method::get:
    case http::Method::head:
    case http::Method::delete_:
    case http::Method::options:
      return true;
    default:
      return false;
  }
}

net::Awaitable<Exchange::Outcome> Exchange::attempt(const upstream::Pick& pick) {
  begin_attempt(pick);
  ++attempt_number_;
  std::unique_ptr<Connection> connection;
  if (!fresh_connection_) connection = take_idle(pick);
  reused_ = connection != nullptr;
  if (!connection) connection = co_await connect(pick);
  if (!connection) {
    end_attempt(pick, Outcome::failed);
    co_return Outcome::failed;
  }
  record_connected(pick);
  backend_ = connection.get();
  connection->begin(method_, client_->bulk());
  co_await send_request(*backend_, pick);
  const Outcome outcome = co_await relay_answer(*backend_, pick);
  if (!request_side_ended()) co_await stop_request_side();
  // Only now that the pump has ended is it certain what was written, and what could not be kept.
  failure_.request_written = backend_->wrote_anything();
  failure_.body_replayable = replay_.complete();
  if (outcome == Outcome::answered && request_complete_ && connection->reuse() != http1::Reuse::never &&
      !has_unusual_body() && context_.transport.has(*pick.endpoint, chosen_.id)) {
    keep_idle(pick, std::move(connection));
  }
  backend_ = nullptr;
  end_attempt(pick, outcome);
  co_return outcome;
}

Exchange::Outcome Exchange::fail(FailedAt at, const base::Error& error) noexcept {
  error_ = error;
  const bool over_limits = error.side == base::Side::upstream && error.kind == base::ErrorKind::header_too_large;
  failure_.at = over_limits ? FailedAt::over_limits : at;
  failure_.idempotent = idempotent();
  failure_.request_written = backend_ != nullptr && backend_->wrote_anything();
  failure_.body_replayable = replay_.complete();
  return Outcome::failed;
}

// What an error of reading the answer says about the attempt.
Exchange::Outcome Exchange::fail_reading_answer(message::Outgoing& backend, const base::Error& error) noexcept {
  using base::ErrorKind;
  if (client_gone_) return Outcome::cut;
  if (client_error_) return fail(FailedAt::no_answer, *client_error_);
  // The backend took no more of the request and said nothing: that is what failed.
  const base::Error& cause = error.kind == ErrorKind::cancelled && backend_error_ ? *backend_error_ : error;
  switch (cause.kind) {
    case ErrorKind::timeout:
      return fail(FailedAt::answer_timeout, cause);
    case ErrorKind::closed:
    case ErrorKind::truncated:
    case ErrorKind::reset:
    case ErrorKind::io:
      if (backend.answered()) return fail(FailedAt::bad_answer, cause);
      if (reused_) return fail(FailedAt::stale, cause);
      return fail(backend.wrote_anything() ? FailedAt::no_answer : FailedAt::nothing_sent, cause);
    case ErrorKind::cancelled:
      return Outcome::cut;  // the server is being torn down
    default:
      return fail(FailedAt::bad_answer, cause);
  }
}

// Settles who is to blame for the attempt that failed, and whether there is another.
bool Exchange::may_try_again(const upstream::Pick& pick) {
  if (error_.side == base::Side::downstream) return false;
  const Verdict verdict = decide(failure_);
  if (failure_.at == FailedAt::stale) {
    fresh_connection_ = true;
    return verdict != Verdict::give_up;
  }
  fresh_connection_ = false;
  starved_ = error_.kind == base::ErrorKind::no_resources;
  if (starved_) {
    // Out of descriptors, which is nobody's fault but ours: idle connections give theirs up, and the request waits for
    // one as long as it would for a connection.
    context_.pool.drop_idle();
    return verdict == Verdict::again && context_.wheel.now() - started_ < context_.settings.http.timeouts.connect;
  }
  tried_.push_back(pick.endpoint->slot());
  if (error_.side == base::Side::upstream && failure_.at != FailedAt::over_limits && blame(pick, error_.detail)) {
    blame_.charge(members_, *pick.endpoint, chosen_.address, failure_.at, error_.kind);
  }
  if (failure_.at == FailedAt::nothing_sent && context_.on_connect_failed != nullptr &&
      pick.endpoint->take_lookup_turn(context_.wheel.now())) {
    context_.on_connect_failed(context_.on_connect_failed_context, pick.endpoint->slot());
  }
  if (base::log_enabled(base::LogLevel::debug)) {
    base::log(base::LogLevel::debug, "attempt at " + pick.endpoint->url() + " failed: " + std::string(error_.detail));
  }
  if (verdict == Verdict::give_up) return false;
  if (blame_.lies_with_request(kind(), context_.wheel.now())) {
    blame_.take_back(context_.cluster);
    at_fault_ = true;
    error_.detail = "failed in the same way at two backends that serve others well";
    return false;
  }
  ++attempts_;
  if (failure_.at != FailedAt::nothing_sent) ++forwarded_count_;
  // A backend that could not be reached forwarded nothing: others are still worth a try, up to a bound, or the requests
  // of an outage would connect to everybody there is.
  const unsigned most = context_.settings.attempts;
  const bool knocks = attempts_ - forwarded_count_ < base::kKnocksMax;
  const bool more = knocks && (attempts_ < most || (most > 1 && forwarded_count_ < most && others_left()));
  if (!more || failure_.at == FailedAt::nothing_sent) return more;  // what never reached a backend is no load on it
  if (context_.retries.spend()) return true;
  context_.recorder.counters().retries_denied.add();
  if (context_.retries.is_news(context_.wheel.now())) {
    base::log(base::LogLevel::warning, "the retry budget is spent: requests that fail are not repeated for now");
  }
  return false;
}

// Whether a backend is left that was not tried, before any is tried again.
bool Exchange::others_left() const {
  if (pauses_ > 0) return false;
  return std::ranges::any_of(context_.members->endpoints(), [this](const auto& endpoint) {
    return endpoint->is_active() && std::ranges::find(tried_, endpoint->slot()) == tried_.end();
  });
}

net::Awaitable<void> Exchange::refuse(const base::Error& error) {
  record_.detail = error.detail;
  if (is_unanswerable(error)) {
    client_->reset();
    record_.ending = error.kind == base::ErrorKind::cancelled ? telemetry::Ending::balancer : telemetry::Ending::client;
    co_return conclude(error.detail);
  }
  record_.refusal = at_fault_ ? telemetry::Refusal::request_at_fault : refusal_of(error);
  co_await send_own_answer(make_error_answer(error, error_format_, at_fault_ ? error.detail : std::string_view()));
  conclude(error.detail);
}

// What was to go no further than here: OPTIONS learns what is allowed; TRACE would have to be reflected.
net::Awaitable<void> Exchange::answer_as_last() {
  if (method_ != http::Method::options)
    co_return co_await refuse({base::ErrorKind::method_not_allowed, base::Side::downstream, "TRACE that ends here"});
  record_.refusal = telemetry::Refusal::last_hop;
  co_await send_own_answer(make_options_answer());
  conclude("answered as the last hop");
}

net::Awaitable<void> Exchange::send_own_answer(const message::OwnAnswer& answer) {
  record_.status = answer.status;
  const bool tell_id =
      record_.refusal != telemetry::Refusal::last_hop && context_.settings.request_ids != RequestIds::off;
  record_own_answer(co_await client_->send_own_answer(answer, marks(tell_id)));
}

// `tell_id`: whether the client is told an id that it does not know.
message::AnswerMarks Exchange::marks(bool tell_id) {
  return {context_.date(), id_is_ours_ && tell_id ? std::string_view(record_.id) : std::string_view()};
}

net::Awaitable<void> Exchange::refuse_unread(message::Incoming& client, const base::Error& error) {
  client_ = &client;
  if (is_unanswerable(error)) co_return;
  begin_record();
  make_request_id(context_.random, record_.id);
  id_is_ours_ = true;
  record_.refusal = refusal_of(error);
  record_.detail = error.detail;
  co_await send_own_answer(make_error_answer(error, ErrorFormat::text));
  record_.total = elapsed();
  context_.recorder.record(record_);
  if (base::log_enabled(base::LogLevel::debug)) {
    base::log(base::LogLevel::debug, client_->peer().address + " " + std::to_string(status_of(error).status) + ": " +
                                         std::string(error.detail));
  }
}

void Exchange::log_outcome(unsigned status, std::string_view what) const {
  const base::LogLevel level =
      status >= 500 && what.find("://") == std::string_view::npos ? base::LogLevel::warning : base::LogLevel::debug;
  if (!base::log_enabled(level)) return;
  // The request line was checked to hold visible ASCII alone.
  const std::string_view line = std::string_view(forwarded_.head).substr(0, forwarded_.head.find('\r'));
  const auto elapsed = std::chrono::duration_cast<base::Duration>(context_.wheel.now() - started_);
  base::log(level, client_->peer().address + " \"" + std::string(line) + "\" " + std::to_string(status) + " " +
                       std::string(what) + " after " + std::to_string(attempts_) + " failed attempts, " +
                       std::to_string(elapsed.count()) + " ms");
}

}  // namespace lb::proxy
