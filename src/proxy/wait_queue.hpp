// Requests that wait because every backend they could go to has reached its connection limit.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "net/pause.hpp"
#include "upstream/members.hpp"

namespace lb::proxy {

class WaitQueue;

// The queues of all workers: a permit that is given back on one of them is offered to each in turn, or the busiest
// worker would keep all permits to itself. Filled before any is used; then any thread.
class WaitQueues {
 public:
  void add(WaitQueue& queue) { queues_.push_back(&queue); }
  // Wakes the next queue that has waiters. If those wait for another backend, the permit is found by the next look of
  // any waiter, within base::kQueueLook.
  void call_next(WaitQueue& own);
  [[nodiscard]] bool is_anybody_in_line() const noexcept;

 private:
  std::vector<WaitQueue*> queues_;
  std::atomic<std::size_t> turn_{0};
};

// First come, first served: the first in line looks for a backend with room, the others wait to become the first. A
// request that has tried some backends already waits beside the line: it may be waiting for one that nobody else wants,
// and must not hold up those behind it. One worker's, but for the counts.
class WaitQueue {
 public:
  enum class Where : std::uint8_t { in_line, beside };

  WaitQueue() = default;
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;

  // Before it is used. `queues` outlives the queue's use. `call_later` has call() run on the queue's own worker;
  // it may be called on any thread.
  void join(WaitQueues& queues, std::function<void()> call_later) {
    queues.add(*this);
    queues_ = &queues;
    call_later_ = std::move(call_later);
  }

  // How many wait here, and how many of them in line. Any thread.
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t in_line() const noexcept { return in_line_.load(std::memory_order_relaxed); }
  // Whether anybody stands in a line, here or elsewhere.
  [[nodiscard]] bool is_anybody_in_line() const noexcept {
    return in_line() > 0 || (queues_ != nullptr && queues_->is_anybody_in_line());
  }
  // Whether the one that waits with `pause` may look.
  [[nodiscard]] bool is_its_turn(const net::Pause& pause, Where where) const noexcept {
    const auto end = beside_.begin() + static_cast<std::ptrdiff_t>(std::min(beside_.size(), kBesideLooking));
    if (where == Where::beside) return std::find(beside_.begin(), end, &pause) != end;
    return !line_.empty() && line_.front() == &pause;
  }

  // `pause` is woken when it may be its turn; it stays in place until leave().
  void enter(net::Pause& pause, Where where) {
    list(where).push_back(&pause);
    count();
  }
  void leave(net::Pause& pause, Where where) {
    auto& list = this->list(where);
    const auto found = std::ranges::find(list, &pause);
    LB_CHECK(found != list.end());
    list.erase(found);
    count();
    call();
  }

  // Those whose turn it is look again.
  void call() {
    for (std::size_t i = 0; i < std::min(beside_.size(), kBesideLooking); ++i) beside_[i]->wake();
    if (!line_.empty()) line_.front()->wake();
  }
  // An exchange of this worker has given its permit back.
  void permit_is_free() { queues_ != nullptr ? queues_->call_next(*this) : call(); }

  // The same, from another worker.
  void call_later() const { call_later_(); }

 private:
  // Those beside wait for different backends; so many of them look at a time.
  static constexpr std::size_t kBesideLooking = 16;

  using List = std::deque<net::Pause*>;
  [[nodiscard]] List& list(Where where) noexcept { return where == Where::beside ? beside_ : line_; }
  void count() noexcept {
    waiting_.store(line_.size() + beside_.size(), std::memory_order_relaxed);
    in_line_.store(line_.size(), std::memory_order_relaxed);
  }

  WaitQueues* queues_ = nullptr;
  std::function<void()> call_later_;
  List line_;
  List beside_;
  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::size_t> in_line_{0};
};

inline void WaitQueues::call_next(WaitQueue& own) {
  const std::size_t turn = turn_.fetch_add(1, std::memory_order_relaxed);
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    WaitQueue& queue = *queues_[(turn + i) % queues_.size()];
    if (queue.waiting() == 0) continue;
    if (&queue == &own) return queue.call();
    return queue.call_later();
  }
}

inline bool WaitQueues::is_anybody_in_line() const noexcept {
  return std::ranges::any_of(queues_, [](const WaitQueue* queue) { return queue->in_line() > 0; });
}

// One exchange's permit to use a backend with a connection limit; given back when it goes away.
class Permit {
 public:
  Permit() noexcept = default;
  ~Permit() { give_back(); }
  Permit(const Permit&) = delete;
  Permit& operator=(const Permit&) = delete;

  // The endpoint lives until the permit is given back, and so does the queue where others wait for it.
  void take(const upstream::Pick& pick, WaitQueue& queue) noexcept {
    give_back();
    endpoint_ = pick.endpoint;
    trial_ = pick.trial;
    queue_ = &queue;
  }
  void give_back() noexcept {
    if (endpoint_ == nullptr) return;
    const bool limited = endpoint_->is_limited();
    if (trial_ != 0) endpoint_->end_trial(trial_);
    std::exchange(endpoint_, nullptr)->release();
    if (limited) queue_->permit_is_free();
  }

 private:
  WaitQueue* queue_ = nullptr;
  upstream::Endpoint* endpoint_ = nullptr;
  std::uint64_t trial_ = 0;
};

}  // namespace lb::proxy
