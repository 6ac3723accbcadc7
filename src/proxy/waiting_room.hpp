// Requests that wait because every backend they could go to has reached its connection limit.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

#include "net/pause.hpp"
#include "upstream/cluster.hpp"

namespace lb::proxy {

class WaitingRoom;

// The rooms of all workers: a place that is given back on one of them is offered to each in turn, or the busiest worker
// would keep all places to itself. Filled before the workers run; then any thread.
class WaitingRooms {
 public:
  void add(WaitingRoom& room) { rooms_.push_back(&room); }
  // Calls the next room in which somebody waits.
  void call_next(WaitingRoom& own);
  [[nodiscard]] bool anybody_waits() const noexcept;

 private:
  std::vector<WaitingRoom*> rooms_;
  std::atomic<std::size_t> turn_{0};
};

// First come, first served: the first in line looks for a backend with room, the others wait to become the first. A
// request that has tried some backends already waits beside the line: it may be waiting for one that nobody else wants,
// and must not hold up those behind it. One worker's, but for `waiting()`.
class WaitingRoom {
 public:
  enum class Where : std::uint8_t { in_line, beside };

  explicit WaitingRoom(net::Executor executor) noexcept : executor_(std::move(executor)) {}

  // Before the workers run. `rooms` outlives the room's use.
  void join(WaitingRooms& rooms) {
    rooms.add(*this);
    rooms_ = &rooms;
  }

  // How many wait here. Any thread.
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }
  // Whether others wait for a place already, here or elsewhere.
  [[nodiscard]] bool anybody_waits() const noexcept {
    return waiting() > 0 || (rooms_ != nullptr && rooms_->anybody_waits());
  }
  // Whether the one that waits with `pause` may look.
  [[nodiscard]] bool is_its_turn(const net::Pause& pause, Where where) const noexcept {
    return where == Where::beside || (!line_.empty() && line_.front() == &pause);
  }

  // `pause` is woken when it may be its turn; it stays in place until leave().
  void enter(net::Pause& pause, Where where) {
    list(where).push_back(&pause);
    waiting_.fetch_add(1, std::memory_order_relaxed);
  }
  void leave(net::Pause& pause, Where where) {
    auto& list = this->list(where);
    list.erase(std::ranges::find(list, &pause));
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    call();
  }

  // Those whose turn it is look again.
  void call() {
    for (net::Pause* pause : beside_) pause->wake();
    if (!line_.empty()) line_.front()->wake();
  }
  // An exchange of this worker has given its place back.
  void place_is_free() { rooms_ != nullptr ? rooms_->call_next(*this) : call(); }

  [[nodiscard]] const net::Executor& executor() const noexcept { return executor_; }

 private:
  using List = std::deque<net::Pause*>;
  [[nodiscard]] List& list(Where where) noexcept { return where == Where::beside ? beside_ : line_; }

  net::Executor executor_;
  WaitingRooms* rooms_ = nullptr;
  List line_;
  List beside_;
  std::atomic<std::size_t> waiting_{0};
};

inline void WaitingRooms::call_next(WaitingRoom& own) {
  const std::size_t turn = turn_.fetch_add(1, std::memory_order_relaxed);
  for (std::size_t i = 0; i < rooms_.size(); ++i) {
    WaitingRoom& room = *rooms_[(turn + i) % rooms_.size()];
    if (room.waiting() == 0) continue;
    if (&room == &own) return room.call();
    return net::asio::post(room.executor(), [&room] { room.call(); });
  }
}

inline bool WaitingRooms::anybody_waits() const noexcept {
  return std::ranges::any_of(rooms_, [](const WaitingRoom* room) { return room->waiting() > 0; });
}

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
    room_.place_is_free();
  }

 private:
  WaitingRoom& room_;
  upstream::Endpoint* endpoint_ = nullptr;
};

}  // namespace lb::proxy
