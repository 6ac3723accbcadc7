// Lets one coroutine wait for something that another one, or a callback of the same worker, brings about.
#pragma once

#include <memory>
#include <utility>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

#include "base/check.hpp"
#include "net/executor.hpp"

namespace lb::net {

// One waiter at a time, one thread. A set event stays set until reset(): setting before waiting loses nothing.
// Destroying the event drops a waiter; owners let their waiters finish first.
class Event {
 public:
  explicit Event(Executor executor) noexcept : executor_(std::move(executor)) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  [[nodiscard]] bool is_set() const noexcept { return set_; }
  void reset() noexcept { set_ = false; }

  // Wakes the waiter from the event loop, never from inside this call.
  void set() {
    set_ = true;
    if (waiter_) std::exchange(waiter_, nullptr)->wake(executor_);
  }

  // co_await event.wait(): returns once the event is set, at once if it is.
  [[nodiscard]] Awaitable<void> wait() {
    if (set_) co_return;
    LB_CHECK(!waiter_);
    co_await asio::async_initiate<const asio::deferred_t, void()>(
        [this](auto handler) { waiter_ = std::make_unique<WaiterOf<decltype(handler)>>(std::move(handler)); },
        asio::deferred);
  }

 private:
  struct Waiter {
    Waiter() = default;
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    virtual ~Waiter() = default;
    virtual void wake(const Executor& executor) = 0;
  };

  template <class Handler>
  struct WaiterOf final : Waiter {
    explicit WaiterOf(Handler&& h) : handler(std::move(h)) {}
    void wake(const Executor& executor) override { asio::post(executor, std::move(handler)); }
    Handler handler;
  };

  Executor executor_;
  std::unique_ptr<Waiter> waiter_;
  bool set_ = false;
};

}  // namespace lb::net
