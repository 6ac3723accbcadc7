// The addresses of one endpoint, with what is known of each. Shared by all workers, as the endpoint is.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "net/connector.hpp"

namespace lb::upstream {

// Counts only beside others: the health of an endpoint's only address is the endpoint's.
struct Address {
  Address(std::uint32_t its_id, net::Tcp::endpoint its_place) : id(its_id), where(std::move(its_place)) {}

  const std::uint32_t id;  // from 1; of this process, no other address ever has the same
  const net::Tcp::endpoint where;

  // Any thread.
  std::atomic<bool> out{false};                // gets nothing while others do
  std::atomic<std::uint32_t> failures{0};      // exchanges in a row
  std::atomic<std::int64_t> avoided_until{0};  // it could not be connected to: comes after the others till then

  // The thread of the checks.
  bool checked = false;
  bool passed_last_check = false;
  std::uint32_t checks_in_row = 0;  // with that result

  [[nodiscard]] bool is_avoided(base::TimePoint now) const noexcept {
    return avoided_until.load(std::memory_order_relaxed) > now.time_since_epoch().count();
  }
  void avoid_until(base::TimePoint when) noexcept {
    avoided_until.store(when.time_since_epoch().count(), std::memory_order_relaxed);
  }
};

using AddressPtr = std::shared_ptr<Address>;

// Never changes but for the turn: a name that moves gets another set, which shares the addresses that stay.
struct AddressSet {
  std::vector<AddressPtr> list;
  std::atomic<std::uint32_t> turn{0};  // counts the requests, over all workers, if there are several addresses

  [[nodiscard]] bool has(std::uint32_t id) const noexcept {
    return std::ranges::any_of(list, [id](const AddressPtr& address) { return address->id == id; });
  }
};

using AddressSetPtr = std::shared_ptr<AddressSet>;

// Which address an attempt goes to.
struct AddressChoice {
  std::uint32_t id = 0;  // 0: none is known
  AddressPtr address{};  // null: the endpoint has just this one
  // Of the settings that connections to the endpoint are made by: those made by earlier ones are not kept.
  std::uint32_t generation = 0;
};

}  // namespace lb::upstream
