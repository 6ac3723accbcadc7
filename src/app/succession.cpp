#include "app/succession.hpp"

#include <algorithm>
#include <utility>

#include "app/inheritance.hpp"
#include "base/log.hpp"
#include "config/schema.hpp"

namespace lb::app {

std::string what_is_left(const Configuration& configuration, const Backends& backends) {
  const std::vector<config::Backend>& in_file = configuration.backends_of_file();
  Inheritance left;
  left.next = backends.next().url();
  for (std::size_t i = 0; i < backends.all().size(); ++i) {
    const upstream::Endpoint& endpoint = *backends.all()[i];
    const config::Backend& backend = configuration.now().backends[i];
    const auto found = std::ranges::find(in_file, backend.url, &config::Backend::url);
    const bool by_hand = found != in_file.end() && found->weight != backend.weight;
    left.backends.push_back({.url = endpoint.url(),
                             .administration = endpoint.administration(),
                             .failed = !endpoint.is_up() && endpoint.passed_last_check(),
                             .weight = by_hand ? backend.weight : 0,
                             .reason = endpoint.last_change().reason});
  }
  return write(left);
}

// Our first checks are newer than the predecessor's health; but what its requests have found out, checks do not see: a
// backend that they marked down comes back by the next check, as it would have there.
// NOLINTNEXTLINE: by value, for the coroutine outlives its caller's arguments
net::Awaitable<void> inherit(Configuration& configuration, Backends& backends, std::string text) {
  const Inheritance left = read_inheritance(text);
  const auto weight_max = static_cast<unsigned>(config::find_key("backends.weight")->max);
  config::Config weighted = configuration.now();
  bool is_weighted = false;
  const upstream::Endpoint* next = backends.all().front().get();
  for (const Inheritance::Backend& one : left.backends) {
    const auto found = std::ranges::find(weighted.backends, one.url, &config::Backend::url);
    if (found == weighted.backends.end()) continue;
    const auto index = static_cast<std::uint32_t>(found - weighted.backends.begin());
    upstream::Endpoint& endpoint = *backends.all()[index];
    if (one.url == left.next) next = &endpoint;
    if (one.failed) backends.health().inherit_down(endpoint, one.reason);
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
  if (is_weighted) static_cast<void>(co_await configuration.apply(std::move(weighted)));
  backends.continue_at(*next);
  backends.reconsider_checks();
  configuration.log_administration();
}

}  // namespace lb::app
