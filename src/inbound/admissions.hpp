// How many client connections there are and may be, over all workers.
#pragma once

#include <atomic>
#include <cstddef>

namespace lb::inbound {

// Any thread.
class Admissions {
 public:
  // `turned_away_max` more get a 503; those beyond wait in the kernel's queue.
  void limit(std::size_t connections_max, std::size_t turned_away_max) noexcept {
    connections_max_.store(connections_max, std::memory_order_relaxed);
    turned_away_max_.store(turned_away_max, std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t connections_max() const noexcept { return connections_max_; }
  [[nodiscard]] std::size_t connections() const noexcept { return connections_.load(std::memory_order_relaxed); }

  [[nodiscard]] bool has_room() const noexcept { return connections() < connections_max_ + turned_away_max_; }
  // True: it is to be served; false: to be turned away. Either way it counts until leave().
  [[nodiscard]] bool enter() noexcept {
    return connections_.fetch_add(1, std::memory_order_relaxed) < connections_max_;
  }
  void leave() noexcept { connections_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> connections_{0};
  std::atomic<std::size_t> connections_max_{0};
  std::atomic<std::size_t> turned_away_max_{0};
};

}  // namespace lb::inbound
