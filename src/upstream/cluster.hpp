// The backends, their health and the order in which they are picked. One object, shared by all workers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/container/small_vector.hpp>

#include "balancer/round_robin.hpp"
#include "upstream/endpoint.hpp"

namespace lb::upstream {

struct BackendSpec {
  std::string url;   // canonical
  std::string host;  // name, or address without brackets
  std::uint16_t port = 80;
  unsigned weight = 1;
};

// The endpoints that one request has tried, by index.
using Tried = boost::container::small_vector<std::uint32_t, 8>;

struct Pick {
  std::uint32_t index = 0;
  Endpoint* endpoint = nullptr;
  bool last_resort = false;  // down, and tried because all are
};

class Cluster {
 public:
  // There is at least one backend. `failures_max` consecutive failures mark an endpoint down.
  Cluster(std::vector<BackendSpec> backends, std::uint32_t failures_max);

  // The next endpoint for a request that has tried `tried`: in strict round robin over those that are up; when none is
  // up, over all. None: all of these were tried. Any thread.
  [[nodiscard]] std::optional<Pick> pick(const Tried& tried) noexcept;

  // What an exchange, or a check, says of an endpoint. Each change of state is logged once, by these. Any thread.
  void record_success(Endpoint& endpoint) noexcept { endpoint.record_success(); }
  void record_failure(Endpoint& endpoint);
  void record_recovery(Endpoint& endpoint);
  void record_check(Endpoint& endpoint, bool passed);

  [[nodiscard]] std::size_t size() const noexcept { return endpoints_.size(); }
  [[nodiscard]] Endpoint& endpoint(std::size_t index) noexcept { return *endpoints_[index]; }
  [[nodiscard]] const BackendSpec& spec(std::size_t index) const noexcept { return backends_[index]; }
  [[nodiscard]] bool any_up() const noexcept;

 private:
  std::vector<BackendSpec> backends_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  balancer::RoundRobin order_;
  std::uint32_t failures_max_;
};

}  // namespace lb::upstream
