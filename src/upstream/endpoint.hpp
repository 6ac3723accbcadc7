// One backend's live state, shared by all workers: plain atomics, no lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace lb::upstream {

enum class HealthState : std::uint8_t { unknown, up, down };

// A change of state that one caller has brought about, and therefore logs.
enum class Change : std::uint8_t { none, came_up, went_down };

class Endpoint {
 public:
  // `url`: as log lines show it. `host_line`: "Host: name:port\r\n", for requests that came without one.
  Endpoint(std::string url, std::string host_line) : url_(std::move(url)), host_line_(std::move(host_line)) {}

  [[nodiscard]] const std::string& url() const noexcept { return url_; }
  [[nodiscard]] const std::string& host_line() const noexcept { return host_line_; }

  // Any thread. An endpoint that was never checked counts as up: it may well be.
  [[nodiscard]] bool is_up() const noexcept { return state_.load(std::memory_order_relaxed) != HealthState::down; }

  // An exchange succeeded: failures in a row start from 0.
  void record_success() noexcept {
    // Looked at before it is written: the line stays shared between the workers while all is well.
    if (failures_.load(std::memory_order_relaxed) != 0) failures_.store(0, std::memory_order_relaxed);
  }

  // An exchange failed through the endpoint's fault. `failures_max` in a row mark it down.
  [[nodiscard]] Change record_failure(std::uint32_t failures_max) noexcept {
    const std::uint32_t failures = failures_.fetch_add(1, std::memory_order_relaxed) + 1;
    return failures >= failures_max ? mark(HealthState::down) : Change::none;
  }

  // A health check, or an exchange that was tried although the endpoint was down, says so.
  [[nodiscard]] Change mark(HealthState state) noexcept {
    if (state == HealthState::up) failures_.store(0, std::memory_order_relaxed);
    const HealthState before = state_.exchange(state, std::memory_order_relaxed);
    if (before == state) return Change::none;
    return state == HealthState::up ? Change::came_up : Change::went_down;
  }

 private:
  std::string url_;
  std::string host_line_;
  alignas(64) std::atomic<HealthState> state_{HealthState::unknown};
  std::atomic<std::uint32_t> failures_{0};
};

}  // namespace lb::upstream
