#include "http1/client_connection.hpp"

namespace lb::http1 {

net::Awaitable<base::Result<void>> ClientConnection::send_request(const http::ForwardedRequest& request,
                                                                  std::string_view host_line, http::BodyKind kind,
                                                                  const message::BodyRun& run,
                                                                  std::string_view trailers) {
  net::BufferList& buffers = state_->buffers;
  buffers.clear();
  buffers.emplace_back(request.head.data(), request.head.size());
  if (request.host_missing) {
    buffers.emplace_back(host_line.data(), host_line.size());
    buffers.emplace_back("\r\n", 2);
  }
  state_->request_body = OutgoingBody(kind);
  state_->request_body.append(run, trailers, buffers);
  return write(buffers);
}

net::Awaitable<base::Result<void>> ClientConnection::send_body(const message::BodyRun& run, std::string_view trailers) {
  state_->buffers.clear();
  state_->request_body.append(run, trailers, state_->buffers);
  return write(state_->buffers);
}

net::Awaitable<base::Result<void>> ClientConnection::read_response(base::Deadline deadline) {
  reads_head_ = true;
  const auto read = co_await reader().read_head(deadline, base::Side::upstream);
  reads_head_ = false;
  answered_ = answered_ || !reader().input().empty();
  if (!read) co_return read;
  const auto cut = reader().parser().cut_response(reader().head_text(), state_->head);
  if (!cut) co_return base::Error{cut.error().kind, base::Side::upstream, cut.error().detail};
  const auto framing = http::response_framing(state_->head, method_);
  if (!framing) co_return base::Error{framing.error().kind, base::Side::upstream, framing.error().detail};
  state_->framing = *framing;
  body_may_follow_ = framing->body_may_follow;
  distrusted_ = distrusted_ || framing->distrusted;
  if (state_->head.status >= 200) {
    keep_alive_ = http::connection_options(state_->head.version, state_->head.fields).keep_alive;
    reader().body().begin(state_->framing, settings().header_count);
    complete_ = reader().body().ended();
  }
  // What is at hand goes out with the head in one write, unless it can stay in the kernel.
  if (!rest_may_be_relayed() && reader().may_read_at_hand()) reader().read_at_hand();
  co_return base::Result<void>();
}

base::Result<message::BodyRun> ClientConnection::take_buffered_body() {
  auto run = reader().body().take(reader().input());
  if (!run) return base::Error{run.error().kind, base::Side::upstream, run.error().detail};
  complete_ = run->end;
  return run;
}

net::Awaitable<base::Result<message::BodyRun>> ClientConnection::read_body() {
  auto run = co_await reader().read_body(settings().timeouts.response_idle, base::Side::upstream);
  complete_ = run && run->end;
  co_return run;
}

net::Awaitable<base::Result<void>> ClientConnection::relay_body(net::Pipe& pipe) {
  reader().input().release();
  const Timeouts& timeouts = settings().timeouts;
  const auto passed = co_await net::relay(*stream_, *answer_to_, pipe, reader().body().bytes_left(),
                                          timeouts.response_idle, timeouts.write_idle);
  if (!passed) co_return passed.error();
  reader().body().pass(*passed);
  complete_ = reader().body().ended();
  // What lies behind the body has not been read, either.
  if (complete_ && stream_->probe() != net::Probe::quiet) keep_alive_ = false;
  co_return base::Result<void>();
}

Reuse ClientConnection::reuse() noexcept {
  const bool sound = complete_ && keep_alive_ && !distrusted_ && state_->framing.kind != http::BodyKind::until_close &&
                     reader().input().empty();
  if (!sound) return Reuse::never;
  return body_may_follow_ ? Reuse::after_silence : Reuse::at_once;
}

bool ClientConnection::rest_may_be_relayed() noexcept {
  const std::size_t here = reader().input().unread().size();
  return answer_to_ != nullptr && reader().body().bytes_left() >= base::kSpliceBytesMin + here &&
         net::may_relay(*stream_, *answer_to_);
}

}  // namespace lb::http1
