// Lets one coroutine wait for something that another one, or a callback of the same worker, brings about.
#pragma once

#include <coroutine>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/check.hpp"
#include "net/executor.hpp"

namespace lb::net {

// One waiter at a time, one thread. A set event stays set until reset(): setting before waiting loses nothing.
// The waiter has gone on before the event goes away.
class Event {
 public:
  explicit Event(Executor executor) noexcept : executor_(std::move(executor)) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { LB_CHECK(!waiter_); }

  [[nodiscard]] bool is_set() const noexcept { return set_; }
  void reset() noexcept { set_ = false; }

  // Wakes the waiter from the event loop, never from inside this call.
  void set() {
    set_ = true;
    if (waiter_) asio::post(executor_, [waiter = std::exchange(waiter_, nullptr)] { waiter.resume(); });
  }

  // co_await event.wait(): returns once the event is set, at once if it is.
  [[nodiscard]] auto wait() noexcept {
    struct Wait {
      Event& event;
      [[nodiscard]] bool await_ready() const noexcept { return event.set_; }
      void await_suspend(std::coroutine_handle<> waiter) const noexcept {
        LB_CHECK(!event.waiter_);
        event.waiter_ = waiter;
      }
      void await_resume() const noexcept {}
    };
    return Wait{*this};
  }

 private:
  Executor executor_;
  std::coroutine_handle<> waiter_;
  bool set_ = false;
};

}  // namespace lb::net
