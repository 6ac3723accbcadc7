// The backend's side of the proxy: an HTTP/1.x connection on which requests are sent and answered, one after the other.
#pragma once

#include <memory>
#include <utility>

#include "http1/response_state.hpp"
#include "net/relay.hpp"

namespace lb::http1 {

// Whether a connection may carry another request.
enum class Reuse : std::uint8_t {
  at_once,
  after_silence,  // a body may follow the answer to HEAD, which has none: first it has to be seen that it does not
  never,
};

// Used by one exchange at a time, on one worker. All errors have the side upstream.
template <net::Stream S>
class ClientConnection {
 public:
  // `states` outlives the connection.
  ClientConnection(std::unique_ptr<S> stream, ResponseStates<S>& states)
      : stream_(std::move(stream)), states_(states) {}
  ~ClientConnection() { rest(); }
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  // Begins an exchange. What is said of requests and answers below holds from here until rest().
  void begin(http::Method method) {
    if (!state_) state_ = states_.lend(*stream_);
    method_ = method;
    written_before_ = stream_->bytes_written();
    answered_ = false;
    complete_ = false;
    body_may_follow_ = distrusted_ = false;
  }

  [[nodiscard]] net::Awaitable<base::Result<void>> write(const net::BufferList& buffers) {
    return stream_->write(buffers, settings().timeouts.write_idle);
  }
  // Whether any byte of this exchange's request left.
  [[nodiscard]] bool wrote_anything() const noexcept { return stream_->bytes_written() != written_before_; }

  // Reads the next head, interim or final, into response(). Errors: malformed and the like, closed, reset, timeout.
  [[nodiscard]] net::Awaitable<base::Result<void>> read_response(base::Deadline deadline) {
    const auto read = co_await reader().read_head(deadline, base::Side::upstream);
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
  // Moves the deadline of the read_response() that pends.
  void set_response_deadline(base::Deadline deadline) noexcept { reader().set_head_deadline(deadline); }
  // Whether any byte of an answer came.
  [[nodiscard]] bool answered() const noexcept { return answered_; }

  // The head's views are good until consume_head(), which makes way for its body or for the next head.
  [[nodiscard]] const http::ResponseHead& response() const noexcept { return state_->head; }
  [[nodiscard]] const http::Framing& framing() const noexcept { return state_->framing; }
  [[nodiscard]] std::size_t head_bytes() noexcept { return reader().head_text().size(); }
  void consume_head() noexcept { reader().consume_head(); }

  // The body. take_buffered_body() gives what has come with the head, without waiting.
  [[nodiscard]] base::Result<BodyRun> take_buffered_body() {
    auto run = reader().body().take(reader().input());
    if (!run) return base::Error{run.error().kind, base::Side::upstream, run.error().detail};
    complete_ = run->end;
    return run;
  }
  [[nodiscard]] net::Awaitable<base::Result<BodyRun>> read_body() {
    auto run = co_await reader().read_body(settings().timeouts.response_idle, base::Side::upstream);
    complete_ = run && run->end;
    co_return run;
  }
  // Whether the rest of the body may go to another stream without being read: it is long, and nothing of it is here.
  [[nodiscard]] bool may_relay_body() noexcept
    requires net::SplicingStream<S>
  {
    return reader().input().empty() && rest_may_be_relayed();
  }
  // Does that as far as the kernel can, which is to the end nearly always (body_ended()); what is left is to be read.
  [[nodiscard]] net::Awaitable<base::Result<void>> relay_body(S& to, net::Pipe& pipe)
    requires net::SplicingStream<S>
  {
    reader().input().release();
    const Timeouts& timeouts = settings().timeouts;
    const auto passed = co_await net::relay(*stream_, to, pipe, reader().body().bytes_left(), timeouts.response_idle,
                                            timeouts.write_idle);
    if (!passed) co_return passed.error();
    reader().body().pass(*passed);
    complete_ = reader().body().ended();
    // What lies behind the body has not been read, either.
    if (complete_ && stream_->probe() != net::Probe::quiet) keep_alive_ = false;
    co_return base::Result<void>();
  }
  // Whether more of the body has come already. Looks at the socket: a buffer that was filled says only that there may
  // be more.
  [[nodiscard]] bool more_at_hand() noexcept {
    return stream_->more_at_hand() && stream_->probe() == net::Probe::readable;
  }
  [[nodiscard]] bool body_ended() noexcept { return reader().body().ended(); }
  [[nodiscard]] std::string_view trailers() noexcept { return reader().body().trailers(); }

  // Whether another request may follow: the answer was complete, framed, followed by nothing, and closing was not
  // announced. The caller adds that the request, too, was sent to its end.
  [[nodiscard]] Reuse reuse() noexcept {
    const bool sound = complete_ && keep_alive_ && !distrusted_ &&
                       state_->framing.kind != http::BodyKind::until_close && reader().input().empty();
    if (!sound) return Reuse::never;
    return body_may_follow_ ? Reuse::after_silence : Reuse::at_once;
  }
  // Gives back what only an exchange needs, before the connection idles.
  void rest() noexcept {
    if (state_) states_.give_back(std::move(state_));
  }

  [[nodiscard]] S& stream() noexcept { return *stream_; }
  [[nodiscard]] InputBuffer& input() noexcept { return reader().input(); }

 private:
  // Whether what is not here yet of the body may go to another stream without being read.
  [[nodiscard]] bool rest_may_be_relayed() noexcept {
    if constexpr (net::SplicingStream<S>) {
      const std::size_t here = reader().input().unread().size();
      return reader().body().bytes_left() >= base::kSpliceBytesMin + here && stream_->may_splice();
    }
    return false;
  }

  [[nodiscard]] const Settings& settings() const noexcept { return states_.settings(); }
  [[nodiscard]] MessageReader<S>& reader() noexcept { return state_->reader; }

  std::unique_ptr<S> stream_;
  ResponseStates<S>& states_;
  std::unique_ptr<ResponseState<S>> state_;
  http::Method method_ = http::Method::get;
  std::uint64_t written_before_ = 0;
  bool answered_ = false;
  bool complete_ = false;
  bool keep_alive_ = false;
  bool body_may_follow_ = false;  // behind an answer to HEAD
  bool distrusted_ = false;       // one of its heads contradicted itself
};

}  // namespace lb::http1
