// The bounds of the admin interface that nobody else has to know; the others are in base/limits.hpp.
#pragma once

#include <cstddef>

#include "base/limits.hpp"

namespace lb::admin {

// Of the connections that are served at once, those that listen to GET /events, and the orders that are carried out:
// neither a wall of dashboards nor a crowd of scripts takes all places. All others can be made to give way.
inline constexpr std::size_t kStreamsMax = 12;
inline constexpr std::size_t kOrdersMax = 12;
// How long a request may take from its first byte to the last one of its body, and an answer to be taken, however
// steadily they trickle. 14 MiB of metrics in that time are half a megabyte a second.
inline constexpr base::Duration kRequestTime{10'000};
inline constexpr base::Duration kAnswerTime{30'000};
// The same for a connection beyond those that are served, which may ask for a probe alone.
inline constexpr base::Duration kProbeTime{2'000};
// A long answer is made in pieces of about this size, between which everybody else on the thread has a turn: checks of
// backends above all.
inline constexpr std::size_t kPieceBytes = 32 * 1024;
// Those who ask while another one still reads what was counted so lately get the same.
inline constexpr base::Duration kSnapshotAge{200};

// What the dashboard shows is kept for so long, a point for each second.
inline constexpr std::size_t kHistorySeconds = 120;
// After a longer pause in which nobody listened, rates are not told from what was counted before it.
inline constexpr base::Duration kRatesAge{5'000};
// Backends of which one event tells the history.
inline constexpr std::size_t kHistoryBackendsAtOnce = 32;

static_assert(kStreamsMax + kOrdersMax < base::kAdminConnectionsMax);

}  // namespace lb::admin
