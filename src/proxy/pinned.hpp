// Connections to backends that belong to one client connection.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "http1/client_connection.hpp"
#include "proxy/plan.hpp"
#include "upstream/address.hpp"

namespace lb::proxy {

// Some authentication logs a connection in (RFC 4559): whoever sends the next request on it is taken for the same user,
// and its handshake takes several requests on one connection. Such a connection serves the client connection that it
// was logged in by, for as long as both live, and goes to no pool. Idle between two requests.
struct Pinned {
  PlanPtr plan;  // keeps the endpoint
  upstream::Endpoint* endpoint;
  upstream::AddressChoice chosen;
  std::unique_ptr<http1::ClientConnection> connection;
};

using PinnedPtr = std::unique_ptr<Pinned>;

// One that began with a PROXY header speaks for the client that this names. Others that it may be used for later have
// the same header.
struct Introduced : Pinned {
  std::string header;
};

// What a client connection has of its own.
struct OwnConnections {
  PinnedPtr pinned;                      // where its requests go as long as it lives
  std::vector<Introduced> introduced{};  // idle; a few
};

}  // namespace lb::proxy
