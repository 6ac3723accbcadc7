// Runs a coroutine to its end on a worker whose loop the test turns: for what needs real sockets or threads.
#pragma once

#include <chrono>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include "net/worker.hpp"

namespace lb::test {

template <class T>
net::Awaitable<void> keep_result(net::Awaitable<T> task, std::optional<T>& result) {
  result.emplace(co_await std::move(task));
}

template <class T>
T run_on(net::Worker& worker, net::Awaitable<T> task) {
  std::optional<T> result;
  worker.tasks().spawn(keep_result(std::move(task), result));
  for (int turn = 0; !result && turn < 2'000; ++turn) {
    worker.io().restart();
    worker.io().run_one_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(result) << "it did not end in time";
  worker.io().restart();
  worker.io().poll();  // the task's own end
  return std::move(result).value();
}

}  // namespace lb::test
