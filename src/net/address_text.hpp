// Addresses as texts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace lb::net {

// "127.0.0.1:8080", "[::1]:8080".
[[nodiscard]] inline std::string to_text(const boost::asio::ip::tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? '[' + host + ']' : host) + ':' + std::to_string(endpoint.port());
}

// An IPv4 address in four decimal parts without leading zeros, or an IPv6 address (RFC 4291 section 2.2) without
// brackets and zone; none for any other text. A mapped IPv6 address stays one. Any bytes are allowed; nothing is looked
// up and nothing allocated, unlike Asio's make_address.
[[nodiscard]] std::optional<boost::asio::ip::address_v4> parse_address_v4(std::string_view text) noexcept;
[[nodiscard]] std::optional<boost::asio::ip::address_v6> parse_address_v6(std::string_view text) noexcept;
[[nodiscard]] std::optional<boost::asio::ip::address> parse_address(std::string_view text) noexcept;

// ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), as a socket of both families shows an IPv4 address, becomes a.b.c.d. An
// IPv6 address loses its zone, which means something on one machine alone.
[[nodiscard]] boost::asio::ip::address plain(const boost::asio::ip::address& address) noexcept;

}  // namespace lb::net
