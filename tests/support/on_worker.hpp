// Runs a coroutine to its end on a worker whose loop the test turns: for what needs real sockets or threads.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "net/worker.hpp"

namespace lb::test {

template <class T>
net::Awaitable<void> keep_result(net::Awaitable<T> task, std::optional<T>& result) {
  result.emplace(co_await std::move(task));
}

// One turn of the worker's loop, with a bound.
inline void turn_loop(net::Worker& worker) {
  worker.io().restart();
  if (worker.ring() == nullptr) {
    worker.io().run_one_for(std::chrono::milliseconds(10));
    return;
  }
  worker.io().poll();
  worker.ring()->turn(base::Duration(10));
}

// For the calling thread; null where there is no io_uring.
inline std::unique_ptr<net::Ring> enabled_ring() {
  std::string problem;
  auto ring = net::Ring::open(problem);
  if (ring) ring->enable();
  return ring;
}

template <class T>
T run_on(net::Worker& worker, net::Awaitable<T> task) {
  std::optional<T> result;
  worker.tasks().spawn(keep_result(std::move(task), result));
  for (int turn = 0; !result && turn < 2'000; ++turn) turn_loop(worker);
  EXPECT_TRUE(result) << "it did not end in time";
  worker.io().restart();
  worker.io().poll();  // the task's own end
  return std::move(result).value();
}

}  // namespace lb::test
