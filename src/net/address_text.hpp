// Addresses as texts.
#pragma once

#include <string>

#include <boost/asio/ip/tcp.hpp>

namespace lb::net {

// "127.0.0.1:8080", "[::1]:8080".
[[nodiscard]] inline std::string to_text(const boost::asio::ip::tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? '[' + host + ']' : host) + ':' + std::to_string(endpoint.port());
}

}  // namespace lb::net
