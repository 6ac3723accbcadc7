// Accepts connections on one worker.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <utility>

#include "base/log.hpp"
#include "net/pause.hpp"
#include "net/tcp_stream.hpp"
#include "net/worker.hpp"

namespace lb::net {

// A connection that was accepted; without a stream, why not.
template <class S>
struct Accepted {
  std::unique_ptr<S> stream;
  Tcp::endpoint peer;
  boost::system::error_code error;
};

// One listening descriptor, which it owns.
template <class A>
concept Acceptor = requires(A acceptor) {
  // The next connection, once there is one. As many as kAcceptsAtOnce may wait, by their numbers from 0.
  { A::kAcceptsAtOnce } -> std::convertible_to<std::size_t>;
  { acceptor.accept(std::size_t{}) } -> std::same_as<Awaitable<Accepted<typename A::Stream>>>;
  // One that waits in the kernel's queue; else would_block. Never waits.
  { acceptor.accept_queued() } -> std::same_as<Accepted<typename A::Stream>>;
  // What waits in accept() ends with an error, if it does not have a connection yet.
  { acceptor.cancel() };
  // While nothing waits.
  { acceptor.close() };
};

// Accepts until stopped.
template <Acceptor A>
class Listener {
 public:
  using Stream = typename A::Stream;
  // Called on the worker's thread with each new connection.
  using OnAccept = std::function<void(std::unique_ptr<Stream> stream, const Tcp::endpoint& peer)>;
  // Whether one more may be handed over. While it is false the connection waits, and the others in the kernel's queue.
  using HasRoom = std::function<bool()>;

  // Takes the descriptor. The worker must not run yet, or this is called on its thread.
  Listener(Worker& worker, int descriptor, HasRoom has_room, OnAccept on_accept)
      : worker_(worker),
        acceptor_(worker, descriptor),
        has_room_(std::move(has_room)),
        on_accept_(std::move(on_accept)) {}

  // Starts accepting, as tasks of the worker. Worker's thread, or before it runs.
  void start() {
    for (std::size_t which = 0; which < A::kAcceptsAtOnce; ++which) worker_.tasks().spawn(accept_loop(which));
  }

  // Accepts what waits in the kernel's queue and closes the port, once nothing waits in accept() any more, while the
  // loops are still tasks of the worker. Worker's thread.
  void stop() {
    stopped_ = true;
    acceptor_.cancel();
    if (loops_ == 0) take_queue_and_close();
  }

 private:
  // Closing resets what the kernel has connected but nobody accepted: those clients are taken in first. A connection
  // that woke an accept() which was cancelled instead is among them.
  void take_queue_and_close() {
    for (int queued = 0; queued < SOMAXCONN; ++queued) {
      auto accepted = acceptor_.accept_queued();
      if (!accepted.stream) break;
      on_accept_(std::move(accepted.stream), accepted.peer);
    }
    acceptor_.close();
  }

  Awaitable<void> accept_loop(std::size_t which) {
    Pause pause(worker_.executor(), worker_.wheel());
    ++loops_;
    while (!stopped_) {
      const bool accepted = co_await accept_one(which, pause);
      // Out of descriptors: trying again at once would spin, for the connection stays in the kernel's queue.
      if (!accepted && !stopped_) co_await pause.until(worker_.wheel().after(base::kAcceptPause));
    }
    if (--loops_ == 0) take_queue_and_close();
  }

  Awaitable<bool> accept_one(std::size_t which, Pause& pause) {
    auto accepted = co_await acceptor_.accept(which);
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

  Worker& worker_;
  A acceptor_;
  HasRoom has_room_;
  OnAccept on_accept_;
  std::size_t loops_ = 0;  // that run
  bool stopped_ = false;
  bool complained_ = false;
};

}  // namespace lb::net
