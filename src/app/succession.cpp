// The part of the server that leaves what it knows of the backends to its successor, and takes it over.
#include <algorithm>
#include <utility>

#include "app/inheritance.hpp"
#include "app/server.hpp"
#include "base/log.hpp"
#include "config/schema.hpp"

namespace lb::app {

std::string Server::what_is_left() const {
  const upstream::MembersPtr& members = cluster_.members();
  Inheritance left;
  left.next = (*members)[members->next()].url();
  for (std::size_t i = 0; i < members->size(); ++i) {
    const upstream::Endpoint& endpoint = (*members)[i];
    const config::Backend& backend = config_.backends[i];
    const auto in_file = std::ranges::find(file_backends_, backend.url, &config::Backend::url);
    const bool by_hand = in_file != file_backends_.end() && in_file->weight != backend.weight;
    left.backends.push_back({.url = endpoint.url(),
                             .administration = endpoint.administration(),
                             .failed = !endpoint.is_up() && endpoint.passed_last_check(),
                             .weight = by_hand ? backend.weight : 0,
                             .reason = endpoint.last_change().reason});
  }
  return write(left);
}

// Of the backends that this process has as well. Our first checks are newer than the predecessor's; but what requests
// have found out there, checks do not see: such a one comes back by the next check, as it would have there.
net::Awaitable<void> Server::inherit(std::string text) {
  const auto lock = co_await changes_.lock();
  const Inheritance left = read_inheritance(text);
  const auto weight_max = static_cast<unsigned>(config::find_key("backends.weight")->max);
  config::Config weighted = config_;
  bool is_weighted = false;
  std::uint32_t next = 0;
  for (const Inheritance::Backend& one : left.backends) {
    const auto found = std::ranges::find(weighted.backends, one.url, &config::Backend::url);
    if (found == weighted.backends.end()) continue;
    const auto index = static_cast<std::uint32_t>(found - weighted.backends.begin());
    upstream::Endpoint& endpoint = (*cluster_.members())[index];
    if (one.url == left.next) next = index;
    if (one.failed) cluster_.inherit_down(endpoint, one.reason);
    if (one.administration != upstream::Administration::active) {
      endpoint.note_order(one.administration, base::system_clock().wall_now());
      endpoint.administer(one.administration);
    }
    const bool is_weight = one.weight >= 1 && one.weight <= weight_max && one.weight != found->weight;
    if (!is_weight) continue;
    found->weight = one.weight;
    is_weighted = true;
    base::log(base::LogLevel::info,
              one.url + " keeps the weight " + std::to_string(one.weight) + ", as the operator has ordered");
  }
  if (is_weighted) static_cast<void>(co_await apply(std::move(weighted)));
  cluster_.members()->continue_at(next);
  monitor_.reconsider();
  log_administration();
}

}  // namespace lb::app
