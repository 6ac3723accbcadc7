// Small texts for log lines and answers.
#pragma once

#include <string>
#include <string_view>

#include "net/tcp_stream.hpp"

namespace lb::app {

// "1 worker", "2 workers".
[[nodiscard]] inline std::string counted(std::size_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

// "127.0.0.1:3030", "[::]:3030".
[[nodiscard]] inline std::string printable(const net::Tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

}  // namespace lb::app
