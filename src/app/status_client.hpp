// Asks a running balancer's admin interface, for -status.
#pragma once

#include <string>

#include "config/config.hpp"

namespace lb::app {

struct StatusAnswer {
  std::string body;     // of GET /status
  std::string problem;  // why there is none: a sentence
};

// Blocks for some seconds at most. `admin.port` is not 0.
[[nodiscard]] StatusAnswer ask_status(const config::Admin& admin);

}  // namespace lb::app
