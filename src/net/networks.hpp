// Networks as they are configured, such as 10.0.0.0/8, and whether an address lies in one of them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/ip/address.hpp>

namespace lb::net {

struct Network {
  boost::asio::ip::address address{};  // its first one: no bit is set behind the prefix; never an IPv4-mapped one
  unsigned prefix = 0;                 // in bits: up to 32 for IPv4, 128 for IPv6

  friend bool operator==(const Network&, const Network&) = default;
};

// "10.0.0.0/8".
[[nodiscard]] std::string to_text(const Network& network);

// `problem` is empty if `network` is set; otherwise it continues a sentence that began with the text: `is empty`. It
// repeats none of the text's bytes.
struct NetworkOutcome {
  std::optional<Network> network{};
  std::string problem{};
};

// Reads an IPv4 or IPv6 address (no brackets, no zone), which may be followed by "/" and the number of its leading bits
// that count (RFC 4632 section 3.1, RFC 4291 section 2.3); without it, all do. An IPv4-mapped network, ::ffff:a.b.c.d
// with 96 bits or more, is the IPv4 network. Any bytes are allowed.
[[nodiscard]] NetworkOutcome parse_network(std::string_view text);

// Any number of networks, overlapping or not. It does not change, so that any thread may ask.
class NetworkSet {
 public:
  NetworkSet() = default;
  explicit NetworkSet(std::span<const Network> networks);

  // An IPv4-mapped address, as a socket of both families shows an IPv4 peer, is looked up as IPv4; so ::/0 holds no
  // IPv4 peer. A zone is passed over. Takes the logarithm of the number of networks.
  [[nodiscard]] bool contains(const boost::asio::ip::address& address) const noexcept;
  [[nodiscard]] bool empty() const noexcept { return v4_.empty() && v6_.empty(); }

 private:
  // First and last addresses, bytes in network order, sorted; no two overlap. Two networks are disjoint, or one holds
  // the other, which is left out.
  template <class Address>
  using Ranges = std::vector<std::pair<typename Address::bytes_type, typename Address::bytes_type>>;

  Ranges<boost::asio::ip::address_v4> v4_;
  Ranges<boost::asio::ip::address_v6> v6_;
};

}  // namespace lb::net
