#include "http1/server_connection.hpp"

#include <algorithm>
#include <utility>

namespace lb::http1 {

RequestState::RequestState(net::DeadlineWheel& wheel, net::Executor executor, net::BlockPool& blocks,
                           const Settings& settings)
    : reader(blocks, http::HeadParser::Kind::request, settings),
      watch_entry(wheel, net::DeadlineWheel::Fire::to<&RequestState::begin_watching>(*this)),
      watcher(std::move(executor)) {}

ServerConnection::ServerConnection(net::StreamPtr stream, RequestStates& states, net::SessionSet& sessions,
                                   message::Peer peer, base::Deadline first_request)
    : Incoming(std::move(peer)),
      stream_(std::move(stream)),
      sessions_(sessions),
      states_(states),
      state_(states_.lend(*stream_, *this)),
      first_request_by_(first_request) {
  sessions_.add(*this);
}

ServerConnection::~ServerConnection() {
  states_.give_back(std::move(state_));
}

base::Deadline ServerConnection::begin_waiting() {
  idle_since_ = stream_->wheel().now();
  sessions_.note_idle(*this);
  // The answer that went out while the stop began did not say that it was the last one: the next request may follow.
  const base::Duration idle = draining() ? (first_request_ ? base::kDrainNewConnection : base::kDrainBusyConnection)
                              : first_request_ ? settings().timeouts.header
                                               : settings().timeouts.keep_alive_idle;
  return first_request_ ? std::min(idle_since_ + idle, first_request_by_) : idle_since_ + idle;
}

// A stream that reads ahead is waited for without a buffer. On another one it is kept for a second, because the next
// request of a busy client comes at once, and a read that already has its buffer needs no further system call.
net::Awaitable<Arrival> ServerConnection::wait_for_request() {
  constexpr base::Duration kBufferKept{1000};
  LB_CHECK(body_ended());
  if (!input().empty()) co_return Arrival::request;
  const base::Deadline deadline = begin_waiting();
  base::Deadline patience = std::min(deadline, idle_since_ + kBufferKept);
  if (stream_->read_ahead()) states_.give_back(std::move(state_));
  Arrival arrival = Arrival::nobody;
  for (;;) {
    base::Result<void> came;
    if (state_) {
      came = co_await reader().fill(base::kSmallBlockBytes, patience);
      const bool impatient = !came && came.error().kind == base::ErrorKind::timeout && patience != deadline;
      if (impatient && !draining()) {
        states_.give_back(std::move(state_));
        continue;
      }
      if (came) arrival = Arrival::request;
      if (came) break;
    } else {
      came = co_await stream_->wait_readable(deadline);
      state_ = states_.lend(*stream_, *this);
      patience = deadline;
      if (came) continue;
    }
    // A request that arrived in the moment in which idle connections were closed is still answered.
    const bool ended_by_us =
        came.error().kind == base::ErrorKind::cancelled || came.error().kind == base::ErrorKind::timeout;
    const bool raced = ended_by_us && stream_->probe() == net::Probe::readable;
    if (!raced) break;
  }
  sessions_.note_busy(*this);
  co_return arrival;
}

net::Awaitable<base::Result<Arrival>> ServerConnection::read_request() {
  LB_CHECK(!input().empty());
  first_request_ = false;
  head_was_read_ = persists_ = false;
  set_request(state_->head, state_->framing, state_->options);
  const base::Deadline deadline = stream_->wheel().after(settings().timeouts.header);
  if (input().unread().starts_with('\r')) {
    const auto skipped = co_await skip_empty_lines(deadline);
    if (!skipped || *skipped == Arrival::nobody) co_return skipped;
  }

  const auto read = co_await reader().read_head(deadline, base::Side::downstream);
  if (!read) {
    const base::ErrorKind kind = read.error().kind;
    // Whoever left in the middle of a head is not there to be answered; the server's own end is not its fault.
    if (base::is_end_of_connection(kind) || kind == base::ErrorKind::cancelled) {
      co_return Arrival::nobody;
    }
    co_return read.error();
  }
  const auto examined = examine_head();
  if (!examined) co_return base::Error{examined.error().kind, base::Side::downstream, examined.error().detail};
  head_was_read_ = true;
  co_return Arrival::request;
}

// RFC 9112 section 2.2: empty lines before a request line are read over.
net::Awaitable<base::Result<Arrival>> ServerConnection::skip_empty_lines(base::Deadline deadline) {
  for (std::size_t lines = 0;;) {
    const std::string_view unread = input().unread();
    if (unread.starts_with("\r\n")) {
      if (++lines > base::kLeadingEmptyLinesMax) {
        co_return base::Error{base::ErrorKind::malformed, base::Side::downstream,
                              "too many empty lines before the request"};
      }
      input().consume(2);
    } else if (!unread.empty() && unread != "\r") {
      co_return Arrival::request;  // a lone CR or LF in front is the parser's to refuse
    } else {
      const auto filled = co_await reader().fill(base::kSmallBlockBytes, deadline);
      // Nothing but empty lines came: nobody asked anything.
      if (!filled) co_return Arrival::nobody;
    }
  }
}

base::Result<void> ServerConnection::examine_head() {
  const auto cut = reader().parser().cut_request(reader().head_text(), state_->head);
  if (!cut) return cut;
  const auto checked = http::check_request_fields(state_->head);
  if (!checked) return checked;
  const auto framing = http::request_framing(state_->head);
  if (!framing) return framing.error();
  if (state_->head.method == http::Method::connect) {
    return base::Error{base::ErrorKind::method_not_allowed, base::Side::downstream, "CONNECT is not for a gateway"};
  }
  if (settings().body_bytes != 0 && framing->kind == http::BodyKind::length &&
      framing->length > settings().body_bytes) {
    return base::Error{base::ErrorKind::body_too_large, base::Side::downstream, "request body larger than the limit"};
  }
  state_->framing = *framing;
  state_->options = http::connection_options(state_->head.version, state_->head.fields);
  state_->body_bytes = 0;
  reader().body().begin(state_->framing, settings().header_count);
  return {};
}

base::Result<message::BodyRun> ServerConnection::take_buffered_body() {
  auto run = reader().body().take(input());
  if (!run) return base::Error{run.error().kind, base::Side::downstream, run.error().detail};
  state_->body_bytes += run->bytes;
  if (settings().body_bytes != 0 && state_->body_bytes > settings().body_bytes) {
    return base::Error{base::ErrorKind::body_too_large, base::Side::downstream, "request body larger than the limit"};
  }
  return run;
}

net::Awaitable<base::Result<message::BodyRun>> ServerConnection::read_body() {
  auto run = co_await reader().read_body(settings().timeouts.body_idle, base::Side::downstream);
  if (!run) co_return run;
  state_->body_bytes += run->bytes;
  if (settings().body_bytes != 0 && state_->body_bytes > settings().body_bytes) {
    co_return base::Error{base::ErrorKind::body_too_large, base::Side::downstream,
                          "request body larger than the limit"};
  }
  co_return run;
}

void ServerConnection::watch(OnGone on_gone) noexcept {
  state_->on_gone = on_gone;
  state_->watch_entry.arm(stream_->wheel().after(base::kAbortWatchDelay));
}

void RequestState::begin_watching() noexcept {
  if (on_gone && !watcher.running()) watcher.start(connection->watch_client());
}

// Bytes that come meanwhile are the next request, pipelined, or the beginning of a tunnel: they are kept, up to a block
// of them, because only behind them the client's end can be seen.
net::Awaitable<void> ServerConnection::watch_client() {
  // stop_watching() may have come when a read had just ended: its cancelling was in vain, and there must be no next
  // one.
  while (state_->on_gone && input().unread().size() < base::kSmallBlockBytes) {
    const auto filled = co_await reader().fill(base::kSmallBlockBytes, base::kNever);
    if (filled) continue;
    // The client's end, its reset, or abort(); stop_watching() has taken on_gone away before it cancels.
    if (state_->on_gone) state_->on_gone(filled.error().kind);
    co_return;
  }
}

bool ServerConnection::stop_watching_now() noexcept {
  state_->on_gone = {};
  state_->watch_entry.disarm();
  return !state_->watcher.running();
}

net::Awaitable<void> ServerConnection::stop_watching() {
  if (stop_watching_now()) co_return;
  stream_->cancel_read();
  co_await state_->watcher.join();
}

// An answer that comes before the end of the request's body ends the connection: what the client still sends then has
// nowhere to go, and is not looked through for the next request.
bool ServerConnection::may_persist() noexcept {
  return state_->options.keep_alive && !draining() && body_ended();
}

http::ClientPersistence ServerConnection::persistence() const noexcept {
  if (!persists_) return http::ClientPersistence::close;
  return state_->head.version == http::Version::http_1_1 ? http::ClientPersistence::keep_alive_implied
                                                         : http::ClientPersistence::keep_alive_said;
}

net::Awaitable<base::Result<void>> ServerConnection::send_interim(const http::ResponseHead& head) {
  if (state_->head.version == http::Version::http_1_0) co_return base::Result<void>();
  std::string text;
  http::write_forwarded_response(head, {}, text);
  net::BufferList buffers;
  buffers.emplace_back(text.data(), text.size());
  co_return co_await write(buffers);
}

net::Awaitable<base::Result<void>> ServerConnection::send_switch(const http::ResponseHead& head) {
  return send_interim(head);
}

void ServerConnection::begin_answer(const http::ResponseHead& head, http::BodyKind kind,
                                    const message::AnswerMarks& marks) {
  using http::BodyKind;
  const bool counted = kind == BodyKind::none || kind == BodyKind::length;
  state_->answer_kind = counted                                           ? kind
                        : state_->head.version == http::Version::http_1_1 ? BodyKind::chunked
                                                                          : BodyKind::until_close;
  state_->answer_body = OutgoingBody(state_->answer_kind);
  persists_ = may_persist() && state_->answer_kind != BodyKind::until_close;
  state_->answer_head.clear();
  http::write_forwarded_response(head, {state_->answer_kind, persistence(), marks.date, marks.request_id, marks.cookie},
                                 state_->answer_head);
  head_waits_ = true;
}

net::Awaitable<base::Result<void>> ServerConnection::send_answer(const message::BodyRun& run, std::string_view trailers,
                                                                 bool more_at_hand) {
  // A small answer goes out in one piece: copying its body behind the head costs less than telling the kernel of
  // several.
  constexpr std::size_t kSmall = 4096;
  net::BufferList& buffers = state_->buffers;
  std::string& head = state_->answer_head;
  buffers.clear();
  if (head_waits_) buffers.emplace_back(head.data(), head.size());
  state_->answer_body.append(run, trailers, buffers);
  if (head_waits_ && buffers.size() > 1 && net::asio::buffer_size(buffers) <= kSmall) {
    for (std::size_t i = 1; i < buffers.size(); ++i) {
      head.append(static_cast<const char*>(buffers[i].data()), buffers[i].size());
    }
    buffers.clear();
    buffers.emplace_back(head.data(), head.size());
  }
  head_waits_ = false;
  const net::Next next = run.end        ? (persists_ ? net::Next::anything : net::Next::close)
                         : more_at_hand ? net::Next::more
                                        : net::Next::anything;
  return write(buffers, next);
}

net::Awaitable<base::Result<std::size_t>> ServerConnection::send_own_answer(const message::OwnAnswer& answer,
                                                                            const message::AnswerMarks& marks) {
  // Of a head that could not be read to its end, what came of it still stands in the buffer.
  const bool head_only =
      head_was_read_ ? state_->head.method == http::Method::head : input().unread().starts_with("HEAD ");
  persists_ = head_was_read_ && !answer.last && may_persist();
  std::string& text = state_->answer_head;
  text.clear();
  text.append("HTTP/1.1 ").append(std::to_string(answer.status)).append(" ").append(answer.reason).append("\r\n");
  text.append("Date: ").append(marks.date).append("\r\n");
  for (const auto& [name, value] : answer.fields) text.append(name).append(": ").append(value).append("\r\n");
  text.append("Content-Length: ").append(std::to_string(answer.body.size())).append("\r\n");
  if (!marks.request_id.empty()) text.append("X-Request-Id: ").append(marks.request_id).append("\r\n");
  if (!persists_) text.append("Connection: close\r\n");
  if (persists_ && state_->head.version == http::Version::http_1_0) text.append("Connection: keep-alive\r\n");
  text.append("\r\n");
  const std::size_t body_bytes = head_only ? 0 : answer.body.size();
  if (!head_only) text.append(answer.body);
  net::BufferList buffers;
  buffers.emplace_back(text.data(), text.size());
  const auto written = co_await write(buffers, persists_ ? net::Next::anything : net::Next::close);
  if (written) co_return body_bytes;
  persists_ = false;
  co_return written.error();
}

// A body that only the connection's end delimits would look complete; a reset does not.
void ServerConnection::cut() noexcept {
  persists_ = false;
  if (state_->answer_kind == http::BodyKind::until_close) return stream_->abort();
  stream_->close();
}

net::Awaitable<void> ServerConnection::finish(Linger linger) {
  co_await stop_watching();
  // First of all what was held back for this moment (net::Next::close) leaves: a close() that finds bytes unread throws
  // away what was not sent.
  static_cast<void>(co_await stream_->shutdown_send(base::kLingerTime));
  const bool unread =
      linger == Linger::always || !body_ended() || !input().empty() || stream_->probe() == net::Probe::readable;
  if (unread) {
    const base::Deadline deadline = stream_->wheel().after(base::kLingerTime);
    input().consume(input().unread().size());
    for (std::size_t dropped = 0; dropped < base::kLingerBytesMax;) {
      const auto filled = co_await reader().fill(base::kSmallBlockBytes, deadline);
      if (!filled) break;
      dropped += input().unread().size();
      input().consume(input().unread().size());
    }
  }
  stream_->close();
}

void ServerConnection::drain() noexcept {
  if (!idles()) return;
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

bool ServerConnection::make_way() noexcept {
  if (stream_->probe() == net::Probe::readable) return false;
  stream_->cancel_read();
  return true;
}

}  // namespace lb::http1
