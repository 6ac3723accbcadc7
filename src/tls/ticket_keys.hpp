// The keys of session tickets (RFC 5077, RFC 8446 section 4.6.1).
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.hpp"

namespace lb::tls {

struct TicketKey {
  std::array<unsigned char, 16> name{};
  std::array<unsigned char, 32> cipher{};
  std::array<unsigned char, 32> mac{};
  base::TimePoint made{};
};

// Outlives every reading of the configuration, so that tickets do. New tickets get the newest key, which is replaced
// after half a day; tickets of the two before are still taken. Any thread.
class TicketKeys {
 public:
  explicit TicketKeys(const base::Clock& clock) : clock_(clock) {}
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  // For a new ticket. None: there is no randomness to be had.
  [[nodiscard]] std::optional<TicketKey> newest();
  // The one with this name; `is_newest` false: its ticket is to be replaced.
  [[nodiscard]] std::optional<TicketKey> find(const unsigned char* name, bool& is_newest);

  static constexpr std::chrono::hours kReplacedAfter{12};
  static constexpr std::size_t kKept = 3;

 private:
  void replace_old();

  const base::Clock& clock_;
  std::mutex mutex_;
  std::vector<TicketKey> keys_;  // the newest in front
};

}  // namespace lb::tls
