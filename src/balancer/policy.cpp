#include "balancer/policy.hpp"

#include <array>

#include "balancer/consistent_hash.hpp"
#include "balancer/least_requests.hpp"
#include "balancer/peak_ewma.hpp"
#include "balancer/prequal.hpp"
#include "balancer/random_two.hpp"
#include "balancer/round_robin_policy.hpp"

namespace lb::balancer {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"round-robin", "least-requests", "random-two",
                                                    "peak-ewma",   "prequal",        "consistent-hash"};

}  // namespace

std::string_view to_string(PolicyKind kind) noexcept {
  return kNames[static_cast<std::size_t>(kind)];
}

std::optional<PolicyKind> policy_named(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<PolicyKind>(i);
  }
  return std::nullopt;
}

PolicyPtr make_policy(PolicyKind kind, const std::vector<Candidate>& candidates, std::uint32_t next) {
  switch (kind) {
    case PolicyKind::least_requests:
      return std::make_unique<LeastRequests>(candidates);
    case PolicyKind::random_two:
      return std::make_unique<RandomTwo>(candidates);
    case PolicyKind::peak_ewma:
      return std::make_unique<PeakEwma>(candidates);
    case PolicyKind::prequal:
      return std::make_unique<Prequal>(candidates);
    case PolicyKind::consistent_hash:
      return std::make_unique<ConsistentHash>(candidates);
    case PolicyKind::round_robin:
      break;
  }
  return std::make_unique<RoundRobinPolicy>(candidates, next);
}

}  // namespace lb::balancer
