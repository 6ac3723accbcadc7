// One of several servers behind one name: they have a port in common, on addresses of their own, and answer GET with
// their letters.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/wire.hpp"

namespace lb::support {

class Replica {
 public:
  // Listens on 127.0.0.`last`; port 0: a free one. See listening().
  Replica(int last, std::uint16_t port, char letter);
  ~Replica();
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  [[nodiscard]] bool listening() const noexcept { return port_ != 0; }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::string address() const { return "127.0.0." + std::to_string(last_); }
  // Takes requests, and answers none.
  void hang(bool hanging) noexcept { hanging_ = hanging; }
  [[nodiscard]] std::size_t requests() const noexcept { return requests_; }
  // Connections that are open now, those without a request included.
  [[nodiscard]] std::size_t open_connections() const noexcept { return open_; }

 private:
  struct Peer {
    Descriptor socket;
    std::string read;
  };

  void serve();
  [[nodiscard]] bool serve_one(Peer& peer);

  int last_;
  char letter_;
  std::uint16_t port_ = 0;
  std::atomic<bool> hanging_{false};
  std::atomic<std::size_t> requests_{0};
  std::atomic<std::size_t> open_{0};
  Descriptor listener_;
  Descriptor wake_;  // eventfd: the thread ends
  std::thread thread_;
};

// With the letters a, b, ..., on 127.0.0.1, 127.0.0.2, ...
[[nodiscard]] std::vector<std::unique_ptr<Replica>> make_replicas(int count);

}  // namespace lb::support
