#include "upstream/pool.hpp"

#include <utility>

namespace lb::upstream {

std::unique_ptr<http1::ClientConnection> Pool::take(const Endpoint& endpoint, Look look, std::uint32_t address) {
  auto& idle = idle_of(endpoint.slot(), address);
  while (!idle.empty()) {
    Idle candidate = std::move(idle.back());
    idle.pop_back();
    // Bytes that nobody asked for (a 408, say) must not become the answer to the next request.
    auto& stream = candidate.connection->stream();
    const bool usable = wheel_.now() - candidate.since < settings_.idle_timeout &&
                        (look == Look::noticed ? stream.noticed() : stream.probe()) == net::Probe::quiet;
    if (usable) return std::move(candidate.connection);
  }
  return nullptr;
}

void Pool::put(const Endpoint& endpoint, std::unique_ptr<Connection> connection, std::uint32_t address) {
  auto& idle = idle_of(endpoint.slot(), address);
  if (closed_ || endpoint.is_removed() || endpoint.is_disabled() ||
      idle_count(endpoint) >= settings_.idle_connections_max)
    return;  // closes it
  connection->rest();
  connection->stream().read_ahead();
  idle.push_back({std::move(connection), wheel_.now()});
  if (!sweeping_) {
    sweeping_ = true;
    sweep_.arm(wheel_.after(settings_.idle_timeout));
  }
}

void Pool::drop_idle(const Endpoint& endpoint) noexcept {
  if (endpoint.slot() < shelves_.size()) shelves_[endpoint.slot()].clear();
}

void Pool::keep_only(std::uint32_t slot, const AddressSet& addresses) noexcept {
  if (slot >= shelves_.size()) return;
  std::erase_if(shelves_[slot], [&](const Shelf& shelf) { return !addresses.has(shelf.address); });
}

void Pool::drop_idle() noexcept {
  for (auto& shelves : shelves_) shelves.clear();
}

void Pool::close() noexcept {
  closed_ = true;
  drop_idle();
}

std::size_t Pool::idle_count(const Endpoint& endpoint) const noexcept {
  std::size_t count = 0;
  if (endpoint.slot() >= shelves_.size()) return count;
  for (const Shelf& shelf : shelves_[endpoint.slot()]) count += shelf.idle.size();
  return count;
}

std::vector<Pool::Idle>& Pool::idle_of(std::uint32_t slot, std::uint32_t address) {
  if (slot >= shelves_.size()) shelves_.resize(slot + 1);
  std::vector<Shelf>& shelves = shelves_[slot];
  for (Shelf& shelf : shelves) {
    if (shelf.address == address) return shelf.idle;
  }
  return shelves.emplace_back(Shelf{address, {}}).idle;
}

void Pool::sweep() noexcept {
  sweeping_ = false;
  const base::TimePoint oldest = wheel_.now() - settings_.idle_timeout;
  for (auto& shelves : shelves_) {
    for (auto& [address, idle] : shelves) {
      std::size_t expired = 0;
      while (expired < idle.size() && idle[expired].since <= oldest) ++expired;
      idle.erase(idle.begin(), idle.begin() + static_cast<std::ptrdiff_t>(expired));
      sweeping_ = sweeping_ || !idle.empty();
    }
  }
  if (sweeping_) sweep_.arm(wheel_.after(settings_.idle_timeout / 2));
}

}  // namespace lb::upstream
