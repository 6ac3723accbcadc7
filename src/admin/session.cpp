#include "admin/session.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include <boost/asio/post.hpp>

#include "admin/guard.hpp"
#include "admin/limits.hpp"
#include "http1/server_connection.hpp"

namespace lb::admin {
namespace {

// RFC 9112 section 3.2.2: a server takes the absolute form, too, and its authority instead of that of Host.
struct Target {
  std::string_view authority;  // empty: see Host
  std::string_view path = "/";
};

Target split(std::string_view target) noexcept {
  constexpr std::string_view kScheme = "http://";
  if (!target.starts_with(kScheme)) return {.authority = {}, .path = target};
  target.remove_prefix(kScheme.size());
  const std::size_t path = std::min(target.find('/'), target.size());
  return {.authority = target.substr(0, path), .path = path < target.size() ? target.substr(path) : "/"};
}

// RFC 9110 section 10.1.1: from HTTP/1.0 it means nothing.
bool expects_continue(const http::RequestHead& head) noexcept {
  return head.version == http::Version::http_1_1 && std::ranges::any_of(head.fields, [](const http::Field& field) {
           return field.id == http::FieldId::expect && http::equals_ignoring_case(field.value, "100-continue");
         });
}

// What is kept of a request once its head is gone.
Request request_of(const http::RequestHead& head) {
  Request request;
  request.method = head.method;
  request.version = head.version;
  const Target target = split(head.target);
  const std::size_t mark = target.path.find('?');
  request.path = target.path.substr(0, mark);
  if (mark != std::string_view::npos) request.query = target.path.substr(mark + 1);
  for (const http::Field& field : head.fields) {
    const auto is = [&](std::string_view name) { return http::equals_ignoring_case(field.name, name); };
    if (field.id == http::FieldId::host) request.host = field.value;
    if (is("Origin")) request.origin = field.value;
    if (is("Content-Type")) request.content_type = field.value;
    if (is("Authorization")) request.authorization = field.value;
    if (is("Sec-Fetch-Site")) request.fetch_site = field.value;
    if (is("Sec-Fetch-Dest")) request.fetch_dest = field.value;
  }
  if (!target.authority.empty()) request.host = target.authority;
  return request;
}

Answer answer_to(const base::Error& error) {
  using base::ErrorKind;
  switch (error.kind) {
    case ErrorKind::timeout:
      return refusal(408, "the request took too long");
    case ErrorKind::target_too_long:
      return refusal(414, "the target is too long");
    case ErrorKind::header_too_large:
      return refusal(431, "the head is too large");
    case ErrorKind::body_too_large:
      return refusal(413, "the body is larger than 64 KiB");
    case ErrorKind::method_not_allowed:
    case ErrorKind::unsupported_coding:
      return refusal(501, "the method or the transfer coding is not known here");
    case ErrorKind::unsupported_version:
      return refusal(505, "this speaks HTTP/1.1");
    default:
      return refusal(400, "this is no HTTP request");
  }
}

// One of the places that connections share, for as long as this lives.
class Permit {
 public:
  explicit Permit(std::size_t& taken) noexcept : taken_(taken) { ++taken_; }
  ~Permit() { --taken_; }
  Permit(const Permit&) = delete;
  Permit& operator=(const Permit&) = delete;

 private:
  std::size_t& taken_;
};

// RFC 9112 section 7.1: the line in front of a chunk.
std::string chunk_line(std::size_t bytes) {
  std::array<char, 24> line{};
  std::snprintf(line.data(), line.size(), "%zx\r\n", bytes);
  return line.data();
}

}  // namespace

Session::Session(const Shared& shared, net::StreamPtr stream)
    : worker_(shared.worker),
      control_(shared.control),
      token_(shared.token),
      places_(shared.places),
      client_(std::move(stream), shared.states, worker_.sessions(), {}),
      pause_(worker_.executor(), worker_.wheel()),
      clock_entry_(worker_.wheel(), net::DeadlineWheel::Fire::to<&Session::time_is_up>(*this)) {
  waits(Waits::slow);
}

void Session::start_clock(Clock clock, base::Deadline deadline) noexcept {
  clock_ = clock;
  clock_entry_.arm(deadline);
}

// Who trickles is stopped as well as who stands still.
void Session::time_is_up() noexcept {
  if (clock_ == Clock::answer) return abort();
  late_ = true;
  client_.stream().cancel_read();
}

net::Awaitable<void> Session::run() {
  for (bool first = true;; first = false) {
    waits(first ? Waits::slow : Waits::idle);
    const auto came = co_await client_.wait_for_request();
    if (came == http1::Arrival::nobody) break;
    const Next next = co_await read_and_answer();
    if (next == Next::end) break;
    co_await let_others();  // whoever sends many requests at once does not have all turns for it
  }
  waits(Waits::slow);
  co_await client_.finish(http1::Linger::if_unread);
}

net::Awaitable<void> Session::serve_probe() {
  over_limit_ = true;
  start_clock(Clock::request, worker_.wheel().after(kProbeTime));
  const auto came = co_await client_.wait_for_request();
  if (came == http1::Arrival::request && !late_) co_await read_and_answer();
  clock_entry_.disarm();
  co_await client_.finish(http1::Linger::if_unread);
}

net::Awaitable<Session::Next> Session::read_and_answer() {
  waits(Waits::slow);
  late_ = false;
  const base::Deadline deadline = worker_.wheel().after(over_limit_ ? kProbeTime : kRequestTime);
  const auto arrival = co_await client_.read_request();
  if (arrival && *arrival == http1::Arrival::nobody) co_return Next::end;
  if (arrival) {
    start_clock(Clock::request, deadline);
    co_return co_await serve_request();
  }
  const Request unread;
  Answer refused = answer_to(arrival.error());
  co_return co_await answer(unread, std::move(refused), false);
}

// Strangers are refused before their body is read; it is read over, and the connection ends.
std::optional<Answer> Session::refuse(const Request& request, const Match& match) const {
  const Guard guard = match.route != nullptr ? match.route->guard : Guard::token;
  if (over_limit_ && guard != Guard::none) {
    return refusal(503, "there are too many connections to the admin interface");
  }
  std::optional<Answer> refused = refuse_stranger(request, token_, guard);
  if (!refused && match.route == nullptr) {
    refused = match.allow.empty() ? refusal(404, "there is no such path; GET /openapi.json lists all of them")
                                  : refusal(405, "this path is for " + match.allow);
    if (!match.allow.empty()) refused->fields = "Allow: " + match.allow + "\r\n";
  }
  if (!refused && request.method == http::Method::post) refused = refuse_forged(request);
  return refused;
}

net::Awaitable<Session::Next> Session::serve_request() {
  Request request = request_of(client_.request());
  const bool is_continue_awaited = expects_continue(client_.request());
  const bool keep_alive = client_.options().keep_alive && !over_limit_;
  client_.consume_head();
  const Match match = find_route(request);
  std::optional<Answer> refused = refuse(request, match);
  if (refused) {
    const bool keep = keep_alive && client_.body_ended();
    co_return co_await answer(request, std::move(*refused), keep);
  }
  if (is_continue_awaited && !client_.body_ended()) co_await write("HTTP/1.1 100 Continue\r\n\r\n");
  waits(Waits::slow);
  const auto read = co_await read_body(request);
  if (!read) {
    Answer unreadable = answer_to(read.error());
    co_return co_await answer(request, std::move(unreadable), false);
  }
  clock_entry_.disarm();
  waits(Waits::not_for_client);
  if (match.route->answer == nullptr) co_return co_await stream(*match.route, request);
  co_return co_await carry_out(*match.route, request, keep_alive);
}

net::Awaitable<Session::Next> Session::carry_out(const Route& route, const Request& request, bool keep_alive) {
  if (route.method != http::Method::post) {
    Answer made = co_await route.answer(control_, request);
    co_return co_await answer(request, std::move(made), keep_alive);
  }
  if (places_.orders >= kOrdersMax) {
    Answer refused = refusal(503, std::to_string(kOrdersMax) + " orders are being carried out; no more at once");
    refused.fields = "Retry-After: 1\r\n";
    co_return co_await answer(request, std::move(refused), keep_alive);
  }
  Answer made;
  {
    const Permit permit(places_.orders);
    made = co_await route.answer(control_, request);
  }
  co_return co_await answer(request, std::move(made), keep_alive);
}

net::Awaitable<base::Result<void>> Session::read_body(Request& request) {
  while (!client_.body_ended()) {
    const auto run = co_await client_.read_body();
    // A piece may have come in the moment in which its time was up.
    if (late_) co_return base::Error{base::ErrorKind::timeout, base::Side::downstream, "the request took too long"};
    if (!run) co_return run.error();
    for (const auto& piece : run->pieces) request.body.append(static_cast<const char*>(piece.data()), piece.size());
  }
  co_return base::Result<void>();
}

std::string Session::head_of(unsigned status, std::string_view content_type, std::string_view fields) {
  std::string head = "HTTP/1.1 " + std::to_string(status) + " ";
  head.append(reason_phrase(status)).append("\r\nDate: ").append(date_.at(base::system_clock().wall_seconds()));
  head.append("\r\nContent-Type: ").append(content_type);
  head.append("\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n").append(fields);
  return head;
}

net::Awaitable<Session::Next> Session::answer(const Request& request, Answer answer, bool keep_alive) {
  keep_alive = keep_alive && !client_.draining();
  start_clock(Clock::answer, worker_.wheel().after(over_limit_ ? kProbeTime : kAnswerTime));
  Next next = Next::end;
  if (answer.pieces == nullptr) {
    next = co_await answer_whole(request, answer, answer.body.size(), keep_alive);
  } else {
    next = co_await answer_in_pieces(request, std::move(answer), keep_alive);
  }
  clock_entry_.disarm();
  co_return next;
}

net::Awaitable<Session::Next> Session::answer_whole(const Request& request, const Answer& answer, std::uint64_t length,
                                                    bool keep_alive) {
  std::string head = head_of(answer.status, answer.content_type, answer.fields);
  head += "Content-Length: " + std::to_string(length) + "\r\n";
  head += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
  net::BufferList buffers;
  buffers.emplace_back(head.data(), head.size());
  if (request.method != http::Method::head) buffers.emplace_back(answer.body.data(), answer.body.size());
  const bool sent = co_await send(buffers);
  co_return sent&& keep_alive ? Next::request : Next::end;
}

// What fits into one piece goes as any other answer does. To HTTP/1.0, which has no chunks, the end of the connection
// is the end of the answer.
net::Awaitable<Session::Next> Session::answer_in_pieces(const Request& request, Answer answer, bool keep_alive) {
  bool more = answer.pieces->next(answer.body);
  if (!more) co_return co_await answer_whole(request, answer, answer.body.size(), keep_alive);
  if (request.method == http::Method::head) {
    std::uint64_t length = answer.body.size();
    while (more) {
      co_await let_others();
      answer.body.clear();
      more = answer.pieces->next(answer.body);
      length += answer.body.size();
    }
    co_return co_await answer_whole(request, answer, length, keep_alive);
  }
  const bool chunked = request.version == http::Version::http_1_1;
  keep_alive = keep_alive && chunked;
  std::string head = head_of(answer.status, answer.content_type, answer.fields);
  if (chunked) head += "Transfer-Encoding: chunked\r\n";
  head += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
  for (bool last = false; !last;) {
    last = !more;
    std::string before = chunked ? std::exchange(head, {}) + chunk_line(answer.body.size()) : std::exchange(head, {});
    const std::string_view after = !chunked ? "" : last ? "\r\n0\r\n\r\n" : "\r\n";
    net::BufferList buffers;
    buffers.emplace_back(before.data(), before.size());
    buffers.emplace_back(answer.body.data(), answer.body.size());
    buffers.emplace_back(after.data(), after.size());
    const bool sent = co_await send(buffers);
    if (!sent) co_return Next::end;
    if (last) break;
    co_await let_others();
    answer.body.clear();
    more = answer.pieces->next(answer.body);
  }
  co_return keep_alive ? Next::request : Next::end;
}

net::Awaitable<bool> Session::send(const net::BufferList& buffers) {
  waits(streams_ ? Waits::not_for_client : Waits::slow);
  const auto written = co_await client_.write(buffers);
  waits(Waits::not_for_client);
  co_return bool(written);
}

net::Awaitable<void> Session::let_others() {
  co_await net::asio::post(worker_.executor(), net::use_result);
}

// Its end is that of the connection.
net::Awaitable<Session::Next> Session::stream(const Route& route, const Request& request) {
  if (places_.streams >= kStreamsMax) {
    Answer refused = refusal(503, std::to_string(kStreamsMax) + " connections listen to " + std::string(route.path) +
                                      " already; no more at once");
    refused.fields = "Retry-After: 1\r\n";
    co_return co_await answer(request, std::move(refused), false);
  }
  const Permit permit(places_.streams);
  const std::string head = head_of(200, route.stream_type, "Connection: close\r\n\r\n");
  open_ = streams_ = true;
  co_await write(head);
  if (request.method != http::Method::head) {
    client_.watch(message::Incoming::OnGone::to<&Session::left>(*this));
    co_await route.stream(control_, request, *this);
    co_await client_.stop_watching();
  }
  open_ = streams_ = false;
  co_return Next::end;
}

void Session::end_stream() noexcept {
  if (!streams_) return;
  open_ = false;
  pause_.wake();
  if (writing_) client_.abort();
}

void Session::left(base::ErrorKind /*how*/) noexcept {
  open_ = false;
  pause_.wake();
}

net::Awaitable<void> Session::wait(base::Deadline deadline) {
  if (client_.draining()) open_ = false;
  if (open_) co_await pause_.until(deadline);
}

net::Awaitable<void> Session::write(std::string_view text) {
  net::BufferList buffers;
  buffers.emplace_back(text.data(), text.size());
  if (streams_) start_clock(Clock::answer, worker_.wheel().after(kAnswerTime));
  writing_ = streams_;
  const bool written = co_await send(buffers);
  writing_ = false;
  if (streams_) clock_entry_.disarm();
  if (!written) open_ = false;
  if (streams_) co_await let_others();
}

}  // namespace lb::admin
