// All timeouts of one worker: a timing wheel (G. Varghese, T. Lauck, "Hashed and Hierarchical Timing Wheels", 1987).
//
// Setting a deadline is a store and, now and then, relinking a list node: no heap, no allocation, no system call.
// Entries whose deadline moved later stay where they are until their slot comes round and are put on then. The
// precision is one tick (base::kWheelTick); an entry never fires before its deadline.
//
// One thread. The owner calls advance(); a worker does so from a timer, a test by hand.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/callback.hpp"
#include "base/clock.hpp"
#include "base/limits.hpp"

namespace lb::net {

class DeadlineWheel {
  struct Link {
    Link* previous = this;
    Link* next = this;
  };

 public:
  using Fire = base::Callback<void()>;

  class Entry : private Link {
   public:
    // `fire` is called from advance() when the deadline has passed, at most once for each arm().
    Entry(DeadlineWheel& wheel, Fire fire) noexcept : wheel_(wheel), fire_(fire) {}
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    // Replaces the deadline; kNever disarms.
    void arm(base::Deadline deadline) noexcept;
    void disarm() noexcept { deadline_ = base::kNever; }

   private:
    friend class DeadlineWheel;

    DeadlineWheel& wheel_;
    Fire fire_;
    base::Deadline deadline_ = base::kNever;
    std::uint64_t tick_ = 0;  // of the slot it is linked in
    bool linked_ = false;
  };

  explicit DeadlineWheel(const base::Clock& clock) noexcept;
  ~DeadlineWheel();
  DeadlineWheel(const DeadlineWheel&) = delete;
  DeadlineWheel& operator=(const DeadlineWheel&) = delete;

  // Fires what is due. A fired function may arm, disarm and destroy entries.
  void advance() noexcept;

  // When advance() has something to look at next, which may turn out to be nothing; kNever: while nothing is armed.
  [[nodiscard]] base::Deadline next_look() noexcept;

  [[nodiscard]] bool empty() const noexcept { return linked_count_ == 0; }
  [[nodiscard]] base::TimePoint now() const noexcept { return clock_.now(); }
  [[nodiscard]] const base::Clock& clock() const noexcept { return clock_; }
  [[nodiscard]] base::Deadline after(base::Duration timeout) const noexcept { return clock_.now() + timeout; }

  // Called when the moment that next_look() gave last has become an earlier one.
  void on_earlier(Fire wake) noexcept { wake_ = wake; }

 private:
  static constexpr std::size_t kSlots = 512;  // x 10 ms: deadlines further off than 5 s are looked at every 5 s

  [[nodiscard]] std::uint64_t tick_of(base::Deadline deadline) const noexcept;
  void link(Entry& entry, std::uint64_t tick) noexcept;
  void unlink(Entry& entry) noexcept;

  const base::Clock& clock_;
  base::TimePoint origin_;
  std::uint64_t current_tick_ = 0;  // the last one that advance() has dealt with
  std::size_t linked_count_ = 0;
  Fire wake_;
  std::uint64_t announced_tick_ = UINT64_MAX;          // by next_look()
  std::array<std::uint64_t, kSlots / 64> occupied_{};  // a bit for each slot that may hold something
  std::array<Link, kSlots> slots_;
};

}  // namespace lb::net
