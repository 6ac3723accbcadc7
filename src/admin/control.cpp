#include "admin/control.hpp"

#include "admin/limits.hpp"

namespace lb::admin {

std::shared_ptr<const Snapshot> Control::shared_snapshot() {
  const base::TimePoint now = worker().wheel().now();
  std::shared_ptr<const Snapshot> shared = shared_.lock();
  if (shared && now - shared_at_ <= kSnapshotAge) return shared;
  shared = std::make_shared<const Snapshot>(snapshot());
  shared_ = shared;
  shared_at_ = now;
  return shared;
}

}  // namespace lb::admin
