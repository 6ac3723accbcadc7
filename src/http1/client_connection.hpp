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
class ClientConnection {
 public:
  // `states` outlives the connection.
  ClientConnection(net::StreamPtr stream, ResponseStates& states) : stream_(std::move(stream)), states_(states) {}
  ~ClientConnection() { rest(); }
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  // Begins an exchange. What is said of requests and answers below holds from here until rest(). `answer_to`: whom the
  // answer is for, so that a long body need not be read; null: it is. It outlives the exchange.
  void begin(http::Method method, net::Stream* answer_to = nullptr) {
    answer_to_ = answer_to;
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
  [[nodiscard]] net::Awaitable<base::Result<void>> read_response(base::Deadline deadline);
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
  [[nodiscard]] base::Result<BodyRun> take_buffered_body();
  [[nodiscard]] net::Awaitable<base::Result<BodyRun>> read_body();
  // Whether the rest of the body may go to the one that the answer is for without being read: it is long, and nothing
  // of it is here.
  [[nodiscard]] bool may_relay_body() noexcept { return reader().input().empty() && rest_may_be_relayed(); }
  // Does that as far as the kernel can, which is to the end nearly always (body_ended()); what is left is to be read.
  [[nodiscard]] net::Awaitable<base::Result<void>> relay_body(net::Pipe& pipe);
  // Whether more of the body has come already. Looks at the socket: a buffer that was filled says only that there may
  // be more.
  [[nodiscard]] bool more_at_hand() noexcept {
    return stream_->more_at_hand() && stream_->probe() == net::Probe::readable;
  }
  [[nodiscard]] bool body_ended() noexcept { return reader().body().ended(); }
  [[nodiscard]] std::string_view trailers() noexcept { return reader().body().trailers(); }

  // Whether another request may follow: the answer was complete, framed, followed by nothing, and closing was not
  // announced. The caller adds that the request, too, was sent to its end.
  [[nodiscard]] Reuse reuse() noexcept;
  // Gives back what only an exchange needs, before the connection idles.
  void rest() noexcept {
    if (state_) states_.give_back(std::move(state_));
  }

  [[nodiscard]] net::Stream& stream() noexcept { return *stream_; }
  [[nodiscard]] InputBuffer& input() noexcept { return reader().input(); }

 private:
  // Whether what is not here yet of the body may go to another stream without being read.
  [[nodiscard]] bool rest_may_be_relayed() noexcept;
  [[nodiscard]] const Settings& settings() const noexcept { return states_.settings(); }
  [[nodiscard]] MessageReader& reader() noexcept { return state_->reader; }

  net::StreamPtr stream_;
  ResponseStates& states_;
  std::unique_ptr<ResponseState> state_;
  net::Stream* answer_to_ = nullptr;
  http::Method method_ = http::Method::get;
  std::uint64_t written_before_ = 0;
  bool answered_ = false;
  bool complete_ = false;
  bool keep_alive_ = false;
  bool body_may_follow_ = false;  // behind an answer to HEAD
  bool distrusted_ = false;       // one of its heads contradicted itself
};

}  // namespace lb::http1
