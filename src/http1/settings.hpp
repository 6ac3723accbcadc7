// What the HTTP/1 connections need to know of the configuration.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"

namespace lb::http1 {

struct Timeouts {
  base::Duration header{};
  base::Duration body_idle{};
  base::Duration write_idle{};
  base::Duration keep_alive_idle{};
  base::Duration response_idle{};
};

// They may change while connections refer to them, between any two steps of a coroutine.
struct Settings {
  Timeouts timeouts;
  std::size_t header_bytes = 0;
  std::size_t header_count = 0;
  std::uint64_t body_bytes = 0;  // 0: no limit
};

}  // namespace lb::http1
