// Lets everything else that is to be done now go first.
#pragma once

#include <coroutine>
#include <utility>

#include <boost/asio/post.hpp>

#include "net/executor.hpp"

namespace lb::net {

// co_await yield: goes on from the event loop, behind what has been posted to it and what has been found done already.
// Whoever has much to send does so there: peers that are sent to one right after the other are awake already, and
// waking one is a tenth of what a large answer costs. The executor's thread; cannot be cancelled; stays until then.
class Yield {
 public:
  explicit Yield(Executor executor) noexcept : executor_(std::move(executor)) {}

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> coroutine) const {
    asio::post(executor_, [coroutine] { coroutine.resume(); });
  }
  void await_resume() const noexcept {}

 private:
  Executor executor_;
};

}  // namespace lb::net
