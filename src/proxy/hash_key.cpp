#include "proxy/hash_key.hpp"

#include <algorithm>
#include <array>

#include "balancer/hash.hpp"
#include "http/cookies.hpp"
#include "http/text.hpp"

namespace lb::proxy {
namespace {

constexpr std::array<std::string_view, 7> kParts = {"client", "path", "target", "host", "header", "cookie", "query"};

// Path and query: of a target in absolute form, what stands behind the authority.
std::string_view origin_of(std::string_view target) noexcept {
  if (target.starts_with('/')) return target;
  const std::size_t scheme = target.find("://");
  if (scheme == std::string_view::npos) return target;
  const std::size_t path = target.find_first_of("/?", scheme + 3);
  return path == std::string_view::npos ? "/" : target.substr(path);
}

std::string_view authority_of(const http::RequestHead& head) noexcept {
  const std::size_t scheme = head.target.starts_with('/') ? std::string_view::npos : head.target.find("://");
  if (scheme != std::string_view::npos) {
    const std::string_view rest = head.target.substr(scheme + 3);
    return rest.substr(0, rest.find_first_of("/?"));
  }
  for (const http::Field& field : head.fields) {
    if (field.id == http::FieldId::host) return field.value;
  }
  return {};
}

std::string_view header_value(const http::RequestHead& head, std::string_view name) noexcept {
  for (const http::Field& field : head.fields) {
    if (http::equals_ignoring_case(field.name, name)) return field.value;
  }
  return {};
}

std::string_view query_value(std::string_view target, std::string_view name) noexcept {
  const std::size_t mark = target.find('?');
  std::string_view rest = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t sign = std::min(pair.find('='), pair.size());
    if (pair.substr(0, sign) == name) return pair.substr(std::min(sign + 1, pair.size()));
  }
  return {};
}

std::string_view part_of(const HashOn& on, const http::RequestHead& head) noexcept {
  switch (on.part) {
    case HashOn::Part::client:
      return {};
    case HashOn::Part::path: {
      const std::string_view origin = origin_of(head.target);
      return origin.substr(0, origin.find('?'));
    }
    case HashOn::Part::target:
      return origin_of(head.target);
    case HashOn::Part::host:
      return authority_of(head);
    case HashOn::Part::header:
      return header_value(head, on.name);
    case HashOn::Part::cookie:
      return http::cookie_value(head.fields, on.name);
    case HashOn::Part::query:
      return query_value(head.target, on.name);
  }
  return {};
}

}  // namespace

HashOn parse_hash_on(std::string_view text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const auto found = std::ranges::find(kParts, text.substr(0, colon));
  HashOn on;
  if (found != kParts.end()) on.part = static_cast<HashOn::Part>(found - kParts.begin());
  on.name = text.substr(std::min(colon + 1, text.size()));
  return on;
}

std::uint64_t hash_key(const HashOn& on, const http::RequestHead& head, std::string_view client_address) noexcept {
  const std::string_view part = part_of(on, head);
  if (part.empty()) return balancer::hash_of(client_address);
  if (on.part != HashOn::Part::host) return balancer::hash_of(part);
  // Letters' case means nothing in a host (RFC 9110 section 4.2.3).
  std::array<char, 256> lower{};
  const std::size_t size = std::min(part.size(), lower.size());
  std::transform(part.begin(), part.begin() + static_cast<std::ptrdiff_t>(size), lower.begin(), http::to_lower);
  return balancer::hash_of({lower.data(), size});
}

}  // namespace lb::proxy
