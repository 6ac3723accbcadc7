// How a worker reaches the backends.
#pragma once

#include <cstdint>
#include <string_view>

#include "net/stream.hpp"
#include "upstream/address.hpp"
#include "upstream/endpoint.hpp"

namespace lb::upstream {

// Makes connections, and says to which of an endpoint's addresses. One worker's. These defaults are those of transports
// whose endpoints are no names.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  // The next of its addresses in turn, but not the one with this id as long as there are others.
  [[nodiscard]] virtual AddressChoice choose(const Endpoint& endpoint, std::uint32_t but_not);
  // To the chosen address; should that fail, to the others: `choice` becomes what was reached, or none. `preface`:
  // what the connection begins with; it lives until then. Errors: those of the last address; resolve_failed if there is
  // none.
  [[nodiscard]] virtual net::Awaitable<base::Result<net::StreamPtr>> connect(const Endpoint& endpoint,
                                                                             AddressChoice& choice,
                                                                             base::Deadline deadline,
                                                                             std::string_view preface) = 0;
  // All of them now; null if the endpoint has less than two.
  [[nodiscard]] virtual const AddressSet* addresses(const Endpoint& endpoint) const noexcept;
  // Whether a connection to what was chosen is still worth keeping.
  [[nodiscard]] virtual bool keeps(const Endpoint& endpoint, const AddressChoice& choice) const noexcept {
    return has(endpoint, choice.id);
  }
  // Whether connections to the address are, as far as that goes.
  [[nodiscard]] virtual bool has(const Endpoint& endpoint, std::uint32_t id) const noexcept;
};

}  // namespace lb::upstream
