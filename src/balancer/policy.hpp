// How a service chooses among its endpoints: what each policy implements.
#pragma once

#include <cstdint>
#include <optional>

#include "base/function_ref.hpp"

namespace lb::balancer {

// What an endpoint is a candidate for.
enum class Tier : std::uint8_t {
  none,  // it gets nothing
  down,  // it is tried when nothing else is left
  up,
};

// Knows endpoints by their position in the service's list, and of each its weight. No I/O, no clock of its own.
//
// Any thread, but for move(). None of these blocks or throws.
class Policy {
 public:
  // Whether one of the candidates may have this request; cheap, and may change its mind between two calls.
  using Eligible = base::FunctionRef<bool(std::uint32_t)>;
  using Visit = base::FunctionRef<bool(std::uint32_t)>;

  Policy() = default;
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;
  virtual ~Policy() = default;

  // The endpoint leaves one tier for another; all begin in `none`. One caller at a time; who picks meanwhile may be a
  // moment behind.
  virtual void move(std::uint32_t endpoint, Tier from, Tier to) noexcept = 0;

  // The choice among those of the tier that are eligible; of all endpoints for Tier::none. None: there is none.
  [[nodiscard]] virtual std::optional<std::uint32_t> pick(Tier tier, Eligible eligible) noexcept = 0;

  // Calls visit(endpoint) for the endpoints in the order in which they come into question for the pick that begins at
  // this position, once around at most or until it says false: for whoever explains a pick.
  virtual void visit(std::uint32_t position, Visit visit) const noexcept = 0;
  [[nodiscard]] virtual std::uint32_t position() const noexcept = 0;

  // Whose turn it is, as far as there are turns, and whose it is from now on: another list goes on where this one was.
  [[nodiscard]] virtual std::uint32_t next() const noexcept = 0;
  virtual void continue_at(std::uint32_t endpoint) noexcept = 0;
};

}  // namespace lb::balancer
