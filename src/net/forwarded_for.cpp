#include "net/forwarded_for.hpp"

#include <charconv>
#include <cstdint>
#include <optional>

#include "net/address_text.hpp"

namespace lb::net {
namespace {

namespace ip = boost::asio::ip;

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view kBlanks = " \t";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  return begin == std::string_view::npos ? std::string_view{}
                                         : text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

bool is_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, port);
  return error == std::errc() && at == end;
}

// a.b.c.d, a.b.c.d:port, IPv6, [IPv6], [IPv6]:port.
std::optional<ip::address> element_address(std::string_view element) noexcept {
  if (element.starts_with('[')) {
    const std::size_t bracket = element.find(']');
    if (bracket == std::string_view::npos) return std::nullopt;
    const std::string_view rest = element.substr(bracket + 1);
    if (!rest.empty() && !(rest.front() == ':' && is_port(rest.substr(1)))) return std::nullopt;
    const auto address = parse_address_v6(element.substr(1, bracket - 1));
    return address ? std::optional(plain(*address)) : std::nullopt;
  }
  const std::size_t colon = element.find(':');
  if (colon != std::string_view::npos && element.find(':', colon + 1) == std::string_view::npos) {
    const auto address = is_port(element.substr(colon + 1)) ? parse_address_v4(element.substr(0, colon)) : std::nullopt;
    return address ? std::optional<ip::address>(*address) : std::nullopt;
  }
  const auto address = parse_address(element);
  return address ? std::optional(plain(*address)) : std::nullopt;
}

}  // namespace

ip::address client_address(const ip::address& peer, std::span<const std::string_view> fields,
                           const NetworkSet& trusted) noexcept {
  ip::address client = plain(peer);
  if (!trusted.contains(client)) return client;
  std::size_t looked_at = 0;
  for (std::size_t field = fields.size(); field > 0; --field) {
    std::string_view rest = fields[field - 1];
    for (bool more = true; more; ++looked_at) {
      if (looked_at == kForwardedForMax) return client;
      const std::size_t comma = rest.rfind(',');
      more = comma != std::string_view::npos;
      const std::string_view element = trimmed(more ? rest.substr(comma + 1) : rest);
      rest = more ? rest.substr(0, comma) : std::string_view{};
      if (element.empty()) continue;  // RFC 9110 section 5.6.1.2
      const auto address = element_address(element);
      if (!address) return client;
      client = *address;
      if (!trusted.contains(client)) return client;
    }
  }
  return client;
}

std::string client_of(std::string_view peer_text, const ip::address& peer, std::span<const std::string_view> fields,
                      const NetworkSet& trusted) {
  const ip::address client = client_address(peer, fields, trusted);
  return client == plain(peer) ? std::string(peer_text) : client.to_string();
}

}  // namespace lb::net
