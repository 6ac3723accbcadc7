// Requests that wait because every backend they could go to has reached its connection limit.
#pragma once

#include <algorithm>
#include <deque>
#include <utility>

#include "net/pause.hpp"
#include "upstream/cluster.hpp"

namespace lb::proxy {

// First come, first served. One worker; the places themselves are counted across all of them.
class WaitingRoom {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }
  [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
  [[nodiscard]] bool is_first(const net::Pause& pause) const noexcept {
    return !waiting_.empty() && waiting_.front() == &pause;
  }

  // `pause` is woken when it may be its turn; it stays in place until leave().
  void enter(net::Pause& pause) { waiting_.push_back(&pause); }
  void leave(net::Pause& pause) {
    waiting_.erase(std::ranges::find(waiting_, &pause));
    call_first();
  }

  // An exchange of this worker has given its place back.
  void call_first() {
    if (!waiting_.empty()) waiting_.front()->wake();
  }

 private:
  std::deque<net::Pause*> waiting_;
};

// One exchange's place at a backend with a connection limit; given back when it goes away.
class Place {
 public:
  explicit Place(WaitingRoom& room) noexcept : room_(room) {}
  ~Place() { give_back(); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  // The endpoint lives until the place is given back.
  void take(const upstream::Pick& pick) noexcept {
    give_back();
    if (pick.acquired) endpoint_ = pick.endpoint;
  }
  void give_back() noexcept {
    if (endpoint_ == nullptr) return;
    std::exchange(endpoint_, nullptr)->release();
    room_.call_first();
  }

 private:
  WaitingRoom& room_;
  upstream::Endpoint* endpoint_ = nullptr;
};

}  // namespace lb::proxy
