// What the proxy needs to know of the configuration.
#pragma once

#include <cstddef>
#include <cstdint>

#include "http1/settings.hpp"

namespace lb::proxy {

// Where the id of a request goes, if the client gave it none.
enum class RequestIds : std::uint8_t { off, backend, both };

// What holds for all services.
struct Settings {
  http1::Settings http;
  std::size_t queue_max = 0;       // requests of one worker and service that wait for a backend with room
  base::Duration queue_timeout{};  // how long one does
  RequestIds request_ids = RequestIds::backend;
};

}  // namespace lb::proxy
