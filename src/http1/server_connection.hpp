// The client's side of the proxy: an HTTP/1.x connection on which requests are read and answered, one after the other.
#pragma once

#include <memory>
#include <string>

#include "base/limits.hpp"
#include "http1/request_state.hpp"
#include "net/session_set.hpp"

namespace lb::http1 {

enum class Arrival : std::uint8_t {
  request,
  nobody,  // the client closed, or idled too long, or the server stops: there is nobody to answer
};

// Whether the end of a connection waits for bytes that may still be under way.
enum class Linger : std::uint8_t { if_unread, always };

// Lives in the coroutine that serves it, on one worker. All errors have the side downstream.
class ServerConnection final : public net::Session {
 public:
  using OnGone = void (*)(void* context, base::ErrorKind how) noexcept;

  // The states outlive the connection, which holds none while it waits for a request.
  ServerConnection(net::StreamPtr stream, RequestStates& states, net::SessionSet& sessions, std::string client_address);
  ~ServerConnection() override;

  // Until the first byte of a request is there.
  [[nodiscard]] net::Awaitable<Arrival> wait_for_request();
  // Then: reads its head, for request(). An error is to be answered, and ends the connection.
  [[nodiscard]] net::Awaitable<base::Result<Arrival>> read_request();

  // The request whose head was read; its views are good until consume_head().
  [[nodiscard]] const http::RequestHead& request() const noexcept { return state_->head; }
  [[nodiscard]] const http::Framing& framing() const noexcept { return state_->framing; }
  [[nodiscard]] const http::ConnectionOptions& options() const noexcept { return state_->options; }
  void consume_head() noexcept {
    state_->reader.consume_head();
    state_->reader.input().release();  // a client mostly waits for its answer then
  }

  // The request's body. take_buffered() gives what has come with the head, without waiting.
  [[nodiscard]] bool body_ended() noexcept { return state_->reader.body().ended(); }
  [[nodiscard]] base::Result<BodyRun> take_buffered_body();
  [[nodiscard]] net::Awaitable<base::Result<BodyRun>> read_body();
  [[nodiscard]] std::string_view request_trailers() noexcept { return state_->reader.body().trailers(); }

  [[nodiscard]] net::Awaitable<base::Result<void>> write(const net::BufferList& buffers,
                                                         net::Next next = net::Next::anything) {
    return stream_->write(buffers, settings().timeouts.write_idle, next);
  }

  // From now on, once kAbortWatchDelay has passed, `on_gone(context, how)` is called if the client closes or resets the
  // connection, or abort() does: then it is `cancelled`. Quick exchanges pay one store for it. Only while nothing else
  // reads; stop_watching() ends it.
  void watch(OnGone on_gone, void* context) noexcept;
  // True if that ended it, as nearly always: nothing has begun to read yet.
  [[nodiscard]] bool stop_watching_now() noexcept;
  [[nodiscard]] net::Awaitable<void> stop_watching();

  // Ends the connection so that the client can still read what was written (RFC 9112 section 9.6): while the client may
  // be sending, its bytes are read and dropped for a bounded while. Closed when this returns.
  [[nodiscard]] net::Awaitable<void> finish(Linger linger);

  // True once the server stops: the current answer is the connection's last.
  [[nodiscard]] bool draining() const noexcept { return sessions_.draining(); }
  [[nodiscard]] const std::string& client_address() const noexcept { return client_address_; }
  // For tunnels, which take the bytes as they are.
  [[nodiscard]] net::Stream& stream() noexcept { return *stream_; }
  [[nodiscard]] InputBuffer& input() noexcept { return state_->reader.input(); }

  void drain() noexcept override;
  void abort() noexcept override { stream_->abort(); }
  bool make_way() noexcept override;

 private:
  friend struct RequestState;

  [[nodiscard]] const Settings& settings() const noexcept { return states_.settings(); }
  [[nodiscard]] MessageReader& reader() noexcept { return state_->reader; }
  base::Deadline begin_waiting();
  net::Awaitable<base::Result<Arrival>> skip_empty_lines(base::Deadline deadline);
  base::Result<void> examine_head();
  net::Awaitable<void> watch_client();
  static void begin_watching(void* state) noexcept;

  net::StreamPtr stream_;
  net::SessionSet& sessions_;
  RequestStates& states_;
  std::unique_ptr<RequestState> state_;  // null inside wait_for_request() alone
  std::string client_address_;
  base::TimePoint idle_since_{};
  bool first_request_ = true;
};

}  // namespace lb::http1
