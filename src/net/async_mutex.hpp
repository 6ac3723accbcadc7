// A mutex for coroutines of one thread.
#pragma once

#include <coroutine>
#include <deque>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/check.hpp"
#include "net/executor.hpp"

namespace lb::net {

// Held across waits, by one coroutine at a time. Those that wait for it have gone on before it goes away.
class AsyncMutex {
 public:
  // The mutex is held until this goes away.
  class Lock {
   public:
    explicit Lock(AsyncMutex& mutex) noexcept : mutex_(&mutex) {}
    Lock(Lock&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Lock& operator=(Lock&&) = delete;
    ~Lock() {
      if (mutex_ != nullptr) mutex_->unlock();
    }

   private:
    AsyncMutex* mutex_;
  };

  explicit AsyncMutex(Executor executor) noexcept : executor_(std::move(executor)) {}
  AsyncMutex(const AsyncMutex&) = delete;
  AsyncMutex& operator=(const AsyncMutex&) = delete;
  ~AsyncMutex() { LB_CHECK(waiting_.empty()); }

  // const auto lock = co_await mutex.lock(): first come, first served.
  [[nodiscard]] auto lock() noexcept {
    struct Awaiter {
      AsyncMutex& mutex;
      [[nodiscard]] bool await_ready() const noexcept { return !std::exchange(mutex.locked_, true); }
      void await_suspend(std::coroutine_handle<> waiter) const { mutex.waiting_.push_back(waiter); }
      [[nodiscard]] Lock await_resume() const noexcept { return Lock(mutex); }
    };
    return Awaiter{*this};
  }

 private:
  // The next coroutine goes on from the event loop: the one that unlocks has still its own to do.
  void unlock() {
    if (waiting_.empty()) {
      locked_ = false;
      return;
    }
    asio::post(executor_, [next = waiting_.front()] { next.resume(); });
    waiting_.pop_front();
  }

  Executor executor_;
  std::deque<std::coroutine_handle<>> waiting_;
  bool locked_ = false;
};

}  // namespace lb::net
