// The ports that clients connect to, through reloads and take-overs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/workers.hpp"
#include "config/config.hpp"
#include "tls/server.hpp"

namespace lb::app {

// Those of the configuration: the listed ones, or the plain one of [server].
[[nodiscard]] std::vector<config::Listener> listeners_of(const config::Config& config);

// Control thread.
class Listeners {
 public:
  explicit Listeners(Workers& workers) noexcept : workers_(workers) {}

  // Sockets that listen already, of a predecessor: those that fit are used, the others closed. Before configure().
  void adopt(const std::vector<int>& descriptors) { adopted_ = descriptors; }

  // What is new is opened, what has left is closed once its queue is served, and what stays goes on under the new
  // settings: connections that come from now on meet these. Sentences for the user: what could not be opened.
  std::vector<std::string> configure(const config::Config& config, const tls::ServerPtr& tls);

  // "https://[::]:443", "[::]:3030": in the order of the configuration.
  [[nodiscard]] std::vector<std::string> texts() const;
  // Of all of them; the workers own them.
  [[nodiscard]] std::vector<int> descriptors() const;
  // Of the first one; 0: there is none.
  [[nodiscard]] std::uint16_t port() const noexcept { return open_.empty() ? std::uint16_t{0} : open_.front().port; }

 private:
  struct Open {
    config::Listener wanted;
    std::uint64_t number = 0;
    std::uint16_t port = 0;
    std::string text;
    std::vector<int> descriptors;
  };

  [[nodiscard]] std::string open(const config::Listener& wanted, inbound::GatePtr gate, Open& opened);
  [[nodiscard]] std::vector<int> take_adopted(const config::Listener& wanted);

  Workers& workers_;
  std::vector<Open> open_;
  std::vector<int> adopted_;
  std::uint64_t numbers_ = 0;
};

}  // namespace lb::app
