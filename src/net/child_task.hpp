// A coroutine that runs beside its parent and is joined by it: the two directions of an exchange.
#pragma once

#include <utility>

#include "base/check.hpp"
#include "net/event.hpp"

namespace lb::net {

// The parent must join before the child object, or anything the child refers to, goes away; the destructor checks it.
class ChildTask {
 public:
  explicit ChildTask(Executor executor) noexcept : executor_(executor), done_(executor) {}
  ~ChildTask() { LB_CHECK(!running_); }
  ChildTask(const ChildTask&) = delete;
  ChildTask& operator=(const ChildTask&) = delete;

  [[nodiscard]] bool running() const noexcept { return running_; }

  // Starts `body` on the parent's worker. May be used again after join().
  void start(Awaitable<void> body) {
    LB_CHECK(!running_);
    running_ = true;
    done_.reset();
    spawn(executor_, std::move(body), [this] {
      running_ = false;
      done_.set();
    });
  }

  // Waits for the child's end. Ending it sooner is for the parent to arrange: close or cancel what it waits on.
  [[nodiscard]] Awaitable<void> join() {
    if (running_) co_await done_.wait();
  }

 private:
  Executor executor_;
  Event done_;
  bool running_ = false;
};

}  // namespace lb::net
