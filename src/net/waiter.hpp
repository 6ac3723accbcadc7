// The one coroutine that waits for something that the event loop brings about.
#pragma once

#include <coroutine>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/check.hpp"
#include "net/executor.hpp"

namespace lb::net {

// One thread, one coroutine at a time, which has gone on before this goes away.
class Waiter {
 public:
  Waiter() noexcept = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() { LB_CHECK(!coroutine_); }

  // co_await waiter.suspend(): until resume() or post().
  [[nodiscard]] auto suspend() noexcept {
    struct Suspend {
      Waiter& waiter;
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> coroutine) const noexcept {
        LB_CHECK(!waiter.coroutine_);
        waiter.coroutine_ = coroutine;
      }
      void await_resume() const noexcept {}
    };
    return Suspend{*this};
  }

  [[nodiscard]] explicit operator bool() const noexcept { return bool(coroutine_); }

  // Runs the coroutine inside this call. Only from the event loop: whoever calls this from another coroutine would run
  // one inside the other.
  void resume() { std::exchange(coroutine_, nullptr).resume(); }
  // Runs it later, from the event loop.
  void post(const Executor& executor) {
    asio::post(executor, [coroutine = std::exchange(coroutine_, nullptr)] { coroutine.resume(); });
  }

 private:
  std::coroutine_handle<> coroutine_;
};

}  // namespace lb::net
