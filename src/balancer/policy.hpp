// How a service chooses among its endpoints: what each policy implements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "balancer/load.hpp"
#include "base/clock.hpp"
#include "base/function_ref.hpp"
#include "base/random.hpp"

namespace lb::balancer {

// What an endpoint is a candidate for: when those above it are not left.
enum class Tier : std::uint8_t {
  none,       // it gets nothing
  down,       // it is tried when nothing else is left
  suspended,  // up, but found stalled, or much worse than the others
  backup,     // up, and meant for when the others are not
  up,
};
inline constexpr std::size_t kTiers = 5;

// An endpoint as policies see it.
struct Candidate {
  std::string_view identity;  // the same on every machine
  unsigned weight = 1;        // at least 1
  Load* load = nullptr;       // outlives the policy
};

// Whether one of the candidates may have this request; cheap, and may change its mind between two calls.
using Eligible = base::FunctionRef<bool(std::uint32_t)>;

// One request, or one more attempt of it.
struct Query {
  Tier tier = Tier::up;  // whom to choose among; `none`: all endpoints
  Eligible eligible;
  std::uint64_t key = 0;  // a hash of what the request is chosen by
  base::TimePoint now;
  base::Random& random;
};

// Knows endpoints by their position in the service's list. A function of their loads and of the query; what it keeps
// itself, workers need not agree about. No I/O, no clock of its own.
//
// Any thread, but for move(). None of these blocks or throws.
class Policy {
 public:
  using Visit = base::FunctionRef<bool(std::uint32_t)>;

  Policy() = default;
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;
  virtual ~Policy() = default;

  // The endpoint leaves one tier for another; all begin in `none`. One caller at a time; who picks meanwhile may be a
  // moment behind.
  virtual void move(std::uint32_t endpoint, Tier from, Tier to) noexcept = 0;

  // The choice among those of the tier that are eligible. None: there is none.
  [[nodiscard]] virtual std::optional<std::uint32_t> pick(const Query& query) noexcept = 0;

  // Whether it goes by what exchanges say of their endpoints.
  [[nodiscard]] virtual bool is_load_aware() const noexcept { return false; }
  // Whether it might leave an endpoint without a request for long.
  [[nodiscard]] virtual bool may_starve() const noexcept { return is_load_aware(); }

  // Calls visit(endpoint) for the endpoints in the order in which they come into question for the pick that begins at
  // this position, once around at most or until it says false: for whoever explains a pick.
  virtual void visit(std::uint32_t position, Visit visit) const noexcept = 0;
  [[nodiscard]] virtual std::uint32_t position() const noexcept { return 0; }

  // Whose turn it is, as far as there are turns, and whose it is from now on: another list goes on where this one was.
  [[nodiscard]] virtual std::uint32_t next() const noexcept { return 0; }
  virtual void continue_at(std::uint32_t /*endpoint*/) noexcept {}
};

using PolicyPtr = std::unique_ptr<Policy>;

// The policies, as the configuration names them.
enum class PolicyKind : std::uint8_t { round_robin, least_requests, random_two, peak_ewma, prequal, consistent_hash };

// "round-robin", ...
[[nodiscard]] std::string_view to_string(PolicyKind kind) noexcept;
// None: it is not the name of one.
[[nodiscard]] std::optional<PolicyKind> policy_named(std::string_view name) noexcept;

// There is at least one candidate. `next`: the one that is picked first, where there are turns.
[[nodiscard]] PolicyPtr make_policy(PolicyKind kind, const std::vector<Candidate>& candidates, std::uint32_t next);

}  // namespace lb::balancer
