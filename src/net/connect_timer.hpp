// The deadline of a connect that is under way.
#pragma once

#include "net/deadline_wheel.hpp"

namespace lb::net {

// Armed from its making to its end. One worker.
class ConnectTimer {
 public:
  ConnectTimer(DeadlineWheel& wheel, base::Deadline deadline) noexcept
      : entry_(wheel, DeadlineWheel::Fire::to<&ConnectTimer::fire>(*this)) {
    entry_.arm(deadline);
  }
  ConnectTimer(const ConnectTimer&) = delete;
  ConnectTimer& operator=(const ConnectTimer&) = delete;

  [[nodiscard]] bool expired() const noexcept { return expired_; }
  void disarm() noexcept { entry_.disarm(); }

 protected:
  ~ConnectTimer() = default;

 private:
  // The deadline has passed: ends the connect. False: it has ended by itself, and is not to be taken for late.
  virtual bool give_up() noexcept = 0;
  void fire() noexcept { expired_ = give_up(); }

  DeadlineWheel::Entry entry_;
  bool expired_ = false;
};

}  // namespace lb::net
