#include "proxy/attempt.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "http/authentication.hpp"
#include "http/load_report.hpp"
#include "proxy/tunnel.hpp"

namespace lb::proxy {

using Outcome = Attempt::Outcome;

Attempt::Attempt(ExchangeContext& context, Request& request, Recording& recording, Blame& blame) noexcept
    : context_(context),
      request_(request),
      recording_(recording),
      blame_(blame),
      upload_(context, request, recording),
      stall_(context, request) {}

void Attempt::reset() noexcept {
  number_ = interims_passed_ = 0;
  stall_.reset();
}

net::Awaitable<Outcome> Attempt::run(const upstream::Pick& pick, Connect how, base::Deadline connect_deadline) {
  recording_.begin_attempt(pick);
  ++number_;
  std::unique_ptr<Connection> connection;
  if (how == Connect::idle_or_new) connection = take_idle(pick);
  reused_ = connection != nullptr;
  if (!connection) connection = co_await connect(pick, connect_deadline);
  if (!connection) {
    observe_failure(pick);
    record_end(Outcome::failed);
    co_return Outcome::failed;
  }
  recording_.connected(reused_);
  connection->begin(request_.method, request_.client->bulk());
  co_await upload_.begin(*connection, pick.endpoint->host_line());
  const Outcome outcome = co_await relay_answer(*connection, pick);
  stall_.end();
  if (!upload_.has_ended()) co_await upload_.stop();
  // Only now that nothing is sent any more is it certain what was written, and what could not be kept.
  failure_.request_written = connection->wrote_anything();
  failure_.body_replayable = request_.replay.complete();
  if (outcome == Outcome::failed) observe_failure(pick);
  if (outcome == Outcome::answered && upload_.is_complete() && connection->reuse() != http1::Reuse::never &&
      !request_.has_unusual_body() && context_.transport.keeps(*pick.endpoint, chosen_)) {
    keep(pick, std::move(connection));
  }
  record_end(outcome);
  co_return outcome;
}

// A connection that waits for a request: the client's own, or one from the pool.
std::unique_ptr<Attempt::Connection> Attempt::take_idle(const upstream::Pick& pick) {
  PinnedPtr& pinned = request_.own->pinned;
  if (pinned && pinned->endpoint == pick.endpoint) {
    std::unique_ptr<Connection> connection = std::move(pinned->connection);
    chosen_ = std::move(pinned->chosen);
    pinned.reset();
    if (connection->stream().probe() == net::Probe::quiet) {
      request_.binds_connection = true;
      return connection;
    }
  }
  if (request_.service->settings.proxy_header != ProxyHeader::off) return take_introduced(pick);
  chosen_ = context_.transport.choose(*pick.endpoint, blame_.failed_address());
  const upstream::Look look = request_.is_idempotent() ? upstream::Look::noticed : upstream::Look::at_the_socket;
  return context_.pool.take(*pick.endpoint, look, chosen_.id);
}

// One that began with the header that this request would have.
std::unique_ptr<Attempt::Connection> Attempt::take_introduced(const upstream::Pick& pick) {
  std::vector<Introduced>& introduced = request_.own->introduced;
  const auto found = std::ranges::find_if(introduced, [&](const Introduced& one) {
    return one.endpoint == pick.endpoint && one.header == request_.proxy_header;
  });
  if (found != introduced.end()) {
    std::unique_ptr<Connection> connection = std::move(found->connection);
    chosen_ = std::move(found->chosen);
    introduced.erase(found);
    const bool is_good = context_.transport.keeps(*pick.endpoint, chosen_);
    if (is_good && connection->stream().probe() == net::Probe::quiet) return connection;
  }
  chosen_ = context_.transport.choose(*pick.endpoint, blame_.failed_address());
  return nullptr;
}

// A new connection; none after fail().
net::Awaitable<std::unique_ptr<Attempt::Connection>> Attempt::connect(const upstream::Pick& pick,
                                                                      base::Deadline deadline) {
  auto stream = co_await context_.transport.connect(*pick.endpoint, chosen_, deadline, request_.proxy_header);
  if (!stream) {
    fail(FailedAt::nothing_sent, stream.error(), false);
    co_return nullptr;
  }
  co_return std::make_unique<Connection>(std::move(*stream), context_.response_states);
}

// For another request: of this client alone, or of any.
void Attempt::keep(const upstream::Pick& pick, std::unique_ptr<Connection> connection) {
  if (!request_.binds_connection && request_.proxy_header.empty()) {
    const upstream::PoolSettings& settings = request_.service->settings.pool;
    return connection->reuse() == http1::Reuse::at_once
               ? context_.pool.put(*pick.endpoint, std::move(connection), chosen_.id, settings)
               : context_.probation.put(request_.keeper(), *pick.endpoint, std::move(connection), chosen_.id, settings);
  }
  if (!request_.client->persists()) return;  // its client's connection ends, and so does this one
  connection->rest();
  connection->stream().read_ahead();
  Pinned own{request_.keeper(), pick.endpoint, chosen_, std::move(connection)};
  if (request_.binds_connection) {
    request_.own->pinned = std::make_unique<Pinned>(std::move(own));
    return;
  }
  std::vector<Introduced>& introduced = request_.own->introduced;
  if (introduced.size() == base::kIntroducedMax) introduced.erase(introduced.begin());
  introduced.push_back({std::move(own), request_.proxy_header});
}

net::Awaitable<Outcome> Attempt::relay_answer(message::Outgoing& backend, const upstream::Pick& pick) {
  const base::Duration patience = request_.plan->settings.first_response_byte_timeout;
  base::Deadline interim_deadline = base::kNever;
  base::TimePoint heard{};  // the last interim answer
  stall_.begin(pick);
  for (std::size_t interim_bytes = 0;;) {
    // While the body still flows, its own clocks bound the wait, and whoever ends the flow sets this deadline. It may
    // have ended before this read began; so the outcome counts, not whether the pump still runs.
    const bool stuck = upload_.backend_error().has_value();
    const bool body_flows = !upload_.is_complete() && !stuck;
    const base::TimePoint since = std::max(upload_.completed_at(), heard);
    const base::Deadline until = stuck        ? context_.wheel.after(base::kLingerTime)
                                 : body_flows ? base::kNever
                                              : std::min(since + patience, stall_.next_look(since));
    const auto read = co_await backend.read_response(until);
    if (!read) {
      const base::TimePoint began = std::max(upload_.completed_at(), heard);
      if (is_look(read.error()) && context_.wheel.now() < began + patience) {
        if (backend.answered()) stall_.end();  // with a part of its head
        if (backend.answered() || !stall_.look(began)) continue;
        co_return fail(FailedAt::stalled,
                       {base::ErrorKind::timeout, base::Side::upstream, "it owes every answer, while others answer"},
                       backend.wrote_anything());
      }
      const auto& unsent = upload_.backend_error();
      co_return fail_reading(backend, unsent && !backend.answered() ? *unsent : read.error());
    }
    const unsigned status = backend.response().status;
    if (status >= 200) {
      if (http::authenticates_connection(backend.response().fields)) request_.binds_connection = true;
      co_return co_await relay_final(backend, pick);
    }
    if (status == 101) co_return co_await relay_tunnel(backend, pick);
    // What a backend says before its answer is bounded like the head of that, or it could go on for ever.
    interim_bytes += backend.head_bytes();
    if (interim_deadline == base::kNever) interim_deadline = context_.wheel.after(patience * base::kInterimTimeFactor);
    if (interim_bytes > base::kInterimBytesMax || context_.wheel.now() >= interim_deadline) {
      const std::string_view why = interim_bytes > base::kInterimBytesMax ? "interim answers too large in all"
                                                                          : "interim answers without an end";
      co_return fail(FailedAt::over_limits, {base::ErrorKind::header_too_large, base::Side::upstream, why},
                     backend.wrote_anything());
    }
    const Outcome relayed = co_await relay_interim(backend);
    if (relayed != Outcome::answered) co_return relayed;
    stall_.end();
    heard = context_.wheel.now();
  }
}

// 1xx: passed on (RFC 9110 section 15.2).
net::Awaitable<Outcome> Attempt::relay_interim(message::Outgoing& backend) {
  const bool agreed = backend.response().status == 100;
  if (agreed) upload_.consent();
  // If the client has interim answers of an attempt that failed, those of another one would only repeat them.
  const bool said_before = interims_passed_ != 0 && interims_passed_ != number_;
  if (said_before || (agreed && !request_.forwarded.expect_continue)) {
    backend.consume_head();
    co_return Outcome::answered;
  }
  interims_passed_ = number_;
  const auto sent = co_await request_.client->send_interim(backend.response());
  backend.consume_head();
  if (!sent) recording_.record().ending = telemetry::Ending::client;
  co_return sent ? Outcome::answered : Outcome::cut;
}

net::Awaitable<Outcome> Attempt::relay_final(message::Outgoing& backend, const upstream::Pick& pick) {
  message::Incoming& client = *request_.client;
  const unsigned status = backend.response().status;
  const http::BodyKind kind = backend.framing().kind;
  message::AnswerMarks marks = recording_.marks(request_.plan->settings.request_ids == RequestIds::both);
  if (request_.service->sticky) marks.cookie = request_.cookie = cookie_for(pick);
  client.begin_answer(backend.response(), kind, marks);
  if (backend.response().fields.has(http::FieldId::endpoint_load_metrics)) note_report(backend.response(), pick);
  std::string named;  // for the trailers
  if (kind == http::BodyKind::chunked) named = http::named_in_connection(backend.response().fields);
  backend.consume_head();
  auto run = backend.take_buffered_body();
  if (!run) co_return fail(FailedAt::bad_answer, run.error(), backend.wrote_anything());  // nothing was sent yet
  stall_.end();
  observe(pick, status, recording_.answered(status));
  if (pick.last_resort) context_.health.record_recovery(*pick.endpoint);

  std::string kept_trailers;
  bool relayed_in_kernel = false;  // tried once for each answer
  for (;;) {
    std::string_view trailers = backend.trailers();
    if (!trailers.empty() && !named.empty()) trailers = kept_trailers = http::without_named(trailers, named);
    const bool relay_next = !relayed_in_kernel && backend.may_relay_body();
    const auto sent = co_await client.send_answer(*run, trailers, relay_next && backend.more_at_hand());
    if (!sent) co_return cut(pick, sent.error());
    recording_.answer_sent(run->bytes);
    if (run->end) break;
    if (relay_next) {
      relayed_in_kernel = true;
      const auto relayed = co_await relay_in_kernel(backend);
      if (!relayed) co_return cut(pick, relayed.error());
      if (backend.body_ended()) break;
    }
    // One side is read only when the other has taken what was read before: that is all the back-pressure there is.
    run = co_await backend.read_body();
    if (!run) co_return cut(pick, run.error());
  }
  blame_.praise(*pick.endpoint, chosen_, recording_.started());
  co_return Outcome::answered;
}

// Relays as much of the rest of the body as splice() takes; nothing where no pipe is to be had. Counted as it goes to
// the client.
net::Awaitable<base::Result<void>> Attempt::relay_in_kernel(message::Outgoing& backend) {
  net::Pipe pipe = context_.pipes.take();
  if (!pipe) co_return base::Result<void>();
  const net::Stream& to = *request_.client->bulk();
  const std::uint64_t before = to.bytes_written();
  const auto relayed = co_await backend.relay_body(pipe);
  recording_.answer_sent(to.bytes_written() - before);
  co_return relayed;
}

net::Awaitable<Outcome> Attempt::relay_tunnel(message::Outgoing& backend, const upstream::Pick& pick) {
  // Until the switch was asked for, agreed to and passed on, everything is HTTP; and a request has to be over first.
  const bool switched = http::switches_as_offered(backend.response(), request_.forwarded.upgrade);
  if (!switched || !upload_.is_complete()) {
    co_return fail(FailedAt::bad_answer,
                   {base::ErrorKind::malformed, base::Side::upstream, "101 that was not asked for"},
                   backend.wrote_anything());
  }
  message::Incoming& client = *request_.client;
  co_await client.stop_watching();
  const auto written = co_await client.send_switch(backend.response());
  backend.consume_head();
  observe(pick, 101, recording_.answered(101));
  if (!written) co_return Outcome::cut;
  if (pick.last_resort) context_.health.record_recovery(*pick.endpoint);
  blame_.praise(*pick.endpoint, chosen_, recording_.started());

  const Settings& settings = request_.plan->settings;
  Tunnel tunnel(client.tunnel_end(), backend.tunnel_end(), settings.http.timeouts.write_idle,
                settings.tunnel_idle_timeout);
  co_await tunnel.run();
  co_return Outcome::cut;  // neither connection speaks HTTP any more
}

Outcome Attempt::fail(FailedAt at, const base::Error& error, bool wrote_anything) noexcept {
  request_.error = error;
  const bool over_limits = error.side == base::Side::upstream && error.kind == base::ErrorKind::header_too_large;
  failure_.at = over_limits ? FailedAt::over_limits : at;
  failure_.idempotent = request_.is_idempotent();
  failure_.request_written = wrote_anything;
  failure_.body_replayable = request_.replay.complete();
  return Outcome::failed;
}

// What an error of reading the answer says about the attempt.
Outcome Attempt::fail_reading(const message::Outgoing& backend, const base::Error& error) noexcept {
  using base::ErrorKind;
  const bool wrote = backend.wrote_anything();
  if (request_.client_state != ClientState::there) return Outcome::cut;
  if (upload_.client_error()) return fail(FailedAt::no_answer, *upload_.client_error(), wrote);
  // The backend took no more of the request and said nothing: that is what failed.
  const base::Error& cause =
      error.kind == ErrorKind::cancelled && upload_.backend_error() ? *upload_.backend_error() : error;
  if (cause.kind == ErrorKind::cancelled) return Outcome::cut;  // the server is being torn down
  if (cause.kind == ErrorKind::tls_alert) return fail(FailedAt::nothing_sent, cause, wrote);
  if (cause.kind == ErrorKind::not_processed) return fail(FailedAt::not_processed, cause, wrote);
  if (cause.kind == ErrorKind::timeout) return fail(FailedAt::answer_timeout, cause, wrote);
  if (!base::is_end_of_connection(cause.kind) || backend.answered()) return fail(FailedAt::bad_answer, cause, wrote);
  if (reused_) return fail(FailedAt::stale, cause, wrote);
  return fail(wrote ? FailedAt::no_answer : FailedAt::nothing_sent, cause, wrote);
}

// Part of the answer is with the client. Nothing can be repeated now; the client has to see that the rest is missing.
Outcome Attempt::cut(const upstream::Pick& pick, const base::Error& error) {
  using telemetry::Ending;
  const bool gone = request_.client_state != ClientState::there || upload_.client_error();
  const bool client_left = error.side == base::Side::downstream || gone;
  const bool ended_by_us =
      gone ? request_.client_state == ClientState::reset_here : error.kind == base::ErrorKind::cancelled;
  recording_.ends(ended_by_us ? Ending::balancer : client_left ? Ending::client : Ending::backend, error.detail);
  if (!client_left && error.side == base::Side::upstream && error.kind != base::ErrorKind::cancelled) {
    // What breaks our own limits is no illness of the backend's.
    if (error.kind != base::ErrorKind::header_too_large) {
      blame_.charge(*pick.endpoint, chosen_, FailedAt::answer_started, error);
    }
    base::log(base::LogLevel::warning,
              "answer of " + pick.endpoint->url() + " broke off: " + std::string(error.detail));
  }
  client_left ? request_.client->reset() : request_.client->cut();
  return Outcome::cut;
}

bool Attempt::is_look(const base::Error& error) const noexcept {
  return error.kind == base::ErrorKind::timeout && upload_.is_complete() && !upload_.backend_error();
}

void Attempt::observe(const upstream::Pick& pick, unsigned status, base::TimePoint now) {
  balancer::Load& load = pick.endpoint->load();
  if (pick.endpoint->suspension() == upstream::Suspension::stalled) {
    load.note_late_answer(now);
    if (pick.trial != 0) pick.endpoint->end_trial(pick.trial);  // however long the rest of the answer takes
    return context_.health.record_answer_after_stall(*pick.endpoint);
  }
  // An answer that came before all was sent says nothing of how long one takes.
  const bool timed = upload_.is_complete();
  const auto latency = std::chrono::duration_cast<std::chrono::microseconds>(now - upload_.completed_at());
  std::chrono::microseconds confirmed(0);
  if (timed) {
    confirmed = load.note_answer(latency, now);
  } else {
    load.note_answer(now);
  }
  if (!load.is_observed()) return;
  // 501 and 505 are about the request.
  if (status >= 500 && status != 501 && status != 505) return load.record_failure(now);
  load.record(balancer::Sample{confirmed, pick.in_flight}, now);
}

// What a backend says of itself is asked for by policies that go by it.
void Attempt::note_report(const http::ResponseHead& head, const upstream::Pick& pick) const {
  balancer::Load& load = pick.endpoint->load();
  if (!load.is_observed()) return;
  for (const http::Field& field : head.fields) {
    if (field.id != http::FieldId::endpoint_load_metrics) continue;
    const auto said = http::parse_load_report(field.value);
    if (!said) continue;
    const std::chrono::microseconds latency(static_cast<std::int64_t>(said->latency_ms * 1000));
    load.record(balancer::Report{said->requests_in_flight, latency}, context_.wheel.now());
  }
}

void Attempt::observe_failure(const upstream::Pick& pick) {
  const bool is_its_own = request_.error.side == base::Side::upstream && failure_.at != FailedAt::stale &&
                          failure_.at != FailedAt::over_limits && failure_.at != FailedAt::not_processed &&
                          failure_.at != FailedAt::stalled;
  balancer::Load& load = pick.endpoint->load();
  if (is_its_own && load.is_observed()) load.record_failure(context_.wheel.now());
}

// A client whose own backend is busy, or has failed this one request, stays with it.
std::string Attempt::cookie_for(const upstream::Pick& pick) const {
  const Service& service = *request_.service;
  if (!service.sticky) return {};
  const auto own = service.sticky->find(request_.sticky);
  if (own && (&(*service.members)[*own] == pick.endpoint || service.members->keeps_own(*own))) return {};
  return service.sticky->cookie_for(*pick.endpoint, request_.client->peer().scheme == "https");
}

void Attempt::record_end(Outcome outcome) noexcept {
  using telemetry::Ending;
  const telemetry::RequestRecord& record = recording_.record();
  if (outcome == Outcome::cut && record.ending == Ending::complete && recording_.attempt_status() != 101) {
    recording_.ends(request_.client_state == ClientState::left ? Ending::client : Ending::balancer,
                    request_.end_of_client());
  }
  recording_.end_attempt(result_of(outcome), outcome == Outcome::failed ? request_.error.detail : record.detail);
}

telemetry::AttemptResult Attempt::result_of(Outcome outcome) const noexcept {
  using telemetry::AttemptResult;
  using telemetry::Ending;
  // A tunnel ends when either side does: that is how it is answered to the end.
  if (outcome == Outcome::answered || recording_.attempt_status() == 101) return AttemptResult::answered;
  if (outcome == Outcome::cut) {
    const Ending ending = recording_.record().ending;
    return ending == Ending::client    ? AttemptResult::client_left
           : ending == Ending::backend ? AttemptResult::broke_off
                                       : AttemptResult::abandoned;
  }
  if (request_.error.side == base::Side::downstream) return AttemptResult::client_left;
  if (request_.error.kind == base::ErrorKind::no_resources) return AttemptResult::abandoned;
  switch (failure_.at) {
    case FailedAt::nothing_sent:
    case FailedAt::not_processed:
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
    case FailedAt::stalled:
      return AttemptResult::stalled;
    case FailedAt::answer_started:
      break;
  }
  return AttemptResult::broke_off;
}

}  // namespace lb::proxy
