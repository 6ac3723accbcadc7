// One thread with one event loop. Everything that a connection touches stays on its worker, so that nothing is locked;
// other threads reach a worker through post() alone.
#pragma once

#include <memory>
#include <optional>
#include <thread>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "net/block_pool.hpp"
#include "net/deadline_wheel.hpp"
#include "net/ring.hpp"
#include "net/session_set.hpp"
#include "net/task_group.hpp"

namespace lb::net {

class Worker {
 public:
  // With a ring its loop waits by that one, and no reactor is made: nothing of Asio's that waits for descriptors or
  // timers may be used on this worker. Without one, Asio's loop runs.
  explicit Worker(const base::Clock& clock, std::unique_ptr<Ring> ring = nullptr);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Starts the thread.
  void start();
  // The loop, on the calling thread instead, until released and idle. Without a ring a test may also run io() itself.
  void run();
  // Any thread: the loop ends when no coroutine is left; join() waits for that.
  void release();
  void join();

  // Any thread.
  template <class Function>
  void post(Function&& function) {
    asio::post(io_, std::forward<Function>(function));
    if (ring_) ring_->wake();
  }

  // The rest: this worker's thread, or before start().
  [[nodiscard]] asio::io_context& io() noexcept { return io_; }
  [[nodiscard]] Executor executor() noexcept { return io_.get_executor(); }
  [[nodiscard]] Ring* ring() noexcept { return ring_.get(); }  // null: none
  [[nodiscard]] DeadlineWheel& wheel() noexcept { return wheel_; }
  [[nodiscard]] BlockPool& blocks() noexcept { return blocks_; }
  [[nodiscard]] TaskGroup& tasks() noexcept { return tasks_; }
  [[nodiscard]] const TaskGroup& tasks() const noexcept { return tasks_; }
  [[nodiscard]] SessionSet& sessions() noexcept { return sessions_; }

 private:
  using Timer =
      asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;

  [[nodiscard]] bool overslept(base::Deadline look) const noexcept;
  void take_in_what_arrived();
  void advance_after(int turns);
  void tick();

  // One thread runs it and all that waits for descriptors: only post() comes from others, and is locked.
  asio::io_context io_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  asio::executor_work_guard<Executor> work_;
  std::unique_ptr<Ring> ring_;
  DeadlineWheel wheel_;
  BlockPool blocks_;
  TaskGroup tasks_;
  SessionSet sessions_;
  std::optional<Timer> ticker_;  // of a worker without a ring
  bool released_ = false;
  std::thread thread_;
};

}  // namespace lb::net
