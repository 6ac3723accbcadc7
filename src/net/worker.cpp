#include "net/worker.hpp"

#include "base/check.hpp"

namespace lb::net {

Worker::Worker(const base::Clock& clock, std::unique_ptr<Ring> ring)
    : work_(io_.get_executor()), ring_(std::move(ring)), wheel_(clock), tasks_(io_.get_executor()) {
  if (ring_) return;
  ticker_.emplace(io_.get_executor());
  wheel_.on_earlier(DeadlineWheel::Fire::to<&Worker::tick>(*this));
}

Worker::~Worker() {
  LB_CHECK(!thread_.joinable());
}

void Worker::start() {
  thread_ = std::thread([this] { run(); });
}

void Worker::run() {
  if (!ring_) {
    io_.run();
    return;
  }
  ring_->enable();
  // Coroutines go on where the ring tells that what they wait for is done, and where they were posted.
  for (;;) {
    io_.restart();
    io_.poll();
    if (released_ && tasks_.size() == 0) break;
    const base::Deadline look = wheel_.next_look();
    ring_->turn(look == base::kNever ? Ring::kForever : std::chrono::ceil<base::Duration>(look - wheel_.now()));
    if (overslept(look)) take_in_what_arrived();
    wheel_.advance();
  }
  // What was closed last is still to be handed over; a kernel that does not finish is not waited for.
  for (int turns = 0; turns < 100 && ring_->pending() > 0; ++turns) ring_->turn(base::kWheelTick);
}

// While the process was stopped, deadlines passed for bytes that may well have come in time: those that are here are
// taken in first.
bool Worker::overslept(base::Deadline look) const noexcept {
  return look != base::kNever && wheel_.now() - look > base::kSuspended;
}

void Worker::take_in_what_arrived() {
  for (int turns = 0; turns < base::kTurnsAfterSuspension; ++turns) {
    io_.restart();
    if (io_.poll() == 0 && turns > 0) return;
    ring_->turn(base::Duration(0));
  }
}

void Worker::release() {
  post([this] {
    work_.reset();
    // Entries that were disarmed stay linked in the wheel for a while; with nobody left to wait they keep no loop
    // alive.
    tasks_.when_empty([this] {
      released_ = true;
      if (ticker_) ticker_->cancel();
    });
  });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

// One timer for all deadlines of the worker, which rests while there are none.
void Worker::tick() {
  if (released_) return;
  const base::Deadline look = wheel_.next_look();
  if (look == base::kNever) return;
  ticker_->expires_at(look);
  ticker_->async_wait([this, look](const boost::system::error_code& code) {
    if (code) return;  // moved
    advance_after(overslept(look) ? base::kTurnsAfterSuspension : 0);
  });
}

// Each turn of the loop first deals with what the sockets have.
void Worker::advance_after(int turns) {
  if (turns > 0) {
    post([this, turns] { advance_after(turns - 1); });
    return;
  }
  wheel_.advance();
  tick();
}

}  // namespace lb::net
