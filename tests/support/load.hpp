// Clients that ask all the time while something else happens.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/wire.hpp"

namespace lb::support {

class Load {
 public:
  // `kept` clients stay on a connection until an answer says that it closes; `fresh` ones take a new one for each
  // request.
  struct Clients {
    unsigned kept = 0;
    unsigned fresh = 0;
  };

  Load(std::uint16_t port, Clients clients);
  ~Load() { stop(); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // False when there were fewer in time.
  [[nodiscard]] bool wait_for_answers(std::size_t count, Deadline deadline = within()) const;
  // Each client ends after the request that it is at.
  void stop();

  [[nodiscard]] std::size_t answers() const noexcept { return answers_; }
  // Refused connections, connections that end without having said so, answers that are no 200 or not whole.
  [[nodiscard]] std::size_t failures() const noexcept { return failures_; }
  [[nodiscard]] std::string first_failure() const;

 private:
  void ask_on_kept_connections();
  void ask_on_fresh_connections();
  // True: the connection goes on.
  bool ask(Wire& wire, std::string_view request);
  void fail(const std::string& why);

  std::uint16_t port_;
  std::atomic<bool> stopped_{false};
  std::atomic<std::size_t> answers_{0};
  std::atomic<std::size_t> failures_{0};
  mutable std::mutex mutex_;
  std::string first_failure_;
  std::vector<std::thread> threads_;
};

}  // namespace lb::support
