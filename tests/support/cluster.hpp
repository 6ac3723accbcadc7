// A cluster with all that it takes, whose backends get requests as soon as they are named.
#pragma once

#include <chrono>
#include <utility>
#include <vector>

#include "upstream/cluster.hpp"
#include "upstream/health_recorder.hpp"

namespace lb::test {

// Picks for a request that nothing else is known of.
inline upstream::Pick pick(upstream::Members& members, const upstream::Tried& tried = {},
                           base::TimePoint now = base::TimePoint(std::chrono::hours(1))) {
  static thread_local base::Random random(1);
  return members.pick({.tried = tried, .now = now, .random = random});
}

class Cluster : public upstream::HealthRecorder {
 public:
  explicit Cluster(const std::vector<upstream::BackendSpec>& backends, const upstream::Thresholds& thresholds = {},
                   const upstream::Choice& choice = {}) {
    replace(backends, thresholds, choice);
  }

  upstream::MembersPtr replace(const std::vector<upstream::BackendSpec>& backends,
                               const upstream::Thresholds& thresholds = {}, const upstream::Choice& choice = {},
                               base::TimePoint now = {}) {
    cluster_.admit(cluster_.replace(backends, thresholds, choice).added, now);
    return cluster_.publish();
  }

  [[nodiscard]] const upstream::MembersPtr& members() const noexcept { return cluster_.members(); }
  [[nodiscard]] std::size_t size() const noexcept { return members()->size(); }
  [[nodiscard]] upstream::Endpoint& endpoint(std::size_t index) const noexcept { return (*members())[index]; }

 private:
  upstream::Registry registry_{1};
  upstream::Cluster cluster_{registry_};
};

}  // namespace lb::test
