#include "proxy/upload.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace lb::proxy {

Upload::Upload(ExchangeContext& context, Request& request, Recording& recording) noexcept
    : context_(context),
      request_(request),
      recording_(recording),
      pump_(context.executor),
      gate_(context.executor, context.wheel) {}

net::Awaitable<void> Upload::begin(message::Outgoing& backend, std::string_view host_line) {
  message::Incoming& client = *request_.client;
  backend_ = &backend;
  client_error_.reset();
  backend_error_.reset();
  gate_.reset();
  // A client that expects 100 and has not begun to send its body: the backend has to agree first (RFC 9110
  // section 10.1.1).
  state_ = request_.forwarded.expect_continue && client.body_is_held_back() ? State::held_back : State::flows;
  message::BodyRun run;
  if (state_ == State::flows) {
    run = request_.replay.run(client.body_ended());
    if (run.bytes == 0 && !run.end) {
      auto taken = client.take_buffered_body();
      if (!taken) {
        client_error_ = taken.error();
        co_return backend.stop();
      }
      run = *taken;
      recording_.body_taken(run.bytes);
      keep_for_repeat(run);
    }
  }
  recording_.body_sent(run.bytes);
  const auto written =
      co_await backend.send_request(request_.forwarded, host_line, request_.body_kind, run, trailers());
  if (!written) {
    backend_error_ = written.error();
    if (written.error().kind == base::ErrorKind::timeout) backend.stop();
    co_return;
  }
  if (run.end) co_return completed();
  pump_.start(pump());
}

// The rest of the request's body, as it comes.
net::Awaitable<void> Upload::pump() {
  message::Incoming& client = *request_.client;
  if (state_ == State::held_back) {
    co_await gate_.until(context_.wheel.after(base::kContinueWait));
    if (state_ == State::stopped) co_return;
    state_ = State::flows;
    const message::BodyRun kept = request_.replay.run(client.body_ended());
    if (kept.bytes > 0 || kept.end) {
      const bool sent = co_await send(kept);
      if (!sent) co_return;
    }
  }
  while (state_ == State::flows && !client.body_ended()) {
    const auto run = co_await client.read_body();
    if (!run) {
      if (state_ == State::stopped) co_return;
      client_error_ = run.error();
      backend_->stop();  // wakes whoever reads the answer
      co_return;
    }
    recording_.body_taken(run->bytes);
    keep_for_repeat(*run);
    const bool sent = co_await send(*run);
    if (!sent) co_return;
  }
  if (state_ == State::flows) completed();
}

net::Awaitable<bool> Upload::send(const message::BodyRun& run) {
  recording_.body_sent(run.bytes);
  const auto written = co_await backend_->send_body(run, trailers());
  if (written) co_return true;
  backend_error_ = written.error();
  if (written.error().kind == base::ErrorKind::timeout) {
    backend_->stop();
  } else {
    // It takes no more; an answer that it gave before is read, but not waited for as long as usual.
    backend_->set_response_deadline(context_.wheel.after(base::kLingerTime));
  }
  co_return false;
}

// Without those that Connection names.
std::string_view Upload::trailers() {
  const std::string_view trailers = request_.client->request_trailers();
  if (trailers.empty()) return trailers;
  // Nor may who a client is be said behind a body.
  kept_trailers_ = http::without_identity(http::without_named(trailers, request_.forwarded.named));
  return kept_trailers_;
}

void Upload::keep_for_repeat(const message::BodyRun& run) {
  // A method that is not idempotent is not repeated once a byte of it was written: nothing is worth keeping then.
  if (!request_.is_idempotent() && backend_->wrote_anything()) return request_.replay.forget();
  request_.replay.record(run);
}

// From here on the backend has all it needs: its clock runs, and the client has nothing to do but wait or leave.
void Upload::completed() noexcept {
  state_ = State::complete;
  completed_at_ = context_.wheel.now();
  const base::Duration patience = request_.plan->settings.first_response_byte_timeout;
  backend_->set_response_deadline(completed_at_ + std::min(request_.first_look, patience));
  request_.client->watch(message::Incoming::OnGone::to<&Upload::client_gone>(*this));
}

// RFC 9110 has no word for it; nginx, Go and Caddy do the same: a client that closes while its answer is awaited wants
// none.
void Upload::client_gone(base::ErrorKind how) noexcept {
  request_.client_state = how == base::ErrorKind::cancelled ? ClientState::reset_here : ClientState::left;
  backend_->stop();
}

net::Awaitable<void> Upload::stop() {
  if (pump_.running() && state_ != State::complete) {
    state_ = State::stopped;
    gate_.wake();
    request_.client->cancel_read_body();
    backend_->stop();
  }
  co_await pump_.join();
  co_await request_.client->stop_watching();
}

}  // namespace lb::proxy
