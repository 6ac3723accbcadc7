#include "upstream/pool.hpp"

#include <algorithm>
#include <utility>

namespace lb::upstream {

std::unique_ptr<http1::ClientConnection> Pool::take(const Endpoint& endpoint, Look look, std::uint32_t address) {
  auto& idle = idle_of(endpoint.slot(), address);
  while (!idle.empty()) {
    Idle candidate = std::move(idle.back());
    idle.pop_back();
    // Bytes that nobody asked for (a 408, say) must not become the answer to the next request.
    auto& stream = candidate.connection->stream();
    const bool usable = wheel_.now() < candidate.until &&
                        (look == Look::noticed ? stream.noticed() : stream.probe()) == net::Probe::quiet;
    if (usable) return std::move(candidate.connection);
  }
  return nullptr;
}

void Pool::put(const Endpoint& endpoint, std::unique_ptr<Connection> connection, std::uint32_t address,
               const PoolSettings& settings) {
  auto& idle = idle_of(endpoint.slot(), address);
  if (closed_ || endpoint.is_removed() || endpoint.is_disabled() ||
      idle_count(endpoint) >= settings.idle_connections_max)
    return;  // closes it
  connection->rest();
  connection->stream().read_ahead();
  const base::TimePoint until = wheel_.now() + settings.idle_timeout;
  idle.push_back({std::move(connection), until});
  if (until < sweep_at_) {
    sweep_at_ = until;
    sweep_.arm(sweep_at_);
  }
}

void Pool::configure(const Endpoint& endpoint, const PoolSettings& settings) noexcept {
  if (endpoint.slot() >= shelves_.size()) return;
  const base::Deadline latest = wheel_.after(settings.idle_timeout);
  for (auto& [address, idle] : shelves_[endpoint.slot()]) {
    for (Idle& one : idle) one.until = std::min(one.until, latest);
    if (idle.empty() || idle.front().until >= sweep_at_) continue;
    sweep_at_ = idle.front().until;
    sweep_.arm(sweep_at_);
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
  const base::TimePoint now = wheel_.now();
  sweep_at_ = base::kNever;
  for (auto& shelves : shelves_) {
    for (auto& [address, idle] : shelves) {
      std::size_t expired = 0;
      while (expired < idle.size() && idle[expired].until <= now) ++expired;
      idle.erase(idle.begin(), idle.begin() + static_cast<std::ptrdiff_t>(expired));
      if (!idle.empty()) sweep_at_ = std::min(sweep_at_, idle.front().until);
    }
  }
  if (sweep_at_ == base::kNever) return;
  sweep_at_ = std::max(sweep_at_, now + base::kPoolSweepPause);
  sweep_.arm(sweep_at_);
}

}  // namespace lb::upstream
