// The policy "round-robin".
#pragma once

#include <array>
#include <vector>

#include "balancer/policy.hpp"
#include "balancer/round_robin.hpp"

namespace lb::balancer {

// Strict turns by weight, which all workers share: one atomic position. One whose share is reduced lets turns pass, by
// chance.
class RoundRobinPolicy final : public Policy {
 public:
  // `next`: the endpoint that is picked first.
  RoundRobinPolicy(const std::vector<Candidate>& candidates, std::uint32_t next);

  void move(std::uint32_t endpoint, Tier from, Tier to) noexcept override;
  [[nodiscard]] std::optional<std::uint32_t> pick(const Query& query) noexcept override;
  void visit(std::uint32_t position, Visit visit) const noexcept override { order_.for_each_from(position, visit); }
  [[nodiscard]] std::uint32_t position() const noexcept override { return order_.position(); }
  [[nodiscard]] std::uint32_t next() const noexcept override { return order_.next(); }
  void continue_at(std::uint32_t endpoint) noexcept override { order_.continue_at(endpoint); }

 private:
  using Set = RoundRobin::Candidates;

  RoundRobin order_;
  std::array<Set, kTiers> tiers_{Set(order_), Set(order_), Set(order_), Set(order_), Set(order_)};  // `none`: all
  std::vector<Load*> loads_;
};

}  // namespace lb::balancer
