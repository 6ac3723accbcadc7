// What the proxy needs to know of the configuration.
#pragma once

#include <cstddef>
#include <cstdint>

#include "http1/settings.hpp"
#include "upstream/pool.hpp"

namespace lb::proxy {

// Where the id of a request goes, if the client gave it none.
enum class RequestIds : std::uint8_t { off, backend, both };

// One worker's; may change while exchanges refer to it, between any two steps of a coroutine.
struct Settings {
  http1::Settings http;
  upstream::PoolSettings pool;
  unsigned attempts = 0;              // forwarded exchanges per request, the first included
  std::size_t replay_bytes = 0;       // of a request body kept for another attempt
  unsigned retry_budget_percent = 0;  // retries, as a share of the requests; 0: any number
  std::size_t queue_max = 0;          // requests of one worker that wait for a backend with room
  base::Duration queue_timeout{};     // how long one does
  RequestIds request_ids = RequestIds::backend;
};

}  // namespace lb::proxy
