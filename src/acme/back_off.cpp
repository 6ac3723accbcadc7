#include "acme/back_off.hpp"

#include <algorithm>

#include "acme/limits.hpp"

namespace lb::acme {

std::chrono::seconds back_off(unsigned failures, std::chrono::seconds retry_after, double draw) noexcept {
  std::chrono::seconds pause = kBackOffMin;
  for (unsigned i = 1; i < failures && pause < kBackOffMax; ++i) pause *= 2;
  pause = std::min(pause, kBackOffMax);
  const auto less = static_cast<std::chrono::seconds::rep>(draw * static_cast<double>(pause.count()) / 10.0);
  return std::max(pause - std::chrono::seconds(less), std::min(retry_after, kRetryAfterMax));
}

}  // namespace lb::acme
