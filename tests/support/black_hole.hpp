// An address that swallows connection requests, as one behind a broken firewall does: a listener whose queue is full.
#pragma once

#include <array>
#include <string>

#include "support/wire.hpp"

namespace lb::support {

class BlackHole {
 public:
  // Listens on a free port of 127.0.0.1, and lets the first connections into its queue: a health check finds it well.
  BlackHole();

  // From now on nobody's connection request is answered.
  void swallow();

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  Descriptor listener_;
  std::array<Descriptor, 4> fillers_;
  std::uint16_t port_ = 0;
};

}  // namespace lb::support
