// The backend's side of the proxy: an HTTP/1.x connection on which requests are sent and answered, one after the other.
#pragma once

#include <memory>
#include <utility>

#include "http1/message_reader.hpp"
#include "net/relay.hpp"

namespace lb::http1 {

// Used by one exchange at a time, on one worker. All errors have the side upstream.
template <net::Stream S>
class ClientConnection {
 public:
  ClientConnection(std::unique_ptr<S> stream, net::BlockPool& pool, const Settings& settings)
      : stream_(std::move(stream)), settings_(settings), reader_(pool, http::HeadParser::Kind::response, settings) {
    reader_.attach(*stream_);
  }

  // Begins an exchange.
  void begin(http::Method method) noexcept {
    method_ = method;
    written_before_ = stream_->bytes_written();
    answered_ = false;
    complete_ = false;
  }

  [[nodiscard]] net::Awaitable<base::Result<void>> write(const net::BufferList& buffers) {
    return stream_->write(buffers, settings_.timeouts.write_idle);
  }
  // Whether any byte of this exchange's request left.
  [[nodiscard]] bool wrote_anything() const noexcept { return stream_->bytes_written() != written_before_; }

  // Reads the next head, interim or final, into response(). Errors: malformed and the like, closed, reset, timeout.
  [[nodiscard]] net::Awaitable<base::Result<void>> read_response(base::Deadline deadline) {
    const auto read = co_await reader_.read_head(deadline, base::Side::upstream);
    answered_ = answered_ || !reader_.input().empty();
    if (!read) co_return read;
    const auto cut = reader_.parser().cut_response(reader_.head_text(), response_);
    if (!cut) co_return base::Error{base::ErrorKind::malformed, base::Side::upstream, cut.error().detail};
    const auto framing = http::response_framing(response_, method_);
    if (!framing) co_return base::Error{framing.error().kind, base::Side::upstream, framing.error().detail};
    framing_ = *framing;
    if (response_.status >= 200) {
      keep_alive_ = http::connection_options(response_.version, response_.fields).keep_alive;
      reader_.body().begin(framing_, settings_.header_count);
      complete_ = reader_.body().ended();
    }
    // What is at hand goes out with the head in one write, unless it can stay in the kernel.
    if (!rest_may_be_relayed() && reader_.may_read_at_hand()) reader_.read_at_hand();
    co_return base::Result<void>();
  }
  // Moves the deadline of the read_response() that pends.
  void set_response_deadline(base::Deadline deadline) noexcept { reader_.set_head_deadline(deadline); }
  // Whether any byte of an answer came.
  [[nodiscard]] bool answered() const noexcept { return answered_; }

  // The head's views are good until consume_head(), which makes way for its body or for the next head.
  [[nodiscard]] const http::ResponseHead& response() const noexcept { return response_; }
  [[nodiscard]] const http::Framing& framing() const noexcept { return framing_; }
  void consume_head() noexcept { reader_.consume_head(); }

  // The body. take_buffered_body() gives what has come with the head, without waiting.
  [[nodiscard]] base::Result<BodyRun> take_buffered_body() {
    auto run = reader_.body().take(reader_.input());
    if (!run) return base::Error{run.error().kind, base::Side::upstream, run.error().detail};
    complete_ = run->end;
    return run;
  }
  [[nodiscard]] net::Awaitable<base::Result<BodyRun>> read_body() {
    auto run = co_await reader_.read_body(settings_.timeouts.response_idle, base::Side::upstream);
    complete_ = run && run->end;
    co_return run;
  }
  // Whether the rest of the body may go to another stream without being read: it is long, and nothing of it is here.
  [[nodiscard]] bool may_relay_body() noexcept
    requires net::SplicingStream<S>
  {
    return reader_.input().empty() && rest_may_be_relayed();
  }
  // Whether some of it has come already.
  [[nodiscard]] bool more_at_hand() const noexcept { return stream_->more_at_hand(); }
  // Does that as far as the kernel can, which is to the end nearly always (body_ended()); what is left is to be read.
  [[nodiscard]] net::Awaitable<base::Result<void>> relay_body(S& to, net::Pipe& pipe)
    requires net::SplicingStream<S>
  {
    reader_.input().release();
    const Timeouts& timeouts = settings_.timeouts;
    const auto passed = co_await net::relay(*stream_, to, pipe, reader_.body().bytes_left(), timeouts.response_idle,
                                            timeouts.write_idle);
    if (!passed) co_return passed.error();
    reader_.body().pass(*passed);
    complete_ = reader_.body().ended();
    // What lies behind the body has not been read, either.
    if (complete_ && stream_->probe() != net::Probe::quiet) keep_alive_ = false;
    co_return base::Result<void>();
  }
  [[nodiscard]] bool body_ended() noexcept { return reader_.body().ended(); }
  [[nodiscard]] std::string_view trailers() noexcept { return reader_.body().trailers(); }

  // Whether another request may follow: the answer was complete, framed, followed by nothing, and closing was not
  // announced. The caller adds that the request, too, was sent to its end.
  [[nodiscard]] bool reusable() noexcept {
    return complete_ && keep_alive_ && framing_.kind != http::BodyKind::until_close && !framing_.body_may_follow &&
           reader_.input().empty();
  }
  // Gives the buffers back, before the connection idles.
  void rest() noexcept { reader_.input().reset(); }

  [[nodiscard]] S& stream() noexcept { return *stream_; }
  [[nodiscard]] InputBuffer& input() noexcept { return reader_.input(); }

 private:
  // Of the body, what is not here yet.
  [[nodiscard]] bool rest_may_be_relayed() noexcept {
    if constexpr (net::SplicingStream<S>) {
      const std::size_t here = reader_.input().unread().size();
      return reader_.body().bytes_left() >= base::kSpliceBytesMin + here && stream_->may_splice();
    }
    return false;
  }

  std::unique_ptr<S> stream_;
  const Settings& settings_;
  MessageReader<S> reader_;
  http::ResponseHead response_;
  http::Framing framing_;
  http::Method method_ = http::Method::get;
  std::uint64_t written_before_ = 0;
  bool answered_ = false;
  bool complete_ = false;
  bool keep_alive_ = false;
};

}  // namespace lb::http1
