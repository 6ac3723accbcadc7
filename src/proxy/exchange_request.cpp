// Exchange: the request's way to the backend.
#include "proxy/exchange.hpp"

namespace lb::proxy {

// Writes the head with what there is of the body, and starts the pump for the rest. A write that fails is not the end
// of the attempt: the backend may have answered before it closed, so the answer is read all the same.
net::Awaitable<void> Exchange::send_request(message::Outgoing& backend, const upstream::Pick& pick) {
  pump_stopped_ = request_complete_ = false;
  client_error_.reset();
  backend_error_.reset();
  continue_gate_.reset();

  // A client that expects 100 and has not begun to send its body: the backend has to agree first (RFC 9110
  // section 10.1.1).
  body_waits_ = forwarded_.expect_continue && client_->body_is_held_back();
  message::BodyRun run;
  if (!body_waits_) {
    run = replay_.run(client_->body_ended());
    if (run.bytes == 0 && !run.end) {
      auto taken = client_->take_buffered_body();
      if (!taken) {
        client_error_ = taken.error();
        co_return backend.stop();
      }
      run = *taken;
      record_.request_body_bytes += run.bytes;
      keep_for_repeat(backend, run);
    }
  }
  attempt_request_bytes_ += run.bytes;
  const auto written =
      co_await backend.send_request(forwarded_, pick.endpoint->host_line(), body_kind_, run, request_trailers());
  if (!written) {
    backend_error_ = written.error();
    if (written.error().kind == base::ErrorKind::timeout) backend.stop();
    co_return;
  }
  if (run.end) co_return request_sent(backend);
  pump_.start(pump_body(backend));
}

// Beside the reading of the answer: the rest of the request's body, as it comes.
net::Awaitable<void> Exchange::pump_body(message::Outgoing& backend) {
  if (body_waits_) {
    co_await continue_gate_.until(context_.wheel.after(base::kContinueWait));
    const message::BodyRun kept = replay_.run(client_->body_ended());
    if (!pump_stopped_ && (kept.bytes > 0 || kept.end)) {
      const bool sent = co_await send_body_run(backend, kept);
      if (!sent) co_return;
    }
  }
  while (!pump_stopped_ && !client_->body_ended()) {
    const auto run = co_await client_->read_body();
    if (!run) {
      if (pump_stopped_) co_return;
      client_error_ = run.error();
      backend.stop();  // wakes whoever reads the answer
      co_return;
    }
    record_.request_body_bytes += run->bytes;
    keep_for_repeat(backend, *run);
    const bool sent = co_await send_body_run(backend, *run);
    if (!sent) co_return;
  }
  if (!pump_stopped_) request_sent(backend);
}

net::Awaitable<bool> Exchange::send_body_run(message::Outgoing& backend, const message::BodyRun& run) {
  attempt_request_bytes_ += run.bytes;
  const auto written = co_await backend.send_body(run, request_trailers());
  if (written) co_return true;
  backend_error_ = written.error();
  if (written.error().kind == base::ErrorKind::timeout) {
    backend.stop();
  } else {
    // It takes no more; an answer that it gave before is read, but not waited for as long as usual.
    backend.set_response_deadline(context_.wheel.after(base::kLingerTime));
  }
  co_return false;
}

// Without those that Connection names.
std::string_view Exchange::request_trailers() {
  const std::string_view trailers = client_->request_trailers();
  if (trailers.empty() || forwarded_.named.empty()) return trailers;
  kept_trailers_ = http::without_named(trailers, forwarded_.named);
  return kept_trailers_;
}

void Exchange::keep_for_repeat(message::Outgoing& backend, const message::BodyRun& run) {
  // A method that is not idempotent is not repeated once a byte of it was written: nothing is worth keeping then.
  if (!idempotent() && backend.wrote_anything()) return replay_.forget();
  replay_.record(run);
}

// From here on the backend has all it needs: its clock runs, and the client has nothing to do but wait or leave.
void Exchange::request_sent(message::Outgoing& backend) noexcept {
  request_complete_ = true;
  backend.set_response_deadline(context_.wheel.after(context_.settings.http.timeouts.first_response_byte));
  client_->watch(message::Incoming::OnGone::to<&Exchange::client_gone>(*this));
}

// RFC 9110 has no word for it; nginx, Go and Caddy do the same: a client that closes while its answer is awaited wants
// none.
void Exchange::client_gone(base::ErrorKind how) noexcept {
  client_gone_ = true;
  aborted_ = how == base::ErrorKind::cancelled;
  if (backend_ != nullptr) backend_->stop();
  continue_gate_.wake();  // it may wait for a backend with room
}

// The usual end of it: all was sent, and nobody had to be watched yet.
bool Exchange::request_side_ended() noexcept {
  return !pump_.running() && client_->stop_watching_now();
}

// After the answer: whatever still reads from the client or writes to the backend ends.
net::Awaitable<void> Exchange::stop_request_side() {
  if (pump_.running() && !request_complete_) {
    pump_stopped_ = true;
    continue_gate_.wake();
    client_->cancel_read_body();
    backend_->stop();
  }
  co_await pump_.join();
  co_await client_->stop_watching();
}

}  // namespace lb::proxy
