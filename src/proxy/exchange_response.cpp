// Exchange: the answer's way to the client.
#include "http/authentication.hpp"
#include "proxy/exchange.hpp"
#include "proxy/tunnel.hpp"

namespace lb::proxy {
net::Awaitable<Exchange::Outcome> Exchange::relay_answer(message::Outgoing& backend, const upstream::Pick& pick) {
  const base::Duration patience = context_.settings.http.timeouts.first_response_byte;
  base::Deadline interim_deadline = base::kNever;
  for (std::size_t interim_bytes = 0;;) {
    // While the body still flows, its own clocks bound the wait, and whoever ends the flow sets this deadline. It may
    // have ended before this read began; so the outcome counts, not whether the pump's coroutine still runs.
    const bool body_flows = !request_complete_ && !backend_error_;
    const base::Duration wait = backend_error_ ? base::kLingerTime : patience;
    const auto read = co_await backend.read_response(body_flows ? base::kNever : context_.wheel.after(wait));
    if (!read) {
      co_return fail_reading_answer(backend, backend_error_ && !backend.answered() ? *backend_error_ : read.error());
    }
    const unsigned status = backend.response().status;
    if (status >= 200) {
      if (http::authenticates_connection(backend.response().fields)) binds_connection_ = true;
      co_return co_await relay_final(backend, pick);
    }
    if (status == 101) co_return co_await relay_tunnel(backend, pick);
    // What a backend says before its answer is bounded like the head of that, or it could go on for ever.
    interim_bytes += backend.head_bytes();
    if (interim_deadline == base::kNever) interim_deadline = context_.wheel.after(patience * base::kInterimTimeFactor);
    if (interim_bytes > base::kInterimBytesMax || context_.wheel.now() >= interim_deadline) {
      const std::string_view why = interim_bytes > base::kInterimBytesMax ? "interim answers too large in all"
                                                                          : "interim answers without an end";
      co_return fail(FailedAt::over_limits, {base::ErrorKind::header_too_large, base::Side::upstream, why});
    }
    const Outcome relayed = co_await relay_interim(backend);
    if (relayed != Outcome::answered) co_return relayed;
  }
}

// 1xx: passed on (RFC 9110 section 15.2).
net::Awaitable<Exchange::Outcome> Exchange::relay_interim(message::Outgoing& backend) {
  const bool agreed = backend.response().status == 100;
  if (agreed) continue_gate_.wake();
  // Those of an attempt that failed stand for themselves: another one's would say it all again.
  const bool said_before = interims_passed_ != 0 && interims_passed_ != attempt_number_;
  if (said_before || (agreed && !forwarded_.expect_continue)) {
    backend.consume_head();
    co_return Outcome::answered;
  }
  interims_passed_ = attempt_number_;
  const auto sent = co_await client_->send_interim(backend.response());
  backend.consume_head();
  if (!sent) record_.ending = telemetry::Ending::client;
  co_return sent ? Outcome::answered : Outcome::cut;
}

net::Awaitable<Exchange::Outcome> Exchange::relay_final(message::Outgoing& backend, const upstream::Pick& pick) {
  const unsigned status = backend.response().status;
  const http::BodyKind kind = backend.framing().kind;
  client_->begin_answer(backend.response(), kind, marks(context_.settings.request_ids == RequestIds::both));
  std::string named;  // for the trailers
  if (kind == http::BodyKind::chunked) named = http::named_in_connection(backend.response().fields);
  backend.consume_head();
  auto run = backend.take_buffered_body();
  if (!run) co_return fail(FailedAt::bad_answer, run.error());  // nothing of it was sent yet
  record_answer(pick, status);
  if (pick.last_resort) context_.cluster.record_recovery(*pick.endpoint);

  std::string kept_trailers;
  bool relayed_in_kernel = false;  // tried once for each answer
  for (;;) {
    std::string_view trailers = backend.trailers();
    if (!trailers.empty() && !named.empty()) trailers = kept_trailers = http::without_named(trailers, named);
    const bool relay_next = !relayed_in_kernel && backend.may_relay_body();
    const auto sent = co_await client_->send_answer(*run, trailers, relay_next && backend.more_at_hand());
    if (!sent) co_return cut(pick, sent.error());
    record_.response_body_bytes += run->bytes;
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
  praise(pick);
  co_return Outcome::answered;
}

// As much of the rest of the body as does: none where no pipe is to be had. It is counted as it goes to the client.
net::Awaitable<base::Result<void>> Exchange::relay_in_kernel(message::Outgoing& backend) {
  net::Pipe pipe = context_.pipes.take();
  if (!pipe) co_return base::Result<void>();
  const std::uint64_t before = client_->bulk()->bytes_written();
  const auto relayed = co_await backend.relay_body(pipe);
  record_.response_body_bytes += client_->bulk()->bytes_written() - before;
  co_return relayed;
}

// Part of the answer is with the client. Nothing can be repeated now; the client has to see that the rest is missing.
Exchange::Outcome Exchange::cut(const upstream::Pick& pick, const base::Error& error) {
  using telemetry::Ending;
  const bool client_left = error.side == base::Side::downstream || client_gone_ || client_error_;
  const bool ended_by_us = client_gone_ || client_error_ ? aborted_ : error.kind == base::ErrorKind::cancelled;
  record_.ending = ended_by_us ? Ending::balancer : client_left ? Ending::client : Ending::backend;
  record_.detail = error.detail;
  if (!client_left && error.side == base::Side::upstream && error.kind != base::ErrorKind::cancelled) {
    // What breaks our own limits is no illness of the backend's.
    if (error.kind != base::ErrorKind::header_too_large) blame(pick, error.detail);
    base::log(base::LogLevel::warning,
              "answer of " + pick.endpoint->url() + " broke off: " + std::string(error.detail));
  }
  client_left ? client_->reset() : client_->cut();
  return Outcome::cut;
}

net::Awaitable<Exchange::Outcome> Exchange::relay_tunnel(message::Outgoing& backend, const upstream::Pick& pick) {
  // Until the switch was asked for, agreed to and passed on, everything is HTTP; and a request has to be over first.
  const bool switched = http::switches_as_offered(backend.response(), forwarded_.upgrade);
  if (!switched || !request_complete_) {
    co_return fail(FailedAt::bad_answer,
                   {base::ErrorKind::malformed, base::Side::upstream, "101 that was not asked for"});
  }
  co_await client_->stop_watching();
  const auto written = co_await client_->send_switch(backend.response());
  backend.consume_head();
  record_answer(pick, 101);
  if (!written) co_return Outcome::cut;
  if (pick.last_resort) context_.cluster.record_recovery(*pick.endpoint);
  praise(pick);

  const http1::Timeouts& timeouts = context_.settings.http.timeouts;
  Tunnel tunnel(client_->tunnel_end(), backend.tunnel_end(), timeouts.write_idle, timeouts.tunnel_idle);
  co_await tunnel.run();
  co_return Outcome::cut;  // neither connection speaks HTTP any more
}

}  // namespace lb::proxy
