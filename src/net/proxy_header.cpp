#include "net/proxy_header.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "net/address_text.hpp"

namespace lb::net {
namespace {

namespace ip = boost::asio::ip;
using Endpoint = ip::tcp::endpoint;
using Kind = ProxyHeader::Kind;

constexpr std::string_view kSignatureV1 = "PROXY";
constexpr std::string_view kSignatureV2("\r\n\r\n\0\r\nQUIT\n", 12);

// Section 2.1: the longest line, its CRLF among it.
constexpr std::size_t kLineMax = 107;

// Section 2.2: the bytes before the addresses, and those of each family's addresses and ports.
constexpr std::size_t kFixedBytes = 16;
constexpr unsigned kInetBytes = 12;
constexpr unsigned kInet6Bytes = 36;
constexpr unsigned kUnixBytes = 216;

constexpr unsigned kLocal = 0x20;  // version 2 in the high half
constexpr unsigned kProxy = 0x21;
constexpr unsigned kInet = 1;
constexpr unsigned kInet6 = 2;
constexpr unsigned kUnix = 3;
constexpr unsigned kStream = 1;
constexpr unsigned kDatagram = 2;
constexpr unsigned kChecksum = 0x03;  // PP2_TYPE_CRC32C

ProxyHeader malformed(std::string_view problem) noexcept {
  return {.kind = Kind::malformed, .problem = problem};
}

ProxyHeader local(std::size_t consumed) noexcept {
  return {.kind = Kind::header, .consumed = consumed, .local = true};
}

bool may_become(std::string_view bytes, std::string_view signature) noexcept {
  const std::size_t common = std::min(bytes.size(), signature.size());
  return bytes.substr(0, common) == signature.substr(0, common);
}

// --- Version 1 ---

// Cuts the text up to the next space, or to the end, off its front.
std::string_view next_field(std::string_view& rest) noexcept {
  const std::size_t space = rest.find(' ');
  const std::string_view field = rest.substr(0, space);
  rest.remove_prefix(space == std::string_view::npos ? rest.size() : space + 1);
  return field;
}

std::optional<ip::address> address_of(std::string_view text, bool v6) noexcept {
  if (v6) {
    const auto address = parse_address_v6(text);
    return address ? std::optional(plain(*address)) : std::nullopt;
  }
  const auto address = parse_address_v4(text);
  return address ? std::optional<ip::address>(*address) : std::nullopt;
}

std::optional<std::uint16_t> port_of(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, port);
  const bool leading_zero = text.size() > 1 && text.front() == '0';
  return error == std::errc() && at == end && !leading_zero ? std::optional(port) : std::nullopt;
}

// `fields`: what follows the protocol and its space, without CRLF.
ProxyHeader parse_addresses_v1(std::string_view fields, bool v6, std::size_t consumed) noexcept {
  // Else an empty last field could not be told from none.
  if (std::count(fields.begin(), fields.end(), ' ') != 3)
    return malformed("the PROXY line does not have two addresses and two ports");
  const auto source = address_of(next_field(fields), v6);
  const auto destination = address_of(next_field(fields), v6);
  if (!source || !destination) return malformed("an address of the PROXY line is none of the family it names");
  const auto source_port = port_of(next_field(fields));
  const auto destination_port = port_of(next_field(fields));
  if (!source_port || !destination_port) return malformed("a port of the PROXY line is no number up to 65535");
  return {.kind = Kind::header,
          .consumed = consumed,
          .source = Endpoint(*source, *source_port),
          .destination = Endpoint(*destination, *destination_port)};
}

ProxyHeader parse_v1(std::string_view bytes) noexcept {
  // The last place for CR leaves one for LF.
  const std::string_view line = bytes.substr(0, kLineMax - 1);
  const std::size_t end = line.find_first_of("\r\n");
  const std::string_view fields = line.substr(kSignatureV1.size(), end - kSignatureV1.size());
  constexpr std::string_view kTcp4 = " TCP4 ";
  constexpr std::string_view kTcp6 = " TCP6 ";
  constexpr std::string_view kUnknown = " UNKNOWN";
  if (!may_become(fields, kTcp4) && !may_become(fields, kTcp6) && !may_become(fields, kUnknown))
    return malformed("the PROXY line names another protocol than TCP4, TCP6 and UNKNOWN");
  if (end == std::string_view::npos)
    return line.size() < kLineMax - 1 ? ProxyHeader{} : malformed("the PROXY line is longer than 107 bytes");
  if (line[end] == '\n') return malformed("the PROXY line ends in LF without CR");
  if (bytes.size() == end + 1) return {};
  if (bytes[end + 1] != '\n') return malformed("the PROXY line has a CR without LF");
  const std::size_t consumed = end + 2;
  if (fields.starts_with(kUnknown)) {
    const std::string_view ignored = fields.substr(kUnknown.size());
    if (ignored.empty() || ignored.front() == ' ') return local(consumed);
    return malformed("the PROXY line names another protocol than TCP4, TCP6 and UNKNOWN");
  }
  if (fields.size() < kTcp4.size()) return malformed("the PROXY line does not have two addresses and two ports");
  return parse_addresses_v1(fields.substr(kTcp4.size()), fields.starts_with(kTcp6), consumed);
}

// --- Version 2 ---

unsigned byte_at(std::string_view bytes, std::size_t at) noexcept {
  return static_cast<unsigned char>(bytes[at]);
}

unsigned short_at(std::string_view bytes, std::size_t at) noexcept {
  return byte_at(bytes, at) << 8U | byte_at(bytes, at + 1);
}

// CRC-32C as RFC 4960 appendix B has it, the lowest bit first.
constexpr auto kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
    table[byte] = crc;
  }
  return table;
}();

// Of the header with zeros for the checksum, whose four bytes begin at `hole`.
std::uint32_t checksum(std::string_view header, std::size_t hole) noexcept {
  std::uint32_t crc = ~0U;
  for (std::size_t at = 0; at < header.size(); ++at) {
    const unsigned byte = at >= hole && at < hole + 4 ? 0 : byte_at(header, at);
    crc = crc >> 8U ^ kCrcTable[(crc ^ byte) & 0xffU];
  }
  return ~crc;
}

// What is wrong with the extra fields of a whole header, which begin at `at`; empty: nothing.
std::string_view extra_fields_problem(std::string_view header, std::size_t at) noexcept {
  constexpr std::string_view kOverrun = "an extra field of the PROXY header runs over its end";
  bool checked = false;
  while (at < header.size()) {
    if (header.size() - at < 3) return kOverrun;
    const std::size_t value = at + 3;
    const std::size_t length = short_at(header, at + 1);
    if (header.size() - value < length) return kOverrun;
    if (byte_at(header, at) == kChecksum) {
      // A second one would be part of what the first one was made of, zeros or not: nobody says which.
      if (checked || length != 4) return "the PROXY header has a checksum that is not one of four bytes";
      if (checksum(header, value) != (short_at(header, value) << 16U | short_at(header, value + 2)))
        return "the checksum of the PROXY header is wrong";
      checked = true;
    }
    at = value + length;
  }
  return {};
}

template <class Address>
ip::address address_at(std::string_view bytes, std::size_t at) noexcept {
  typename Address::bytes_type copy{};
  bytes.copy(reinterpret_cast<char*>(copy.data()), copy.size(), at);
  return plain(Address(copy));
}

template <class Address>
void read_addresses(std::string_view header, ProxyHeader& out) noexcept {
  constexpr std::size_t kBytes = sizeof(typename Address::bytes_type);
  constexpr std::size_t kPorts = kFixedBytes + 2 * kBytes;
  out.source = {address_at<Address>(header, kFixedBytes), static_cast<std::uint16_t>(short_at(header, kPorts))};
  out.destination = {address_at<Address>(header, kFixedBytes + kBytes),
                     static_cast<std::uint16_t>(short_at(header, kPorts + 2))};
}

// The bytes of the addresses of the families 1, 2 and 3.
unsigned address_bytes(unsigned family) noexcept {
  return family == kInet ? kInetBytes : family == kInet6 ? kInet6Bytes : kUnixBytes;
}

ProxyHeader parse_v2(std::string_view bytes) noexcept {
  constexpr std::size_t kCommandAt = kSignatureV2.size();
  if (bytes.size() <= kCommandAt) return {};
  const unsigned command = byte_at(bytes, kCommandAt);
  if (command != kLocal && command != kProxy) return malformed("the PROXY header has an unknown version or command");
  if (bytes.size() <= kCommandAt + 1) return {};
  const unsigned family = byte_at(bytes, kCommandAt + 1) >> 4U;
  const unsigned transport = byte_at(bytes, kCommandAt + 1) & 0xfU;
  if (command == kProxy && (family > kUnix || transport > kDatagram))
    return malformed("the PROXY header has an unknown address family or transport");
  if (bytes.size() < kFixedBytes) return {};
  const std::size_t size = kFixedBytes + short_at(bytes, kFixedBytes - 2);
  if (size > kProxyHeaderMax) return malformed("the PROXY header is longer than 4096 bytes");
  const bool has_addresses = command == kProxy && family != 0 && transport != 0;
  const std::size_t extra_at = kFixedBytes + address_bytes(family);
  if (has_addresses && size < extra_at) return malformed("the PROXY header is too short for its addresses");
  if (bytes.size() < size) return {};
  ProxyHeader out = local(size);
  if (!has_addresses) return out;
  const std::string_view header = bytes.substr(0, size);
  if (const auto problem = extra_fields_problem(header, extra_at); !problem.empty()) return malformed(problem);
  if (family == kUnix || transport != kStream) return out;
  out.local = false;
  family == kInet ? read_addresses<ip::address_v4>(header, out) : read_addresses<ip::address_v6>(header, out);
  return out;
}

// --- What is sent ---

ip::address_v6 widened(const ip::address& address) noexcept {
  return address.is_v6() ? address.to_v6() : ip::make_address_v6(ip::v4_mapped, address.to_v4());
}

void append_short(std::string& out, unsigned value) {
  out += {static_cast<char>(value >> 8U), static_cast<char>(value & 0xffU)};
}

template <class Bytes>
void append_bytes(std::string& out, const Bytes& bytes) {
  out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

ProxyHeader parse_proxy_header(std::string_view bytes) noexcept {
  if (bytes.empty()) return {};
  if (may_become(bytes, kSignatureV1)) return bytes.size() <= kSignatureV1.size() ? ProxyHeader{} : parse_v1(bytes);
  if (may_become(bytes, kSignatureV2)) return parse_v2(bytes);
  return {.kind = Kind::none};
}

std::string proxy_header_v1(const Endpoint& source, const Endpoint& destination) {
  const ip::address from = plain(source.address());
  const ip::address to = plain(destination.address());
  std::string out;
  out.reserve(kLineMax);
  if (from.is_v4() && to.is_v4()) {
    out.append("PROXY TCP4 ").append(from.to_string()).append(" ").append(to.to_string());
  } else {
    out.append("PROXY TCP6 ").append(widened(from).to_string()).append(" ").append(widened(to).to_string());
  }
  out.append(" ").append(std::to_string(source.port()));
  return out.append(" ").append(std::to_string(destination.port())).append("\r\n");
}

std::string proxy_header_v2(const Endpoint& source, const Endpoint& destination) {
  const ip::address from = plain(source.address());
  const ip::address to = plain(destination.address());
  const bool v4 = from.is_v4() && to.is_v4();
  std::string out;
  out.reserve(kFixedBytes + kInet6Bytes);
  out += kSignatureV2;
  append_short(out, kProxy << 8U | (v4 ? kInet : kInet6) << 4U | kStream);
  append_short(out, v4 ? kInetBytes : kInet6Bytes);
  if (v4) {
    append_bytes(out, from.to_v4().to_bytes());
    append_bytes(out, to.to_v4().to_bytes());
  } else {
    append_bytes(out, widened(from).to_bytes());
    append_bytes(out, widened(to).to_bytes());
  }
  append_short(out, source.port());
  append_short(out, destination.port());
  return out;
}

std::string proxy_header_v1_unknown() {
  return "PROXY UNKNOWN\r\n";
}

std::string proxy_header_v2_local() {
  std::string out(kSignatureV2);
  append_short(out, kLocal << 8U);
  append_short(out, 0);
  return out;
}

}  // namespace lb::net
