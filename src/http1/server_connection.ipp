// Definitions of ServerConnection; included where it is instantiated.
#pragma once

#include "http1/server_connection.hpp"

namespace lb::http1 {

template <net::Stream S>
ServerConnection<S>::ServerConnection(std::unique_ptr<S> stream, net::BlockPool& pool, net::SessionSet& sessions,
                                      const Settings& settings, std::string client_address)
    : stream_(std::move(stream)),
      sessions_(sessions),
      settings_(settings),
      client_address_(std::move(client_address)),
      reader_(*stream_, pool, http::HeadParser::Kind::request, settings),
      watch_entry_(stream_->wheel(), &ServerConnection::begin_watching, this),
      watcher_(stream_->executor()) {
  sessions_.add(*this);
}

template <net::Stream S>
net::Awaitable<base::Result<Arrival>> ServerConnection<S>::read_request() {
  LB_CHECK(body_ended());
  if (reader_.input().empty()) {
    const Arrival arrival = co_await wait_for_first_byte();
    if (arrival == Arrival::nobody) co_return Arrival::nobody;
  }
  first_request_ = false;
  const base::Deadline deadline = stream_->wheel().after(settings_.timeouts.header);
  if (reader_.input().unread().starts_with('\r')) {
    const auto skipped = co_await skip_empty_lines(deadline);
    if (!skipped || *skipped == Arrival::nobody) co_return skipped;
  }

  const auto read = co_await reader_.read_head(deadline, base::Side::downstream);
  if (!read) {
    const base::ErrorKind kind = read.error().kind;
    // Whoever left in the middle of a head is not there to be answered; the server's own end is not its fault.
    if (kind == base::ErrorKind::closed || kind == base::ErrorKind::reset || kind == base::ErrorKind::cancelled) {
      co_return Arrival::nobody;
    }
    co_return read.error();
  }
  const auto examined = examine_head();
  if (!examined) co_return base::Error{examined.error().kind, base::Side::downstream, examined.error().detail};
  co_return Arrival::request;
}

// Between requests. The buffers are kept for a second, because the next request of a busy client comes at once and a
// read that already has its buffer needs no further system call; then they are given back.
template <net::Stream S>
net::Awaitable<Arrival> ServerConnection<S>::wait_for_first_byte() {
  constexpr base::Duration kBuffersKept{1000};
  // The answer that went out while the stop began did not say that it was the last one: the next request may follow.
  const base::Duration idle = draining() ? (first_request_ ? base::kDrainNewConnection : base::kDrainBusyConnection)
                              : first_request_ ? settings_.timeouts.header
                                               : settings_.timeouts.keep_alive_idle;
  idle_since_ = stream_->wheel().now();
  const base::Deadline deadline = idle_since_ + idle;
  idle_ = true;
  stream_->read_ahead();
  base::Deadline patience = std::min(deadline, idle_since_ + kBuffersKept);
  Arrival arrival = Arrival::nobody;
  for (;;) {
    auto filled = co_await reader_.fill(base::kSmallBlockBytes, patience);
    if (!filled && filled.error().kind == base::ErrorKind::timeout && patience != deadline && !draining()) {
      patience = deadline;
      reader_.input().release();
      request_.fields = {};
      filled = co_await stream_->wait_readable(deadline);
      if (filled) continue;
    }
    // A request that arrived in the moment in which idle connections were closed is still answered.
    const bool ended_by_us = !filled && (filled.error().kind == base::ErrorKind::cancelled ||
                                         filled.error().kind == base::ErrorKind::timeout);
    const bool raced = ended_by_us && stream_->probe() == net::Probe::readable;
    if (raced) continue;
    if (filled) arrival = Arrival::request;
    break;
  }
  idle_ = false;
  co_return arrival;
}

// RFC 9112 section 2.2: empty lines before a request line are read over.
template <net::Stream S>
net::Awaitable<base::Result<Arrival>> ServerConnection<S>::skip_empty_lines(base::Deadline deadline) {
  InputBuffer& input = reader_.input();
  for (std::size_t lines = 0;;) {
    const std::string_view unread = input.unread();
    if (unread.starts_with("\r\n")) {
      if (++lines > base::kLeadingEmptyLinesMax) {
        co_return base::Error{base::ErrorKind::malformed, base::Side::downstream,
                              "too many empty lines before the request"};
      }
      input.consume(2);
    } else if (!unread.empty() && unread != "\r") {
      co_return Arrival::request;  // a lone CR or LF in front is the parser's to refuse
    } else {
      const auto filled = co_await reader_.fill(base::kSmallBlockBytes, deadline);
      // Nothing but empty lines came: nobody asked anything.
      if (!filled) co_return Arrival::nobody;
    }
  }
}

template <net::Stream S>
base::Result<void> ServerConnection<S>::examine_head() {
  const auto cut = reader_.parser().cut_request(reader_.head_text(), request_);
  if (!cut) return cut;
  const auto checked = http::check_request_fields(request_);
  if (!checked) return checked;
  const auto framing = http::request_framing(request_);
  if (!framing) return framing.error();
  if (request_.method == http::Method::connect) {
    return base::Error{base::ErrorKind::method_not_allowed, base::Side::downstream, "CONNECT is not for a gateway"};
  }
  if (settings_.body_bytes != 0 && framing->kind == http::BodyKind::length && framing->length > settings_.body_bytes) {
    return base::Error{base::ErrorKind::body_too_large, base::Side::downstream, "request body larger than the limit"};
  }
  framing_ = *framing;
  options_ = http::connection_options(request_.version, request_.fields);
  body_bytes_ = 0;
  reader_.body().begin(framing_, settings_.header_count);
  return {};
}

template <net::Stream S>
base::Result<BodyRun> ServerConnection<S>::take_buffered_body() {
  auto run = reader_.body().take(reader_.input());
  if (!run) return base::Error{run.error().kind, base::Side::downstream, run.error().detail};
  body_bytes_ += run->bytes;
  if (settings_.body_bytes != 0 && body_bytes_ > settings_.body_bytes) {
    return base::Error{base::ErrorKind::body_too_large, base::Side::downstream, "request body larger than the limit"};
  }
  return run;
}

template <net::Stream S>
net::Awaitable<base::Result<BodyRun>> ServerConnection<S>::read_body() {
  auto run = co_await reader_.read_body(settings_.timeouts.body_idle, base::Side::downstream);
  if (!run) co_return run;
  body_bytes_ += run->bytes;
  if (settings_.body_bytes != 0 && body_bytes_ > settings_.body_bytes) {
    co_return base::Error{base::ErrorKind::body_too_large, base::Side::downstream,
                          "request body larger than the limit"};
  }
  co_return run;
}

template <net::Stream S>
void ServerConnection<S>::watch(OnGone on_gone, void* context) noexcept {
  on_gone_ = on_gone;
  on_gone_context_ = context;
  watch_entry_.arm(stream_->wheel().after(base::kAbortWatchDelay));
}

template <net::Stream S>
void ServerConnection<S>::begin_watching(void* self) noexcept {
  auto& connection = *static_cast<ServerConnection*>(self);
  if (connection.on_gone_ != nullptr && !connection.watcher_.running())
    connection.watcher_.start(connection.watch_client());
}

// Bytes that come meanwhile are the next request, pipelined, or the beginning of a tunnel: they are kept, up to a block
// of them, because only behind them the client's end can be seen.
template <net::Stream S>
net::Awaitable<void> ServerConnection<S>::watch_client() {
  // stop_watching() may have come when a read had just ended: its cancelling was in vain, and there must be no next
  // one.
  while (on_gone_ != nullptr && reader_.input().unread().size() < base::kSmallBlockBytes) {
    const auto filled = co_await reader_.fill(base::kSmallBlockBytes, base::kNever);
    if (filled) continue;
    // The client's end, its reset, or abort(); stop_watching() has taken on_gone_ away before it cancels.
    if (on_gone_ != nullptr) on_gone_(on_gone_context_);
    co_return;
  }
}

template <net::Stream S>
bool ServerConnection<S>::stop_watching_now() noexcept {
  on_gone_ = nullptr;
  watch_entry_.disarm();
  return !watcher_.running();
}

template <net::Stream S>
net::Awaitable<void> ServerConnection<S>::stop_watching() {
  if (stop_watching_now()) co_return;
  stream_->cancel_read();
  co_await watcher_.join();
}

template <net::Stream S>
net::Awaitable<void> ServerConnection<S>::finish(Linger linger) {
  co_await stop_watching();
  // First of all what was held back for this moment (net::Next::close) leaves: a close() that finds bytes unread throws
  // away what was not sent.
  stream_->shutdown_send();
  const bool unread =
      linger == Linger::always || !body_ended() || !reader_.input().empty() || stream_->probe() == net::Probe::readable;
  if (unread) {
    const base::Deadline deadline = stream_->wheel().after(base::kLingerTime);
    reader_.input().consume(reader_.input().unread().size());
    for (std::size_t dropped = 0; dropped < base::kLingerBytesMax;) {
      const auto filled = co_await reader_.fill(base::kSmallBlockBytes, deadline);
      if (!filled) break;
      dropped += reader_.input().unread().size();
      reader_.input().consume(reader_.input().unread().size());
    }
  }
  stream_->close();
}

template <net::Stream S>
void ServerConnection<S>::drain() noexcept {
  if (!idle_) return;
  // A client that has only just connected is about to send its request and would see a failure; one that had an answer
  // on this connection knows that it may be closed (RFC 9112 section 9.3.1).
  // Right after an answer the next request may well be on its way.
  const base::TimePoint now = stream_->wheel().now();
  if (first_request_) {
    stream_->set_read_deadline(now + base::kDrainNewConnection);
  } else if (now - idle_since_ < base::kDrainBusyConnection) {
    stream_->set_read_deadline(now + base::kDrainBusyConnection);
  } else {
    stream_->cancel_read();
  }
}

}  // namespace lb::http1
