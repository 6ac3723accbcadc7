// The policy "round-robin".
#pragma once

#include <span>

#include "balancer/policy.hpp"
#include "balancer/round_robin.hpp"

namespace lb::balancer {

// Strict turns by weight, shared by all workers.
class RoundRobinPolicy final : public Policy {
 public:
  // Of each endpoint; there is one. `next`: the endpoint that is picked first.
  RoundRobinPolicy(std::span<const unsigned> weights, std::uint32_t next);

  void move(std::uint32_t endpoint, Tier from, Tier to) noexcept override;
  [[nodiscard]] std::optional<std::uint32_t> pick(Tier tier, Eligible eligible) noexcept override;
  void visit(std::uint32_t position, Visit visit) const noexcept override { order_.for_each_from(position, visit); }
  [[nodiscard]] std::uint32_t position() const noexcept override { return order_.position(); }
  [[nodiscard]] std::uint32_t next() const noexcept override { return order_.next(); }
  void continue_at(std::uint32_t endpoint) noexcept override { order_.continue_at(endpoint); }

 private:
  RoundRobin order_;
  RoundRobin::Candidates all_{order_};
  RoundRobin::Candidates up_{order_};
  RoundRobin::Candidates down_{order_};
};

}  // namespace lb::balancer
