// When an authority is asked again that has refused.
#pragma once

#include <chrono>

namespace lb::acme {

// The pause after so many failures in a row, 1 or more: each twice as long as the one before, kBackOffMin to
// kBackOffMax, but for a tenth of it that chance decides on (`draw`: 0 <= draw < 1), so that several instances do not
// fall into step. Never shorter than the authority asks for.
[[nodiscard]] std::chrono::seconds back_off(unsigned failures, std::chrono::seconds retry_after, double draw) noexcept;

}  // namespace lb::acme
