// An exchange with a backend, as the one that runs it sees it: whatever protocol carries it.
#pragma once

#include <cstddef>
#include <string_view>

#include "http/framing.hpp"
#include "http/head_writer.hpp"
#include "http/message.hpp"
#include "message/body_run.hpp"
#include "message/tunnel_end.hpp"
#include "net/awaitable.hpp"
#include "net/pipe.hpp"
#include "net/stream.hpp"

namespace lb::message {

// One worker's. Writing the request and reading its answer go side by side. All errors have the side upstream:
// malformed and the like, closed, truncated, reset, timeout, cancelled.
class Outgoing {
 public:
  Outgoing() = default;
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;

  // The request: its head with some of its body, and the runs; the last one says so. `host_line`: for a request without
  // a host of its own. `trailers`: for the last run. Views stay until the write has completed.
  [[nodiscard]] virtual net::Awaitable<base::Result<void>> send_request(const http::ForwardedRequest& request,
                                                                        std::string_view host_line, http::BodyKind kind,
                                                                        const BodyRun& run,
                                                                        std::string_view trailers) = 0;
  [[nodiscard]] virtual net::Awaitable<base::Result<void>> send_body(const BodyRun& run, std::string_view trailers) = 0;
  // Whether any byte of the request left.
  [[nodiscard]] virtual bool wrote_anything() const noexcept = 0;

  // Reads the next head, interim or final, into response(), whose views are good until consume_head().
  [[nodiscard]] virtual net::Awaitable<base::Result<void>> read_response(base::Deadline deadline) = 0;
  // Moves the deadline of the read_response() that pends.
  virtual void set_response_deadline(base::Deadline deadline) noexcept = 0;
  // Whether any byte of an answer came.
  [[nodiscard]] virtual bool answered() const noexcept = 0;
  [[nodiscard]] virtual const http::ResponseHead& response() const noexcept = 0;
  [[nodiscard]] virtual const http::Framing& framing() const noexcept = 0;
  [[nodiscard]] virtual std::size_t head_bytes() noexcept = 0;
  virtual void consume_head() noexcept = 0;

  // The body. take_buffered_body() gives what has come with the head, without waiting.
  [[nodiscard]] virtual base::Result<BodyRun> take_buffered_body() = 0;
  [[nodiscard]] virtual net::Awaitable<base::Result<BodyRun>> read_body() = 0;
  [[nodiscard]] virtual bool body_ended() noexcept = 0;
  [[nodiscard]] virtual std::string_view trailers() noexcept = 0;
  // Whether the rest of the body may go to the one that the answer is for without being read: it is long, and nothing
  // of it is here.
  [[nodiscard]] virtual bool may_relay_body() noexcept = 0;
  // Does that as far as the kernel can, which is to the end nearly always (body_ended()); what is left is to be read.
  [[nodiscard]] virtual net::Awaitable<base::Result<void>> relay_body(net::Pipe& pipe) = 0;
  // Whether more of the body has come already.
  [[nodiscard]] virtual bool more_at_hand() noexcept = 0;

  // Ends the exchange, whatever pends: with `cancelled`.
  virtual void stop() noexcept = 0;
  // After 101 or its like.
  [[nodiscard]] virtual TunnelEnd tunnel_end() noexcept = 0;

 protected:
  ~Outgoing() = default;
};

}  // namespace lb::message
