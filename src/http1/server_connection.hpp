// The client's side of the proxy: an HTTP/1.x connection on which requests are read and answered, one after the other.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "http/head_writer.hpp"
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
class ServerConnection final : public net::Session, public message::Incoming {
 public:
  // The states outlive the connection, which holds none while it waits for a request. `first_request`: when the first
  // byte of one has to be there, if sooner than the settings say.
  ServerConnection(net::StreamPtr stream, RequestStates& states, net::SessionSet& sessions, message::Peer peer,
                   base::Deadline first_request = base::kNever);
  ~ServerConnection() override;

  // Bytes that were read from the stream before: the first ones, at most a large block of them.
  void take_in(std::string_view early) {
    const net::asio::mutable_buffer room = input().up_to(base::kLargeBlockBytes).prepare(early.size());
    LB_CHECK(early.size() <= room.size());
    std::memcpy(room.data(), early.data(), early.size());
    input().commit(early.size());
  }

  // Until the first byte of a request is there.
  [[nodiscard]] net::Awaitable<Arrival> wait_for_request();
  // Then: reads its head, for request(). An error is to be answered, and ends the connection.
  [[nodiscard]] net::Awaitable<base::Result<Arrival>> read_request();

  // The request whose head was read.
  void consume_head() noexcept override {
    state_->reader.consume_head();
    state_->reader.input().release();  // a client mostly waits for its answer then
  }
  [[nodiscard]] bool body_ended() noexcept override { return state_->reader.body().ended(); }
  [[nodiscard]] bool body_is_held_back() noexcept override { return !body_ended() && input().empty(); }
  [[nodiscard]] base::Result<message::BodyRun> take_buffered_body() override;
  [[nodiscard]] net::Awaitable<base::Result<message::BodyRun>> read_body() override;
  void cancel_read_body() noexcept override { stream_->cancel_read(); }
  [[nodiscard]] std::string_view request_trailers() noexcept override { return state_->reader.body().trailers(); }

  void watch(OnGone on_gone) noexcept override;
  [[nodiscard]] bool stop_watching_now() noexcept override;
  [[nodiscard]] net::Awaitable<void> stop_watching() override;

  [[nodiscard]] net::Awaitable<base::Result<void>> send_interim(const http::ResponseHead& head) override;
  void begin_answer(const http::ResponseHead& head, http::BodyKind kind, const message::AnswerMarks& marks) override;
  [[nodiscard]] net::Awaitable<base::Result<void>> send_answer(const message::BodyRun& run, std::string_view trailers,
                                                               bool more_at_hand) override;
  [[nodiscard]] net::Stream* bulk() noexcept override { return stream_.get(); }
  [[nodiscard]] net::Awaitable<base::Result<std::size_t>> send_own_answer(const message::OwnAnswer& answer,
                                                                          const message::AnswerMarks& marks) override;
  [[nodiscard]] net::Awaitable<base::Result<void>> send_switch(const http::ResponseHead& head) override;
  [[nodiscard]] message::TunnelEnd tunnel_end() noexcept override { return {*stream_, input()}; }
  void cut() noexcept override;
  void reset() noexcept override {
    persists_ = false;
    stream_->abort();
  }

  // Bytes as they are, for whoever makes answers of its own.
  [[nodiscard]] net::Awaitable<base::Result<void>> write(const net::BufferList& buffers,
                                                         net::Next next = net::Next::anything) {
    return stream_->write(buffers, settings().timeouts.write_idle, next);
  }

  [[nodiscard]] bool persists() const noexcept override { return persists_; }

  // Ends the connection so that the client can still read what was written (RFC 9112 section 9.6): while the client may
  // be sending, its bytes are read and dropped for a bounded while. Closed when this returns.
  [[nodiscard]] net::Awaitable<void> finish(Linger linger);

  // True once the server stops: the current answer is the connection's last.
  [[nodiscard]] bool draining() const noexcept { return sessions_.draining(); }
  [[nodiscard]] net::Stream& stream() noexcept { return *stream_; }
  [[nodiscard]] net::InputBuffer& input() noexcept { return state_->reader.input(); }

  void drain() noexcept override;
  void abort() noexcept override { reset(); }
  bool make_way() noexcept override;

 private:
  friend struct RequestState;

  [[nodiscard]] const Settings& settings() const noexcept { return states_.settings(); }
  [[nodiscard]] MessageReader& reader() noexcept { return state_->reader; }
  base::Deadline begin_waiting();
  net::Awaitable<base::Result<Arrival>> skip_empty_lines(base::Deadline deadline);
  base::Result<void> examine_head();
  [[nodiscard]] bool may_persist() noexcept;
  [[nodiscard]] http::ClientPersistence persistence() const noexcept;
  net::Awaitable<void> watch_client();

  net::StreamPtr stream_;
  net::SessionSet& sessions_;
  RequestStates& states_;
  std::unique_ptr<RequestState> state_;  // null inside wait_for_request() alone
  base::TimePoint idle_since_{};
  base::Deadline first_request_by_;
  bool first_request_ = true;
  bool head_was_read_ = false;
  bool head_waits_ = false;  // of the answer, for the first run of its body
  bool persists_ = false;
};

}  // namespace lb::http1
