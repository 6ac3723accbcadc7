// The request's way to a backend, beside the reading of the answer.
#pragma once

#include <optional>
#include <string>

#include "message/outgoing.hpp"
#include "net/child_task.hpp"
#include "net/pause.hpp"
#include "proxy/context.hpp"
#include "proxy/recording.hpp"
#include "proxy/request.hpp"

namespace lb::proxy {

// One attempt's at a time; one worker.
class Upload {
 public:
  Upload(ExchangeContext& context, Request& request, Recording& recording) noexcept;

  // Writes the head with what there is of the body, and starts to pump the rest. A write that fails is not the end of
  // the attempt: the backend may have answered before it closed, so the answer is read all the same.
  [[nodiscard]] net::Awaitable<void> begin(message::Outgoing& backend, std::string_view host_line);
  // The backend is willing to see the body (RFC 9110 section 10.1.1).
  void consent() noexcept { gate_.wake(); }
  // The usual end of it: all was sent, and nobody had to be watched yet.
  [[nodiscard]] bool has_ended() noexcept { return !pump_.running() && request_.client->stop_watching_now(); }
  // After the answer: whatever still reads from the client or writes to the backend ends.
  [[nodiscard]] net::Awaitable<void> stop();

  // The request was sent to its end.
  [[nodiscard]] bool is_complete() const noexcept { return state_ == State::complete; }
  // When that was.
  [[nodiscard]] base::TimePoint completed_at() const noexcept { return completed_at_; }
  // Why its body could not be read, or not be written.
  [[nodiscard]] const std::optional<base::Error>& client_error() const noexcept { return client_error_; }
  [[nodiscard]] const std::optional<base::Error>& backend_error() const noexcept { return backend_error_; }

 private:
  enum class State : std::uint8_t {
    held_back,  // the body waits for the backend's 100
    flows,
    complete,
    stopped,  // nobody needs the rest any more
  };

  net::Awaitable<void> pump();
  net::Awaitable<bool> send(const message::BodyRun& run);
  std::string_view trailers();
  void keep_for_repeat(const message::BodyRun& run);
  void completed() noexcept;
  void client_gone(base::ErrorKind how) noexcept;

  ExchangeContext& context_;
  Request& request_;
  Recording& recording_;
  message::Outgoing* backend_ = nullptr;
  State state_ = State::flows;
  base::TimePoint completed_at_{};
  net::ChildTask pump_;
  net::Pause gate_;
  std::string kept_trailers_;
  std::optional<base::Error> client_error_;
  std::optional<base::Error> backend_error_;
};

}  // namespace lb::proxy
