// The endpoints of a service that requests may go to, and the choice among them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <boost/container/small_vector.hpp>

#include "balancer/policy.hpp"
#include "upstream/endpoint.hpp"

namespace lb::upstream {

using EndpointPtr = std::shared_ptr<Endpoint>;

// The endpoints that one request has tried, by slot.
using Tried = boost::container::small_vector<std::uint32_t, 8>;

// A backend of a service, and what the service has it for.
struct Member {
  EndpointPtr endpoint;
  unsigned weight = 1;
  bool backup = false;
};

// Which endpoints may be picked.
enum class PickScope : std::uint8_t {
  all,
  unlimited,  // those with a connection limit count as busy: others wait for their places
};

// For whom an endpoint is picked.
struct Seeker {
  const Tried& tried;
  base::TimePoint now;
  base::Random& random;
  std::uint64_t key = 0;    // a hash of what the policy may choose by
  bool repeatable = false;  // if there is no answer
  PickScope among = PickScope::all;
  telemetry::RequestRecord* record = nullptr;  // takes down who was passed over, and why; null: nobody asks
};

struct Pick {
  Endpoint* endpoint = nullptr;  // null: none was picked. Else it counts an exchange more, until Endpoint::release()
  std::uint32_t in_flight = 0;   // that one included
  bool last_resort = false;      // down, and tried because none that is up is left
  std::uint64_t trial = 0;       // stalled, and tried by this request: Endpoint::end_trial() is owed
  bool busy = false;             // none was picked, for those that are left have reached their connection limits

  [[nodiscard]] explicit operator bool() const noexcept { return endpoint != nullptr; }
};

// The endpoints of a service after one change of them. The list never changes. All workers share it; a request that
// uses it keeps it alive.
class Members {
 public:
  // There is at least one. `next`: the position in `members` that is picked first, where there are turns.
  Members(const std::vector<Member>& members, balancer::PolicyKind policy, std::uint32_t next);

  // The next endpoint for a request: by the policy among those that are up, were not tried and have room; when there is
  // none, among the backups, then those that are suspended, and when all were tried, among the others, which may well
  // have come back since they were marked down. None: all were tried, or those that are left are busy. Any thread.
  [[nodiscard]] Pick pick(const Seeker& seeker) noexcept;

  // The endpoint at this position, for a request that belongs there: also one that drains; none if it is down,
  // disabled, suspended, tried or busy. Any thread.
  [[nodiscard]] Pick pick_own(std::uint32_t index, const Seeker& seeker) noexcept;

  // Whether pick_own() may give it, but for what is busy or was tried.
  [[nodiscard]] bool keeps_own(std::uint32_t index) const noexcept;

  // An exchange has waited for an answer since then, in vain so far.
  struct Waiting {
    base::TimePoint since;
    base::Duration stall;  // how long is too long
    bool owed = false;     // it is in Endpoint::owed() already
    bool trial = false;    // it tries the endpoint, which is stalled
  };
  // What that says.
  enum class Wait : std::uint8_t {
    usual,    // others may well take as long
    owed,     // longer than the others' answers take: it counts in Endpoint::owed()
    stalled,  // the endpoint owes every answer for `stall` and longer than the others' answers take, while they come
  };
  // Any thread.
  [[nodiscard]] Wait judge_wait(const Endpoint& endpoint, const Waiting& waiting, base::TimePoint now) const noexcept;
  // Whether there is one beside it that may be asked.
  [[nodiscard]] bool has_others(const Endpoint& endpoint, const Tried& tried) const noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return endpoints_.size(); }
  [[nodiscard]] Endpoint& operator[](std::size_t index) const noexcept { return *endpoints_[index]; }
  [[nodiscard]] const std::vector<EndpointPtr>& endpoints() const noexcept { return endpoints_; }
  // The position that would be picked next.
  [[nodiscard]] std::uint32_t next() const noexcept { return policy_->next(); }
  // From now on it is the turn of the one at this position in `endpoints`.
  void continue_at(std::uint32_t index) noexcept { policy_->continue_at(index); }

 private:
  using Tier = balancer::Tier;

  bool put_in_order() noexcept;
  [[nodiscard]] std::uint64_t changes() const noexcept;
  [[nodiscard]] Tier tier_of(std::uint32_t index) const noexcept;
  [[nodiscard]] Pick try_stalled(const Seeker& seeker) noexcept;
  [[nodiscard]] std::optional<std::uint32_t> overdue(base::TimePoint now, balancer::Eligible eligible) noexcept;
  void record_passed_over(std::uint32_t from, const Seeker& seeker, const Endpoint* picked) const noexcept;

  std::vector<EndpointPtr> endpoints_;
  std::vector<bool> backups_;                  // of the endpoints
  std::vector<AvailabilityPtr> availability_;  // those of the endpoints: one, unless they were made one by one
  balancer::PolicyPtr policy_;
  bool has_turns_;           // the policy goes round: who is passed over is known
  bool explores_;            // it would starve those that look bad
  std::vector<Tier> tiers_;  // as the policy knows them; whoever holds looking_ touches them
  std::atomic_flag looking_;
  std::atomic<std::uint64_t> seen_changes_{UINT64_MAX};
  std::atomic<bool> any_stalled_{false};
  std::atomic<std::int64_t> trial_due_{0};
  std::atomic<bool> any_up_{false};  // that is no backup
  // Those that nobody has asked for long: where the next look begins, and when it is due.
  std::atomic<std::uint32_t> look_at_{0};
  std::atomic<std::uint32_t> looked_{0};  // without finding one
  std::atomic<std::int64_t> look_due_{0};
};

using MembersPtr = std::shared_ptr<Members>;

}  // namespace lb::upstream
