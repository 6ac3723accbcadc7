#include "net/networks.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>

#include "net/address_text.hpp"

namespace lb::net {
namespace {

namespace ip = boost::asio::ip;

constexpr unsigned kV4Bits = 32;
constexpr unsigned kV6Bits = 128;
constexpr unsigned kMappedBits = kV6Bits - kV4Bits;  // those in front of a mapped IPv4 address

std::optional<unsigned> parse_prefix(std::string_view text, unsigned most) noexcept {
  unsigned prefix = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, prefix);
  const bool sound = error == std::errc() && at == end && (text.size() == 1 || text.front() != '0');
  return sound && prefix <= most ? std::optional(prefix) : std::nullopt;
}

// The bytes with all bits behind the prefix as `bit`.
template <class Bytes>
Bytes filled(Bytes bytes, unsigned prefix, bool bit) noexcept {
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const std::size_t before = std::min<std::size_t>(8, prefix - std::min<std::size_t>(prefix, at * 8));
    const unsigned behind = 0xffU >> before;
    bytes[at] = static_cast<unsigned char>(bit ? bytes[at] | behind : bytes[at] & ~behind);
  }
  return bytes;
}

Network masked(const Network& network) noexcept {
  const ip::address& address = network.address;
  if (address.is_v4())
    return {ip::address_v4(filled(address.to_v4().to_bytes(), network.prefix, false)), network.prefix};
  return {ip::address_v6(filled(address.to_v6().to_bytes(), network.prefix, false)), network.prefix};
}

// Sorts, and leaves out what another one holds.
template <class Ranges>
void tidy(Ranges& ranges) {
  // Of those that begin at one address, the longest comes first.
  std::sort(ranges.begin(), ranges.end(),
            [](const auto& a, const auto& b) { return a.first != b.first ? a.first < b.first : a.second > b.second; });
  Ranges kept;
  for (const auto& range : ranges) {
    if (kept.empty() || kept.back().second < range.first) kept.push_back(range);
  }
  ranges = std::move(kept);
}

template <class Ranges, class Bytes>
bool holds(const Ranges& ranges, const Bytes& bytes) noexcept {
  const auto behind = std::upper_bound(ranges.begin(), ranges.end(), bytes,
                                       [](const Bytes& wanted, const auto& range) { return wanted < range.first; });
  return behind != ranges.begin() && bytes <= std::prev(behind)->second;
}

}  // namespace

std::string to_text(const Network& network) {
  return network.address.to_string() + '/' + std::to_string(network.prefix);
}

NetworkOutcome parse_network(std::string_view text) {
  if (text.empty()) return {.problem = "is empty"};
  const std::size_t slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return {.problem = "is no IP address or network, such as 10.0.0.0/8 or 2001:db8::/32"};
  const unsigned most = address->is_v4() ? kV4Bits : kV6Bits;
  const auto prefix = slash == std::string_view::npos ? most : parse_prefix(text.substr(slash + 1), most);
  if (!prefix)
    return {.problem = "has a prefix length that is not a whole number between 0 and " + std::to_string(most)};
  const Network said{*address, *prefix};
  const Network network = masked(said);
  const bool mapped = address->is_v6() && address->to_v6().is_v4_mapped() && *prefix >= kMappedBits;
  const Network canonical = mapped ? Network{plain(network.address), *prefix - kMappedBits} : network;
  if (network != said)
    return {.problem =
                "has bits set behind its prefix of " + std::to_string(*prefix) + "; write " + to_text(canonical)};
  return {.network = canonical};
}

NetworkSet::NetworkSet(std::span<const Network> networks) {
  const auto add = [](auto& ranges, const auto& bytes, unsigned prefix) {
    ranges.emplace_back(filled(bytes, prefix, false), filled(bytes, prefix, true));
  };
  for (const Network& network : networks) {
    if (network.address.is_v4()) {
      add(v4_, network.address.to_v4().to_bytes(), network.prefix);
    } else {
      add(v6_, network.address.to_v6().to_bytes(), network.prefix);
    }
  }
  tidy(v4_);
  tidy(v6_);
}

bool NetworkSet::contains(const ip::address& address) const noexcept {
  const ip::address wanted = plain(address);
  return wanted.is_v4() ? holds(v4_, wanted.to_v4().to_bytes()) : holds(v6_, wanted.to_v6().to_bytes());
}

}  // namespace lb::net
