// What a listener asks of a connection before it is served.
#pragma once

#include <cstdint>
#include <memory>

#include "net/networks.hpp"
#include "tls/server.hpp"

namespace lb::inbound {

enum class ProxyHeaderRule : std::uint8_t {
  off,
  accept,   // from trusted peers, where there is one
  require,  // nobody is served without
};

// Never changes; any thread. A reload makes another one, for the connections that come then.
struct Gate {
  ProxyHeaderRule proxy_header = ProxyHeaderRule::off;
  std::shared_ptr<const net::NetworkSet> trusted{};  // whose header is believed; null: nobody's
  bool secure = false;                               // by TLS:
  tls::ServerPtr tls{};                              // null: there is nothing to show, and nobody is served
};
using GatePtr = std::shared_ptr<const Gate>;

}  // namespace lb::inbound
