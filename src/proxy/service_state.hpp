// What of a service outlives a reading of the configuration, beside its endpoints.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "proxy/retry_budget.hpp"
#include "proxy/wait_queue.hpp"

namespace lb::proxy {

class ServiceState : public std::enable_shared_from_this<ServiceState> {
 public:
  // Has a function run on that worker, from 0; called on any thread.
  using Post = std::function<void(std::size_t worker, std::function<void()> run)>;

  // A worker's own.
  struct alignas(64) OfWorker {
    RetryBudget retries;
    WaitQueue waiting;
  };

  // What `post` refers to outlives it.
  [[nodiscard]] static std::shared_ptr<ServiceState> make(std::size_t workers, Post post) {
    auto state = std::shared_ptr<ServiceState>(new ServiceState(workers, std::move(post)));
    for (std::size_t worker = 0; worker < workers; ++worker) {
      state->of_worker_[worker].waiting.join(state->queues_, [self = state.get(), worker] { self->call(worker); });
    }
    return state;
  }

  // That worker's thread.
  [[nodiscard]] OfWorker& of_worker(std::size_t worker) noexcept { return of_worker_[worker]; }

 private:
  ServiceState(std::size_t workers, Post post)
      : post_(std::move(post)), of_worker_(std::make_unique<OfWorker[]>(workers)) {}

  void call(std::size_t worker) {
    post_(worker, [self = shared_from_this(), worker] { self->of_worker_[worker].waiting.call(); });
  }

  Post post_;
  WaitQueues queues_;
  std::unique_ptr<OfWorker[]> of_worker_;
};

using ServiceStatePtr = std::shared_ptr<ServiceState>;

}  // namespace lb::proxy
