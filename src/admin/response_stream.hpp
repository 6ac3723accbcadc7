// An answer that goes on, such as text/event-stream, as its route sees it.
#pragma once

#include <string_view>

#include "base/clock.hpp"
#include "net/awaitable.hpp"

namespace lb::admin {

// The connection's coroutine, on the control thread.
class ResponseStream {
 public:
  ResponseStream() = default;
  ResponseStream(const ResponseStream&) = delete;
  ResponseStream& operator=(const ResponseStream&) = delete;
  virtual ~ResponseStream() = default;

  // False once the client has left, the server stops or its token has changed: then the route has to return.
  [[nodiscard]] virtual bool open() const noexcept = 0;
  // Returns at the deadline, or as soon as it is no longer open.
  [[nodiscard]] virtual net::Awaitable<void> wait(base::Deadline deadline) = 0;
  // All of it, as fast as the client takes it; it is no longer open if that took too long. Others on this thread have
  // their turn before it returns. The text stays where it is until then.
  [[nodiscard]] virtual net::Awaitable<void> write(std::string_view text) = 0;
};

}  // namespace lb::admin
