// Who the client is, behind proxies that are trusted and say whom they forward for: X-Forwarded-For.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/ip/address.hpp>

#include "net/networks.hpp"

namespace lb::net {

// As many elements are looked at, counted from the end: a client may send as many as fit into a head.
inline constexpr std::size_t kForwardedForMax = 128;

// The client's address, never an IPv4-mapped one and without a zone. `fields`: the values of X-Forwarded-For, in their
// order; several are one list (RFC 9110 section 5.3), to which each proxy adds its peer at the end.
//
// The peer, if it is not trusted or says nothing. Else the list is walked from its end, and its last address that is
// not trusted is the client; if all are trusted, the first one is. What is no address (unknown, garbage) ends the walk
// at the address behind it, or at the peer: a trusted proxy did not know its peer, so that nobody vouches for what
// stands before. Elements may have a port: 1.2.3.4:80, [2001:db8::1]:80. Any bytes are allowed.
[[nodiscard]] boost::asio::ip::address client_address(const boost::asio::ip::address& peer,
                                                      std::span<const std::string_view> fields,
                                                      const NetworkSet& trusted) noexcept;

// The same as a text, in its canonical form (RFC 5952). `peer_text` is that of the peer, and is returned for it.
[[nodiscard]] std::string client_of(std::string_view peer_text, const boost::asio::ip::address& peer,
                                    std::span<const std::string_view> fields, const NetworkSet& trusted);

}  // namespace lb::net
