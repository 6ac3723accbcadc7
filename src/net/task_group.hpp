// The coroutines that a worker runs: none is started without being counted, none is forgotten.
#pragma once

#include <cstddef>
#include <functional>
#include <utility>

#include "base/check.hpp"
#include "net/executor.hpp"

namespace lb::net {

// One thread. The owner stops the tasks (by closing what they wait on) and waits until none is left before it destroys
// the group.
class TaskGroup {
 public:
  explicit TaskGroup(Executor executor) noexcept : executor_(std::move(executor)) {}
  ~TaskGroup() { LB_CHECK(count_ == 0); }
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Runs `task` from the event loop, and calls done() at its end. It owns everything it needs. A task must not throw.
  template <class Done>
  void spawn(Awaitable<void> task, Done done) {
    ++count_;
    net::spawn(executor_, std::move(task), [this, done = std::move(done)] {
      done();
      if (--count_ == 0 && when_empty_) std::exchange(when_empty_, nullptr)();
    });
  }
  void spawn(Awaitable<void> task) {
    spawn(std::move(task), [] {});
  }

  [[nodiscard]] std::size_t size() const noexcept { return count_; }

  // Calls `call` once no task is left, which may be now.
  void when_empty(std::function<void()> call) {
    if (count_ == 0) return call();
    when_empty_ = std::move(call);
  }

 private:
  Executor executor_;
  std::function<void()> when_empty_;
  std::size_t count_ = 0;
};

}  // namespace lb::net
