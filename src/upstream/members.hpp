// The endpoints of a service that requests may go to, and the choice among them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include <boost/container/small_vector.hpp>

#include "balancer/policy.hpp"
#include "upstream/endpoint.hpp"

namespace lb::upstream {

using EndpointPtr = std::shared_ptr<Endpoint>;

// The endpoints that one request has tried, by slot.
using Tried = boost::container::small_vector<std::uint32_t, 8>;

struct Pick {
  Endpoint* endpoint = nullptr;  // null: none was picked. Else it counts an exchange more, until Endpoint::release()
  bool last_resort = false;      // down, and tried because none that is up is left
  bool busy = false;             // none was picked, for those that are left have reached their connection limits

  [[nodiscard]] explicit operator bool() const noexcept { return endpoint != nullptr; }
};

// Which endpoints may be picked.
enum class PickScope : std::uint8_t {
  all,
  unlimited,  // those with a connection limit count as busy: others wait for their places
};

// The endpoints of a service after one change of them. The list never changes. All workers share it; a request that
// uses it keeps it alive.
class Members {
 public:
  // There is at least one endpoint; `weights` are theirs. `next`: the position in `endpoints` that is picked first.
  Members(std::vector<EndpointPtr> endpoints, const std::vector<unsigned>& weights, std::uint32_t next);

  // The next endpoint for a request that has tried `tried`: by the policy among those that are up and have room; when
  // all of them were tried, among the others, which may well have come back since they were marked down. None: all were
  // tried, or those that are left are busy. Any thread.
  // Whom it passes over, and why, is written into `record`, if there is one.
  [[nodiscard]] Pick pick(const Tried& tried, PickScope among = PickScope::all,
                          telemetry::RequestRecord* record = nullptr) noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return endpoints_.size(); }
  [[nodiscard]] Endpoint& operator[](std::size_t index) const noexcept { return *endpoints_[index]; }
  [[nodiscard]] const std::vector<EndpointPtr>& endpoints() const noexcept { return endpoints_; }
  // The position that would be picked next.
  [[nodiscard]] std::uint32_t next() const noexcept { return policy_->next(); }
  // From now on it is the turn of the one at this position in `endpoints`.
  void continue_at(std::uint32_t index) noexcept { policy_->continue_at(index); }

 private:
  bool put_in_order() noexcept;
  [[nodiscard]] std::uint64_t changes() const noexcept;
  void record_passed_over(std::uint32_t from, const Tried& tried, const Endpoint* picked,
                          telemetry::RequestRecord& record) const noexcept;

  std::vector<EndpointPtr> endpoints_;
  std::vector<AvailabilityPtr> availability_;  // those of the endpoints: one, unless they were made one by one
  std::unique_ptr<balancer::Policy> policy_;
  std::vector<balancer::Tier> tiers_;  // as the policy knows them; whoever holds looking_ touches them
  std::atomic_flag looking_;
  std::atomic<std::uint64_t> seen_changes_{UINT64_MAX};
};

using MembersPtr = std::shared_ptr<Members>;

}  // namespace lb::upstream
