// Bytes both ways after 101 Switching Protocols (RFC 9110 section 7.8), with half-close.
#pragma once

#include "message/tunnel_end.hpp"
#include "net/child_task.hpp"

namespace lb::proxy {

// Two streams with what was read from each already. Everything outlives run(). Both streams are closed when it returns.
class Tunnel {
 public:
  Tunnel(message::TunnelEnd a, message::TunnelEnd b, base::Duration write_idle, base::Duration idle)
      : a_(a.stream),
        b_(b.stream),
        from_a_(a.input),
        from_b_(b.input),
        write_idle_(write_idle),
        idle_(idle),
        backward_(a_.executor()) {}

  // Until both sides have ended, one broke, or neither said anything for `idle`.
  [[nodiscard]] net::Awaitable<void> run() {
    last_byte_ = a_.wheel().now();
    backward_.start(copy(b_, from_b_, a_));
    co_await copy(a_, from_a_, b_);
    co_await backward_.join();
    close();
  }

 private:
  net::Awaitable<void> copy(net::Stream& from, net::InputBuffer& input, net::Stream& to) {
    for (;;) {
      if (!input.empty()) {
        net::BufferList bytes;
        bytes.emplace_back(input.unread().data(), input.unread().size());
        const auto written = co_await to.write(bytes, write_idle_);
        if (!written) co_return close();
        input.consume(bytes.front().size());
      }
      const auto bytes = co_await from.read_some(input.up_to(base::kSmallBlockBytes), last_byte_ + idle_);
      if (bytes) {
        input.commit(*bytes);
        last_byte_ = from.wheel().now();
      } else if (bytes.error().kind == base::ErrorKind::closed) {
        // One side has said all it had to say; the other may go on.
        static_cast<void>(co_await to.shutdown_send(write_idle_));
        co_return;
      } else if (bytes.error().kind != base::ErrorKind::timeout || from.wheel().now() >= last_byte_ + idle_) {
        co_return close();
      }
    }
  }

  void close() noexcept {
    a_.close();
    b_.close();
  }

  net::Stream& a_;
  net::Stream& b_;
  net::InputBuffer& from_a_;
  net::InputBuffer& from_b_;
  base::Duration write_idle_;
  base::Duration idle_;
  base::TimePoint last_byte_;
  net::ChildTask backward_;
};

}  // namespace lb::proxy
