#include "upstream/registry.hpp"

#include <algorithm>
#include <utility>

namespace lb::upstream {

EndpointPtr Registry::make(const BackendSpec& backend, AvailabilityPtr availability) {
  const auto free = std::ranges::find_if(slots_, [](const auto& slot) { return slot.expired(); });
  const auto slot = static_cast<std::uint32_t>(free - slots_.begin());
  auto endpoint = std::make_shared<Endpoint>(backend, slot, workers_, std::move(availability));
  if (free == slots_.end()) {
    slots_.push_back(endpoint);
  } else {
    *free = endpoint;
  }
  return endpoint;
}

EndpointPtr Registry::at(std::uint32_t slot) const {
  EndpointPtr endpoint = slot < slots_.size() ? slots_[slot].lock() : nullptr;
  return endpoint && !endpoint->is_removed() ? endpoint : nullptr;
}

}  // namespace lb::upstream
