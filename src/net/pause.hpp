// A wait for a point in time, by the worker's wheel.
#pragma once

#include "net/deadline_wheel.hpp"
#include "net/event.hpp"

namespace lb::net {

class Pause {
 public:
  Pause(Executor executor, DeadlineWheel& wheel) noexcept
      : event_(std::move(executor)), entry_(wheel, DeadlineWheel::Fire::to<&Pause::wake>(*this)) {}

  // Returns at the deadline, or at once after wake(). One waiter at a time; same thread.
  [[nodiscard]] Awaitable<void> until(base::Deadline deadline) {
    entry_.arm(deadline);
    co_await event_.wait();
    event_.reset();
    entry_.disarm();
  }

  // Ends the current wait, or the next one.
  void wake() { event_.set(); }
  // Forgets a wake() that nobody waited for.
  void reset() noexcept { event_.reset(); }

 private:
  Event event_;
  DeadlineWheel::Entry entry_;
};

}  // namespace lb::net
