// What the exchanges of all workers go by: one reading of the configuration, and one state of its services' members.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http1/settings.hpp"
#include "net/networks.hpp"
#include "proxy/hash_key.hpp"
#include "proxy/own_pages.hpp"
#include "proxy/service_state.hpp"
#include "proxy/stickiness.hpp"
#include "upstream/members.hpp"
#include "upstream/pool.hpp"

namespace lb::proxy {

// Where the id of a request goes, if the client gave it none.
enum class RequestIds : std::uint8_t { off, backend, both };

// What holds for all services.
struct Settings {
  http1::Settings http;
  base::Duration connect_timeout{};
  base::Duration first_response_byte_timeout{};  // from the request sent to the whole head of the answer
  base::Duration tunnel_idle_timeout{};
  std::size_t queue_max = 0;       // requests of one worker and service that wait for a backend with room
  base::Duration queue_timeout{};  // how long one does
  RequestIds request_ids = RequestIds::backend;
  std::shared_ptr<const net::NetworkSet> trusted_proxies{};  // whose X-Forwarded-For is believed; null: nobody's
  std::shared_ptr<const OwnPages> own_pages{};               // null: there are none
};

// The header of the PROXY protocol that connections to backends begin with.
enum class ProxyHeader : std::uint8_t { off, v1, v2 };

struct ServiceSettings {
  upstream::PoolSettings pool;
  unsigned attempts = 0;              // forwarded exchanges per request, the first included
  std::size_t replay_bytes = 0;       // of a request body kept for another attempt
  unsigned retry_budget_percent = 0;  // retries, as a share of the requests; 0: any number
  std::optional<HashOn> hash_on{};    // what the policy chooses by; none: by nothing of the request
  ProxyHeader proxy_header = ProxyHeader::off;
  base::Duration stall{};  // after which a backend that owes every answer gets no more; 0: any time
};

// A set of endpoints that do the same, with how they are asked.
struct Service {
  std::string name;
  ServiceSettings settings;
  upstream::MembersPtr members;
  ServiceStatePtr state;  // shared with the service of this name in the plan before: its identity across plans
  std::shared_ptr<const Stickiness> sticky{};  // null: clients do not stay with their backends
};

// Never changes, but for the atomics of its members. Whatever changes makes another plan; an exchange holds on to the
// one that it began with, or took up between two attempts, and with it to the endpoints.
struct Plan {
  Settings settings;
  std::vector<Service> services;  // at least one: the default one is the first

  // Whether a service tells its backends from where to where a client's connection goes.
  [[nodiscard]] bool wants_endpoints() const noexcept {
    return std::ranges::any_of(services,
                               [](const Service& one) { return one.settings.proxy_header != ProxyHeader::off; });
  }
  // The service that is this one; null: it is not there any more.
  [[nodiscard]] const Service* find(const ServiceState& state) const noexcept {
    for (const Service& service : services) {
      if (service.state.get() == &state) return &service;
    }
    return nullptr;
  }
};

using PlanPtr = std::shared_ptr<const Plan>;

}  // namespace lb::proxy
