// One coroutine at a time does something that others must not come between; they wait in line.
#pragma once

#include <coroutine>
#include <deque>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/check.hpp"
#include "net/executor.hpp"

namespace lb::net {

// One thread. Whoever waits has gone on before this goes away.
class Turns {
 public:
  // Whose turn it is, until this goes away.
  class Turn {
   public:
    explicit Turn(Turns& turns) noexcept : turns_(&turns) {}
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_ != nullptr) turns_->end();
    }

   private:
    Turns* turns_;
  };

  explicit Turns(Executor executor) noexcept : executor_(std::move(executor)) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;
  ~Turns() { LB_CHECK(line_.empty()); }

  // const auto turn = co_await turns.take(): first come, first served.
  [[nodiscard]] auto take() noexcept {
    struct Take {
      Turns& turns;
      [[nodiscard]] bool await_ready() const noexcept { return !std::exchange(turns.taken_, true); }
      void await_suspend(std::coroutine_handle<> waiter) const { turns.line_.push_back(waiter); }
      [[nodiscard]] Turn await_resume() const noexcept { return Turn(turns); }
    };
    return Take{*this};
  }

 private:
  // The next one goes on from the event loop: whoever ends its turn has still its own to do.
  void end() {
    if (line_.empty()) {
      taken_ = false;
      return;
    }
    asio::post(executor_, [next = line_.front()] { next.resume(); });
    line_.pop_front();
  }

  Executor executor_;
  std::deque<std::coroutine_handle<>> line_;
  bool taken_ = false;
};

}  // namespace lb::net
