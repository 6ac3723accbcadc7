#include "net/listener.hpp"

#include <cerrno>
#include <sys/socket.h>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"

namespace lb::net {

Listener::Listener(Worker& worker, std::unique_ptr<Acceptor> acceptor, HasRoom has_room, OnAccept on_accept)
    : worker_(worker),
      acceptor_(std::move(acceptor)),
      has_room_(std::move(has_room)),
      on_accept_(std::move(on_accept)) {}

void Listener::start() {
  for (std::size_t which = 0; which < acceptor_->accepts_at_once(); ++which) worker_.tasks().spawn(accept_loop(which));
}

void Listener::stop() {
  stopped_ = true;
  acceptor_->cancel();
  if (loops_ == 0) take_queue_and_close();
}

// Closing resets what the kernel has connected but nobody accepted: those clients are taken in first. A connection that
// woke an accept() which was cancelled instead is among them.
void Listener::take_queue_and_close() {
  for (int queued = 0; queued < SOMAXCONN; ++queued) {
    auto accepted = acceptor_->accept_queued();
    if (!accepted.stream) break;
    on_accept_(std::move(accepted.stream), accepted.peer);
  }
  acceptor_->close();
}

Awaitable<void> Listener::accept_loop(std::size_t which) {
  Pause pause(worker_.executor(), worker_.wheel());
  ++loops_;
  while (!stopped_) {
    const bool accepted = co_await accept_one(which, pause);
    // Out of descriptors: trying again at once would spin, for the connection stays in the kernel's queue.
    if (!accepted && !stopped_) co_await pause.until(worker_.wheel().after(base::kAcceptPause));
  }
  if (--loops_ == 0) take_queue_and_close();
}

Awaitable<bool> Listener::accept_one(std::size_t which, Pause& pause) {
  auto accepted = co_await acceptor_->accept(which);
  if (accepted.stream) {
    complained_ = false;
    while (!stopped_ && !has_room_()) co_await pause.until(worker_.wheel().after(base::kAcceptPause));
    on_accept_(std::move(accepted.stream), accepted.peer);
    co_return true;
  }
  // A connection that went away while it was queued says nothing about the next one.
  const boost::system::error_code& code = accepted.error;
  const bool nothing_wrong = code == asio::error::connection_aborted || code.value() == EPROTO ||
                             code == asio::error::would_block || code == asio::error::interrupted;
  if (nothing_wrong || stopped_) co_return true;
  if (!complained_)
    base::log(base::LogLevel::warning, "cannot accept connections: " + code.message() + "; trying again");
  complained_ = true;
  co_return false;
}

}  // namespace lb::net
