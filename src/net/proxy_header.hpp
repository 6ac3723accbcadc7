// The PROXY protocol: what a proxy in front says of a connection, in front of the connection's own bytes.
// Versions 1 (text) and 2 (binary) of https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, "the specification".
//
// A header is believed as it stands: who may send one is the caller's to decide, by the peer's address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

namespace lb::net {

// The longest header that is taken, in bytes. Version 1 has at most 107; in version 2 a sender may add what it likes,
// and those that add certificates' names or a cloud's own marks stay far below this.
inline constexpr std::size_t kProxyHeaderMax = 4096;

struct ProxyHeader {
  enum class Kind : std::uint8_t {
    incomplete,  // so far it is the beginning of a header: more bytes are needed
    none,        // no header begins like this
    malformed,   // it begins as a header does, and is none: the connection is to be closed (specification section 2)
    header,
  };

  Kind kind = Kind::incomplete;
  std::string_view problem{};  // of what is malformed: a fixed sentence in static storage, for the log
  // The rest is of a header alone.
  std::size_t consumed = 0;  // its length in bytes; the connection's own bytes follow
  // It says nothing of another connection: the addresses of this one hold. `source` and `destination` are not set.
  bool local = false;
  boost::asio::ip::tcp::endpoint source{};       // the client; IPv4 if it was an IPv4-mapped IPv6 address
  boost::asio::ip::tcp::endpoint destination{};  // what the client connected to; the same
};

// Reads the header at the beginning of `bytes`, all that has come so far; any bytes are allowed, and no bytes are
// incomplete. Whether it may be a header is said by the first byte that differs from both signatures, "PROXY" and the
// twelve bytes of version 2. Of kProxyHeaderMax bytes it is never `incomplete`.
//
// Version 1 (section 2.1) is read to the letter: one space between fields, decimal ports without leading zeros,
// addresses of the family that is announced. UNKNOWN is local, whatever follows it.
//
// Version 2 (section 2.2): LOCAL is local, whatever family and length it has. Of PROXY, so are AF_UNSPEC and AF_UNIX
// and, since nothing but TCP reaches us, what is not a stream: the section wants valid combinations that a receiver
// does not support to be read as AF_UNSPEC, and HAProxy does so. Values that the section does not know are malformed,
// as are extra fields (TLVs) that do not fill the header, and a checksum (section 2.2.3) that is wrong. Behind LOCAL
// and AF_UNSPEC, where no one can say at which byte the extra fields begin, nothing is looked at.
[[nodiscard]] ProxyHeader parse_proxy_header(std::string_view bytes) noexcept;

// What we say to a backend: the header of a connection from `source` to `destination`, in version 1 (section 2.1) and
// version 2 (section 2.2, without extra fields). Both are IPv4 (a mapped address is), or both are written as IPv6, an
// IPv4 address among them as ::ffff:a.b.c.d, as HAProxy does. A zone is left out.
[[nodiscard]] std::string proxy_header_v1(const boost::asio::ip::tcp::endpoint& source,
                                          const boost::asio::ip::tcp::endpoint& destination);
[[nodiscard]] std::string proxy_header_v2(const boost::asio::ip::tcp::endpoint& source,
                                          const boost::asio::ip::tcp::endpoint& destination);

// The header of a connection that we make for ourselves, such as a health check.
[[nodiscard]] std::string proxy_header_v1_unknown();
[[nodiscard]] std::string proxy_header_v2_local();

}  // namespace lb::net
