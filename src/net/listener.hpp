// Accepts connections on one worker.
#pragma once

#include <functional>
#include <memory>

#include "net/acceptor.hpp"
#include "net/pause.hpp"
#include "net/worker.hpp"

namespace lb::net {

// Accepts until stopped.
class Listener {
 public:
  // Called on the worker's thread with each new connection.
  using OnAccept = std::function<void(StreamPtr stream, const asio::ip::tcp::endpoint& peer)>;
  // Whether one more may be handed over. While it is false the connection waits, and the others in the kernel's queue.
  using HasRoom = std::function<bool()>;

  // The worker must not run yet, or this is called on its thread.
  Listener(Worker& worker, std::unique_ptr<Acceptor> acceptor, HasRoom has_room, OnAccept on_accept);

  // Starts accepting, as tasks of the worker. Worker's thread, or before it runs.
  void start();

  // Accepts what waits in the kernel's queue and closes the port, once nothing waits in accept() any more, while the
  // loops are still tasks of the worker. Worker's thread.
  void stop();

 private:
  void take_queue_and_close();
  Awaitable<void> accept_loop(std::size_t which);
  Awaitable<bool> accept_one(std::size_t which, Pause& pause);

  Worker& worker_;
  std::unique_ptr<Acceptor> acceptor_;
  HasRoom has_room_;
  OnAccept on_accept_;
  std::size_t loops_ = 0;  // that run
  bool stopped_ = false;
  bool complained_ = false;
};

}  // namespace lb::net
