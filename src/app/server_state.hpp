// How far the server's life has come, for those who are asked.
#pragma once

#include <string>

#include "base/clock.hpp"

namespace lb::app {

struct ServerState {
  base::WallTime started = base::system_clock().wall_now();
  std::string listening;  // "[::]:3030"; empty: the port is not open yet
  bool serving = false;   // clients are accepted
  bool stopping = false;
};

}  // namespace lb::app
