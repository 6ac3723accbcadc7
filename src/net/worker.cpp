#include "net/worker.hpp"

#include "base/check.hpp"

namespace lb::net {

Worker::Worker(const base::Clock& clock)
    : work_(io_.get_executor()), wheel_(clock), tasks_(io_.get_executor()), ticker_(io_.get_executor()) {
  wheel_.on_first_entry(&Worker::wake_ticker, this);
}

Worker::~Worker() {
  LB_CHECK(!thread_.joinable());
}

void Worker::start() {
  thread_ = std::thread([this] { io_.run(); });
}

void Worker::release() {
  post([this] {
    work_.reset();
    // Entries that were disarmed stay linked in the wheel for a while; with nobody left to wait they keep no loop
    // alive.
    tasks_.when_empty([this] {
      released_ = true;
      ticker_.cancel();
    });
  });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::wake_ticker(void* self) noexcept {
  auto& worker = *static_cast<Worker*>(self);
  if (!worker.ticking_ && !worker.released_) worker.tick();
}

// One timer for all deadlines of the worker, which rests while there are none.
void Worker::tick() {
  ticking_ = true;
  ticker_.expires_after(base::kWheelTick);
  ticker_.async_wait([this](const boost::system::error_code& code) {
    if (code) return;
    wheel_.advance();
    ticking_ = false;
    if (!wheel_.empty() && !released_) tick();
  });
}

}  // namespace lb::net
