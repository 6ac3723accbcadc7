#include "net/deadline_wheel.hpp"

#include <algorithm>
#include <bit>

#include "base/check.hpp"

namespace lb::net {

DeadlineWheel::DeadlineWheel(const base::Clock& clock) noexcept : clock_(clock), origin_(clock.now()) {}

DeadlineWheel::~DeadlineWheel() {
  LB_CHECK(linked_count_ == 0);
}

DeadlineWheel::Entry::~Entry() {
  if (linked_) wheel_.unlink(*this);
}

void DeadlineWheel::Entry::arm(base::Deadline deadline) noexcept {
  deadline_ = deadline;
  if (deadline == base::kNever) return;
  const std::uint64_t tick = wheel_.tick_of(deadline);
  if (linked_ && tick_ <= tick) return;  // its slot comes round first and puts it on
  if (linked_) wheel_.unlink(*this);
  wheel_.link(*this, tick);
}

// The first tick at whose moment the deadline has passed.
std::uint64_t DeadlineWheel::tick_of(base::Deadline deadline) const noexcept {
  if (deadline <= origin_) return 0;
  return static_cast<std::uint64_t>((deadline - origin_) / base::kWheelTick) + 1;
}

void DeadlineWheel::link(Entry& entry, std::uint64_t tick) noexcept {
  if (linked_count_ == 0) {
    // Nobody called advance() while the wheel was empty: the ticks in between hold nothing.
    const std::uint64_t passed = tick_of(now());
    current_tick_ = std::max(current_tick_, passed == 0 ? 0 : passed - 1);
  }
  entry.tick_ = std::clamp(tick, current_tick_ + 1, current_tick_ + kSlots - 1);
  Link& slot = slots_[entry.tick_ % kSlots];
  Link& node = entry;
  node.previous = slot.previous;
  node.next = &slot;
  slot.previous->next = &node;
  slot.previous = &node;
  entry.linked_ = true;
  occupied_[entry.tick_ % kSlots / 64] |= std::uint64_t{1} << (entry.tick_ % 64);
  ++linked_count_;
  if (entry.tick_ < announced_tick_) {
    announced_tick_ = entry.tick_;
    if (wake_) wake_();
  }
}

void DeadlineWheel::unlink(Entry& entry) noexcept {
  Link& node = entry;
  node.previous->next = node.next;
  node.next->previous = node.previous;
  node.previous = node.next = &node;
  entry.linked_ = false;
  --linked_count_;
}

void DeadlineWheel::advance() noexcept {
  const base::TimePoint time = now();
  const std::uint64_t target = static_cast<std::uint64_t>(
      std::max((time - origin_) / base::kWheelTick, decltype((time - origin_) / base::kWheelTick){0}));
  // After a long sleep each slot is visited once, not once for each tick that was missed.
  if (target > current_tick_ + kSlots) current_tick_ = target - kSlots;
  while (current_tick_ < target && linked_count_ > 0) {
    ++current_tick_;
    Link& slot = slots_[current_tick_ % kSlots];
    // Entries that are put on leave the slot for another one (a later tick), so the loop ends; fired functions may
    // unlink any other entry, so only the head of the list is ever held.
    while (slot.next != &slot) {
      auto& entry = static_cast<Entry&>(*slot.next);
      unlink(entry);
      if (entry.deadline_ == base::kNever) continue;
      if (entry.deadline_ > time) {
        link(entry, tick_of(entry.deadline_));
        continue;
      }
      entry.deadline_ = base::kNever;
      entry.fire_();
    }
    occupied_[current_tick_ % kSlots / 64] &= ~(std::uint64_t{1} << (current_tick_ % 64));
  }
  current_tick_ = std::max(current_tick_, target);
}

base::Deadline DeadlineWheel::next_look() noexcept {
  announced_tick_ = UINT64_MAX;
  if (linked_count_ == 0) return base::kNever;
  // From the slot behind the current one, once around: the first word from its middle on, and at last its beginning.
  const std::uint64_t first = current_tick_ + 1;
  std::uint64_t word = occupied_[first % kSlots / 64] & (~std::uint64_t{0} << (first % 64));
  for (std::uint64_t start = first - first % 64;; start += 64, word = occupied_[start % kSlots / 64]) {
    if (word == 0) continue;
    announced_tick_ = start + static_cast<std::uint64_t>(std::countr_zero(word));
    return origin_ + announced_tick_ * base::kWheelTick;
  }
}

}  // namespace lb::net
