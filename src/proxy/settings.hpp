// What the proxy needs to know of the configuration.
#pragma once

#include <cstddef>

#include "http1/settings.hpp"
#include "upstream/pool.hpp"

namespace lb::proxy {

struct Settings {
  http1::Settings http;
  upstream::PoolSettings pool;
  unsigned attempts = 0;         // forwarded exchanges per request, the first included
  std::size_t replay_bytes = 0;  // of a request body kept for another attempt
};

}  // namespace lb::proxy
