#include "admin/session.hpp"

#include <algorithm>
#include <utility>

#include "admin/guard.hpp"
#include "http1/server_connection.ipp"

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

}  // namespace

Session::Session(net::Worker& worker, Control& control, http1::RequestStates<net::TcpStream>& states,
                 const std::string& token, std::unique_ptr<net::TcpStream> stream)
    : worker_(worker),
      control_(control),
      token_(token),
      client_(std::move(stream), states, worker.sessions(), ""),
      pause_(worker.executor(), worker.wheel()) {}

net::Awaitable<void> Session::run() {
  for (;;) {
    waiting_ = true;
    const auto came = co_await client_.wait_for_request();
    if (came == http1::Arrival::nobody) break;
    const auto arrival = co_await client_.read_request();
    waiting_ = false;
    if (arrival && *arrival == http1::Arrival::nobody) break;
    Next next = Next::end;
    if (arrival) {
      next = co_await serve_request();
    } else {
      const Request unread;
      Answer refused = answer_to(arrival.error());
      next = co_await answer(unread, std::move(refused), false);
    }
    if (next == Next::end) break;
  }
  waiting_ = false;
  co_await client_.finish(http1::Linger::if_unread);
}

net::Awaitable<void> Session::turn_away() {
  const Request unread;
  Answer refused = refusal(503, "there are too many connections to the admin interface");
  co_await answer(unread, std::move(refused), false);
  co_await client_.finish(http1::Linger::always);  // its request is on the way
}

// Strangers are refused before their body is read; it is read over, and the connection ends.
net::Awaitable<Session::Next> Session::serve_request() {
  Request request = request_of(client_.request());
  const bool waits = expects_continue(client_.request());
  const bool keep_alive = client_.options().keep_alive;
  client_.consume_head();
  const Match match = find_route(request);
  const bool is_post = request.method == http::Method::post;
  std::optional<Answer> refused =
      refuse_stranger(request, token_, match.route != nullptr ? match.route->guard : Guard::token);
  if (!refused && match.route == nullptr) {
    refused = match.allow.empty() ? refusal(404, "there is no such path; GET /openapi.json lists all of them")
                                  : refusal(405, "this path is for " + match.allow);
    if (!match.allow.empty()) refused->fields = "Allow: " + match.allow + "\r\n";
  }
  if (!refused && is_post) refused = refuse_forged(request);
  if (refused) {
    const bool keep = keep_alive && client_.body_ended();
    co_return co_await answer(request, std::move(*refused), keep);
  }
  if (waits && !client_.body_ended()) co_await write("HTTP/1.1 100 Continue\r\n\r\n");
  const auto read = co_await read_body(request);
  if (!read) {
    Answer unreadable = answer_to(read.error());
    co_return co_await answer(request, std::move(unreadable), false);
  }
  const Route& route = *match.route;
  if (route.answer == nullptr) co_return co_await stream(route, request);
  Answer made = co_await route.answer(control_, request);
  co_return co_await answer(request, std::move(made), keep_alive);
}

net::Awaitable<base::Result<void>> Session::read_body(Request& request) {
  while (!client_.body_ended()) {
    const auto run = co_await client_.read_body();
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
  std::string head = head_of(answer.status, answer.content_type, answer.fields);
  head += "Content-Length: " + std::to_string(answer.body.size()) + "\r\n";
  head += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
  net::BufferList buffers;
  buffers.emplace_back(head.data(), head.size());
  if (request.method != http::Method::head) buffers.emplace_back(answer.body.data(), answer.body.size());
  const auto written = co_await client_.write(buffers);
  co_return written&& keep_alive ? Next::request : Next::end;
}

// Its end is that of the connection.
net::Awaitable<Session::Next> Session::stream(const Route& route, const Request& request) {
  const std::string head = head_of(200, route.stream_type, "Connection: close\r\n\r\n");
  open_ = true;
  co_await write(head);
  if (request.method != http::Method::head) {
    client_.watch(&Session::left, this);
    co_await route.stream(control_, request, *this);
    co_await client_.stop_watching();
  }
  co_return Next::end;
}

void Session::left(void* self, base::ErrorKind /*how*/) noexcept {
  auto& session = *static_cast<Session*>(self);
  session.open_ = false;
  session.pause_.wake();
}

net::Awaitable<void> Session::wait(base::Deadline deadline) {
  if (client_.draining()) open_ = false;
  if (open_) co_await pause_.until(deadline);
}

net::Awaitable<void> Session::write(std::string_view text) {
  net::BufferList buffers;
  buffers.emplace_back(text.data(), text.size());
  const auto written = co_await client_.write(buffers);
  if (!written) open_ = false;
}

}  // namespace lb::admin
