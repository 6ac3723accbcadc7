// All endpoints of the process, whatever their service.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "upstream/members.hpp"

namespace lb::upstream {

// Gives each endpoint its slot, a small number by which each worker keeps what is its own about it (idle connections,
// addresses). A slot is used again only when nobody refers to its endpoint any more. One thread.
class Registry {
 public:
  // `workers` will count what they do with each endpoint.
  explicit Registry(std::size_t workers) : workers_(workers) {}

  // A new one. `availability`: that of its service.
  [[nodiscard]] EndpointPtr make(const BackendSpec& backend, AvailabilityPtr availability);
  // The one with this slot that has not been removed; null: none.
  [[nodiscard]] EndpointPtr at(std::uint32_t slot) const;

 private:
  std::size_t workers_;
  std::vector<std::weak_ptr<Endpoint>> slots_;  // expired: free
};

}  // namespace lb::upstream
