#include "net/address_text.hpp"

#include <arpa/inet.h>
#include <array>
#include <cstddef>
#include <netinet/in.h>

namespace lb::net {
namespace {

namespace ip = boost::asio::ip;

// inet_pton wants an end to its text: a copy of the longest address fits.
template <class Bytes>
std::optional<Bytes> bytes_of(int family, std::string_view text) noexcept {
  std::array<char, INET6_ADDRSTRLEN> copy{};
  if (text.size() >= copy.size() || text.find('\0') != std::string_view::npos) return std::nullopt;
  text.copy(copy.data(), text.size());
  Bytes bytes{};
  return inet_pton(family, copy.data(), bytes.data()) == 1 ? std::optional(bytes) : std::nullopt;
}

}  // namespace

std::optional<ip::address_v4> parse_address_v4(std::string_view text) noexcept {
  const auto bytes = bytes_of<ip::address_v4::bytes_type>(AF_INET, text);
  return bytes ? std::optional(ip::address_v4(*bytes)) : std::nullopt;
}

std::optional<ip::address_v6> parse_address_v6(std::string_view text) noexcept {
  const auto bytes = bytes_of<ip::address_v6::bytes_type>(AF_INET6, text);
  return bytes ? std::optional(ip::address_v6(*bytes)) : std::nullopt;
}

std::optional<ip::address> parse_address(std::string_view text) noexcept {
  if (const auto v4 = parse_address_v4(text)) return ip::address(*v4);
  if (const auto v6 = parse_address_v6(text)) return ip::address(*v6);
  return std::nullopt;
}

ip::address plain(const ip::address& address) noexcept {
  if (!address.is_v6()) return address;
  const ip::address_v6::bytes_type bytes = address.to_v6().to_bytes();
  if (!address.to_v6().is_v4_mapped()) return ip::address_v6(bytes);
  return ip::address_v4(ip::address_v4::bytes_type{{bytes[12], bytes[13], bytes[14], bytes[15]}});
}

}  // namespace lb::net
