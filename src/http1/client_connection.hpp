// The backend's side of the proxy: an HTTP/1.x connection on which requests are sent and answered, one after the other.
#pragma once

#include <memory>
#include <utility>

#include "http1/response_state.hpp"
#include "message/outgoing.hpp"
#include "net/relay.hpp"

namespace lb::http1 {

// Whether a connection may carry another request.
enum class Reuse : std::uint8_t {
  at_once,
  after_silence,  // a body may follow the answer to HEAD, which has none: first it has to be seen that it does not
  never,
};

// Used by one exchange at a time, on one worker. All errors have the side upstream.
class ClientConnection final : public message::Outgoing {
 public:
  // `states` outlives the connection.
  ClientConnection(net::StreamPtr stream, ResponseStates& states) : stream_(std::move(stream)), states_(states) {}
  ~ClientConnection() { rest(); }

  // Begins an exchange. What is said of requests and answers below holds from here until rest(). `answer_to`: the
  // client's stream, so that a long body can be spliced to it; null: it is read. It outlives the exchange.
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
  [[nodiscard]] net::Awaitable<base::Result<void>> send_request(const http::ForwardedRequest& request,
                                                                std::string_view host_line, http::BodyKind kind,
                                                                const message::BodyRun& run,
                                                                std::string_view trailers) override;
  [[nodiscard]] net::Awaitable<base::Result<void>> send_body(const message::BodyRun& run,
                                                             std::string_view trailers) override;
  [[nodiscard]] bool wrote_anything() const noexcept override { return stream_->bytes_written() != written_before_; }

  [[nodiscard]] net::Awaitable<base::Result<void>> read_response(base::Deadline deadline) override;
  void set_response_deadline(base::Deadline deadline) noexcept override {
    if (reads_head_) reader().set_head_deadline(deadline);
  }
  [[nodiscard]] bool answered() const noexcept override { return answered_; }
  [[nodiscard]] const http::ResponseHead& response() const noexcept override { return state_->head; }
  [[nodiscard]] const http::Framing& framing() const noexcept override { return state_->framing; }
  [[nodiscard]] std::size_t head_bytes() noexcept override { return reader().head_text().size(); }
  void consume_head() noexcept override { reader().consume_head(); }

  [[nodiscard]] base::Result<message::BodyRun> take_buffered_body() override;
  [[nodiscard]] net::Awaitable<base::Result<message::BodyRun>> read_body() override;
  [[nodiscard]] bool body_ended() noexcept override { return reader().body().ended(); }
  [[nodiscard]] std::string_view trailers() noexcept override { return reader().body().trailers(); }
  [[nodiscard]] bool may_relay_body() noexcept override { return reader().input().empty() && rest_may_be_relayed(); }
  [[nodiscard]] net::Awaitable<base::Result<void>> relay_body(net::Pipe& pipe) override;
  // Looks at the socket: a buffer that was filled says only that there may be more.
  [[nodiscard]] bool more_at_hand() noexcept override {
    return stream_->more_at_hand() && stream_->probe() == net::Probe::readable;
  }

  void stop() noexcept override { stream_->close(); }
  [[nodiscard]] message::TunnelEnd tunnel_end() noexcept override { return {*stream_, reader().input()}; }

  // Whether another request may follow: the answer was complete, framed, followed by nothing, and closing was not
  // announced. The caller adds that the request, too, was sent to its end.
  [[nodiscard]] Reuse reuse() noexcept;
  // Gives back what only an exchange needs, before the connection idles.
  void rest() noexcept {
    if (state_) states_.give_back(std::move(state_));
  }

  [[nodiscard]] net::Stream& stream() noexcept { return *stream_; }

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
  bool reads_head_ = false;  // read_response() pends
  bool complete_ = false;
  bool keep_alive_ = false;
  bool body_may_follow_ = false;  // behind an answer to HEAD
  bool distrusted_ = false;       // one of its heads contradicted itself
};

}  // namespace lb::http1
