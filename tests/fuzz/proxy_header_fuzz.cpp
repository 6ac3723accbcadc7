// The PROXY protocol: any bytes give a sound result, which more bytes do not change; every beginning of a header asks
// for more; and the addresses of a header that we write in turn parse back as themselves.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/proxy_header.hpp"

namespace {

using lb::net::parse_proxy_header;
using lb::net::ProxyHeader;
using Kind = ProxyHeader::Kind;

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_plain(const boost::asio::ip::address& address) {
  return address.is_v4() || (!address.to_v6().is_v4_mapped() && address.to_v6().scope_id() == 0);
}

void check_sound(const ProxyHeader& header, std::string_view bytes) {
  require((header.kind == Kind::malformed) != header.problem.empty());
  require(header.consumed <= std::min(bytes.size(), lb::net::kProxyHeaderMax));
  require((header.kind == Kind::header) == (header.consumed > 0));
  require(header.kind != Kind::incomplete || bytes.size() < lb::net::kProxyHeaderMax);
  require(is_plain(header.source.address()) && is_plain(header.destination.address()));
  const boost::asio::ip::tcp::endpoint unset;
  if (header.kind != Kind::header || header.local) require(header.source == unset && header.destination == unset);
  require(header.kind == Kind::header || !header.local);
}

// Byte by byte, the first result that is not `incomplete` comes where it must, and stays.
void check_prefixes(const ProxyHeader& whole, std::string_view bytes) {
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const ProxyHeader part = parse_proxy_header(bytes.substr(0, size));
    check_sound(part, bytes.substr(0, size));
    const bool complete = whole.kind == Kind::header && size >= whole.consumed;
    if (whole.kind == Kind::header || whole.kind == Kind::incomplete)
      require(part.kind == (complete ? Kind::header : Kind::incomplete));
    require(part.kind == Kind::incomplete || (part.kind == whole.kind && part.consumed == whole.consumed));
    if (part.kind != Kind::incomplete) return;
  }
}

void check_written(const std::string& text, const ProxyHeader& said) {
  const ProxyHeader again = parse_proxy_header(text);
  require(again.kind == Kind::header && again.consumed == text.size() && again.local == said.local);
  require(again.source == said.source && again.destination == said.destination);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const ProxyHeader header = parse_proxy_header(bytes);
  check_sound(header, bytes);
  check_prefixes(header, bytes);
  if (header.kind != Kind::header) return 0;
  check_written(
      header.local ? lb::net::proxy_header_v1_unknown() : lb::net::proxy_header_v1(header.source, header.destination),
      header);
  check_written(
      header.local ? lb::net::proxy_header_v2_local() : lb::net::proxy_header_v2(header.source, header.destination),
      header);
  return 0;
}
