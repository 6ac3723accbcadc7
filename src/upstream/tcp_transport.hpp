// How a worker reaches the backends by their addresses. The tests have another transport, in memory.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "net/connector.hpp"
#include "upstream/health_recorder.hpp"
#include "upstream/transport.hpp"

namespace lb::upstream {

// One worker's. It has the sets of addresses that it was told of last, so that reading them needs no lock; whoever
// looks names up posts new ones to each worker.
class TcpTransport final : public Transport {
 public:
  // The recorder outlives the transport, and is told of addresses that cannot be connected to; null: nobody is.
  explicit TcpTransport(std::unique_ptr<net::Connector> connector, HealthRecorder* health = nullptr)
      : connector_(std::move(connector)), health_(health) {}

  void set_addresses(std::uint32_t slot, AddressSetPtr addresses) {
    if (slot >= sets_.size()) sets_.resize(slot + 1);
    sets_[slot] = std::move(addresses);
  }

  // How the endpoint with this slot is connected to, instead of plainly; null: plainly.
  void set_connector(std::uint32_t slot, std::unique_ptr<net::Connector> connector) {
    if (slot >= connectors_.size()) connectors_.resize(slot + 1);
    connectors_[slot].connector = std::move(connector);
    ++connectors_[slot].generation;
  }
  // The plain one.
  [[nodiscard]] net::Connector& connector() noexcept { return *connector_; }

  // Round robin over the addresses, across all workers. An address that is out is chosen only if no other is well; one
  // that could not be connected to is passed over for a while.
  [[nodiscard]] AddressChoice choose(const Endpoint& endpoint, std::uint32_t but_not) override;

  // Tries the addresses, the chosen one first, each for its share of the time.
  [[nodiscard]] net::Awaitable<base::Result<net::StreamPtr>> connect(const Endpoint& endpoint, AddressChoice& choice,
                                                                     base::Deadline deadline,
                                                                     std::string_view preface) override;

  [[nodiscard]] const AddressSet* addresses(const Endpoint& endpoint) const noexcept override {
    const AddressSet* const set = set_of(endpoint);
    return set != nullptr && set->list.size() > 1 ? set : nullptr;
  }
  [[nodiscard]] bool keeps(const Endpoint& endpoint, const AddressChoice& choice) const noexcept override {
    return has(endpoint, choice.id) && choice.generation == generation_of(endpoint.slot());
  }
  [[nodiscard]] bool has(const Endpoint& endpoint, std::uint32_t id) const noexcept override {
    const AddressSet* const set = set_of(endpoint);
    return set != nullptr && set->has(id);
  }

 private:
  enum class Rank : std::uint8_t { well, avoided, out };

  [[nodiscard]] const AddressSet* set_of(const Endpoint& endpoint) const noexcept {
    return endpoint.slot() < sets_.size() ? sets_[endpoint.slot()].get() : nullptr;
  }
  [[nodiscard]] std::shared_ptr<net::Connector> connector_of(std::uint32_t slot) const {
    return slot < connectors_.size() ? connectors_[slot].connector : nullptr;
  }
  [[nodiscard]] std::uint32_t generation_of(std::uint32_t slot) const noexcept {
    return slot < connectors_.size() ? connectors_[slot].generation : 0;
  }
  [[nodiscard]] static Rank rank_of(const Address& address, base::TimePoint now) noexcept {
    if (address.out.load(std::memory_order_relaxed)) return Rank::out;
    return address.is_avoided(now) ? Rank::avoided : Rank::well;
  }
  [[nodiscard]] std::vector<AddressPtr> order_of(const AddressSet& set, std::uint32_t first) const;

  std::unique_ptr<net::Connector> connector_;
  HealthRecorder* health_;
  std::vector<AddressSetPtr> sets_;  // by slot
  struct Own {
    std::shared_ptr<net::Connector> connector;  // null: the plain one; kept alive by those who use it
    std::uint32_t generation = 0;
  };
  std::vector<Own> connectors_;  // likewise
};

}  // namespace lb::upstream
