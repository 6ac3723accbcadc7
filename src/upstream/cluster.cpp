#include "upstream/cluster.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace lb::upstream {
namespace {

// Where the new order begins, so that the endpoint whose turn it was is next; if it left, the one behind it.
std::uint32_t next_among(const std::vector<Member>& members, const Members& before) {
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto& candidate = before.endpoints()[(before.next() + i) % before.size()];
    const auto found = std::ranges::find(members, candidate, &Member::endpoint);
    if (found != members.end()) return static_cast<std::uint32_t>(found - members.begin());
  }
  return 0;
}

}  // namespace

Cluster::Change Cluster::replace(const std::vector<BackendSpec>& backends, const Thresholds& thresholds,
                                 const Choice& choice) {
  struct Known {
    EndpointPtr endpoint;
    bool admitted;
    bool counts;  // among the backends until now
  };
  std::unordered_map<std::string_view, Known> known;
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    known.emplace(endpoints_[i]->url(), Known{endpoints_[i], places_[i].admitted, true});
  }
  // Those that left, and still serve because none of their successors was admitted yet, may be called back.
  if (members_) {
    for (const auto& endpoint : members_->endpoints()) known.emplace(endpoint->url(), Known{endpoint, true, false});
  }
  Change change;
  std::vector<EndpointPtr> endpoints;
  std::vector<Place> places;
  for (const BackendSpec& backend : backends) {
    const auto found = known.find(backend.url);
    const bool is_known = found != known.end();
    EndpointPtr endpoint = is_known ? found->second.endpoint : registry_.make(backend, availability_);
    endpoint->configure(backend.connections_max, thresholds, choice.slow_start);
    places.push_back({backend.weight, backend.backup, is_known && found->second.admitted});
    if (!is_known) change.added.push_back(endpoint);
    if (is_known) known.erase(found);
    endpoints.push_back(std::move(endpoint));
  }
  for (const auto& [url, left] : known) {
    if (left.counts) ++change.removed;
    if (!left.admitted) left.endpoint->remove();
  }
  choice_ = choice;
  endpoints_ = std::move(endpoints);
  places_ = std::move(places);
  return change;
}

void Cluster::admit(const std::vector<EndpointPtr>& endpoints, base::TimePoint now) {
  const std::unordered_set<EndpointPtr> admitted(endpoints.begin(), endpoints.end());
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    if (!admitted.contains(endpoints_[i]) || std::exchange(places_[i].admitted, true)) continue;
    if (members_) endpoints_[i]->start_slowly(now);
  }
}

bool Cluster::awaits_all() const noexcept {
  return std::ranges::none_of(places_, &Place::admitted);
}

const MembersPtr& Cluster::publish() {
  std::vector<Member> members;
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    if (places_[i].admitted) members.push_back({endpoints_[i], places_[i].weight, places_[i].backup});
  }
  if (members.empty()) return members_;
  std::uint32_t next = 0;
  if (members_) {
    next = next_among(members, *members_);
    std::unordered_set<EndpointPtr> stays;
    for (const Member& member : members) stays.insert(member.endpoint);
    for (const auto& endpoint : members_->endpoints()) {
      if (!stays.contains(endpoint)) endpoint->remove();
    }
  }
  members_ = std::make_shared<Members>(members, choice_.policy, next);
  return members_;
}

}  // namespace lb::upstream
