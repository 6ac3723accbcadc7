#include "config/url.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstdint>
#include <netinet/in.h>

#include "config/config_error.hpp"

namespace lb::config {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;
// RFC 1035 section 2.3.4: the longest name, and the longest label between two dots.
constexpr std::size_t kHostBytesMax = 253;
constexpr std::size_t kLabelBytesMax = 63;
// A zone is an interface name; Linux allows 15 bytes.
constexpr std::size_t kZoneBytesMax = 15;

// Empty, or what is wrong with which part of the text.
struct Problem {
  std::string message{};
  std::string_view where{};

  [[nodiscard]] bool empty() const { return message.empty(); }
};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_character(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' || c == '_';
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool is_ipv4(std::string_view text) {
  in_addr address{};
  return text.find('\0') == std::string_view::npos && inet_pton(AF_INET, std::string(text).c_str(), &address) == 1;
}

std::optional<in6_addr> to_ipv6(std::string_view text) {
  in6_addr address{};
  if (text.find('\0') != std::string_view::npos || inet_pton(AF_INET6, std::string(text).c_str(), &address) != 1) {
    return std::nullopt;
  }
  return address;
}

// Labels of letters, digits, hyphens and underscores; a final dot is left to the resolver. Compose files and Kubernetes
// give names with underscores, which RFC 1123 does not, so these pass.
std::string name_problem(std::string_view host) {
  if (host.size() > kHostBytesMax) {
    return "has a host longer than 253 bytes";
  }
  std::string_view rest = host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
  std::string_view label;
  while (true) {
    const std::size_t dot = rest.find('.');
    label = rest.substr(0, dot);
    if (label.empty() || label.size() > kLabelBytesMax || label.front() == '-' || label.back() == '-' ||
        !std::all_of(label.begin(), label.end(), is_name_character)) {
      return "has an invalid host name " + in_quotes(host);
    }
    if (dot == std::string_view::npos) {
      break;
    }
    rest.remove_prefix(dot + 1);
  }
  // No top-level domain is a number, so this was meant as an address: 10.0.0.256.
  if (std::all_of(label.begin(), label.end(), is_digit)) {
    return "has an invalid IPv4 address " + in_quotes(host);
  }
  return {};
}

std::string scheme_of(const Backend& backend) {
  return backend.tls ? "https://" : "http://";
}

Problem set_host(std::string_view host, Backend& backend) {
  if (!is_ipv4(host)) {
    if (std::string problem = name_problem(host); !problem.empty()) {
      return {std::move(problem), host};
    }
  }
  backend.host = to_lower(host);
  backend.url = scheme_of(backend) + backend.host;
  return {};
}

Problem set_ipv6_host(std::string_view address, Backend& backend) {
  if (!to_ipv6(address)) {
    return {"has an invalid IPv6 address " + in_quotes(address), address};
  }
  backend.host = to_lower(address);
  backend.url = scheme_of(backend) + '[' + backend.host + ']';
  return {};
}

Problem set_port(std::string_view text, Backend& backend) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || port == 0) {
    return {"has the port " + in_quotes(text) + ", which is not a whole number between 1 and 65535", text};
  }
  backend.port = port;
  backend.url += ':' + std::to_string(port);
  return {};
}

// host, host:port, [ipv6] or [ipv6]:port.
Problem set_authority(std::string_view authority, Backend& backend) {
  if (authority.starts_with('[')) {
    const std::size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) {
      return {"has no ] after its IPv6 address", authority};
    }
    Problem problem = set_ipv6_host(authority.substr(1, bracket - 1), backend);
    const std::string_view rest = authority.substr(bracket + 1);
    if (!problem.empty() || rest.empty()) {
      return problem;
    }
    return rest.starts_with(':') ? set_port(rest.substr(1), backend)
                                 : Problem{"has " + in_quotes(rest) + " after its IPv6 address", rest};
  }
  const std::size_t colon = authority.find(':');
  if (colon != std::string_view::npos && authority.find(':', colon + 1) != std::string_view::npos) {
    return {"has more than one colon; an IPv6 address needs brackets, as in http://[::1]:8080", authority};
  }
  const std::string_view host = authority.substr(0, colon);
  if (host.empty()) {
    return {"has no host", host};
  }
  Problem problem = set_host(host, backend);
  if (!problem.empty() || colon == std::string_view::npos) {
    return problem;
  }
  return set_port(authority.substr(colon + 1), backend);
}

Problem scheme_problem(std::string_view scheme) {
  const std::string name = to_lower(scheme);
  if (name == "http" || name == "https") {
    return {};
  }
  return {name.empty() ? "has no scheme before ://" : "uses the scheme " + in_quotes(name) + ", which is not supported",
          scheme};
}

// What follows the authority, from its first '/', '?' or '#' on.
Problem tail_problem(std::string_view tail) {
  if (const std::size_t at = tail.find('#'); at != std::string_view::npos) {
    return {"has a fragment (#), which a backend cannot have", tail.substr(at)};
  }
  if (const std::size_t at = tail.find('?'); at != std::string_view::npos) {
    return {"has a query (?), which a backend cannot have", tail.substr(at)};
  }
  if (tail.empty() || tail == "/") {
    return {};
  }
  return {"has the path " + in_quotes(tail) + "; a path prefix is not supported yet", tail};
}

// Anything but spaces and control characters.
Problem read_url(std::string_view text, Backend& backend) {
  if (const std::size_t end = text.find("://"); end != std::string_view::npos) {
    if (Problem problem = scheme_problem(text.substr(0, end)); !problem.empty()) {
      return problem;
    }
    backend.tls = to_lower(text.substr(0, end)) == "https";
    text.remove_prefix(end + 3);
  }
  const std::size_t end = std::min(text.find_first_of("/?#"), text.size());
  const std::string_view authority = text.substr(0, end);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    return {"has a user name or password (@), which a backend cannot have", authority.substr(0, at + 1)};
  }
  backend.port = backend.tls ? kHttpsPort : kHttpPort;
  Problem problem = set_authority(authority, backend);
  return problem.empty() ? tail_problem(text.substr(end)) : problem;
}

bool is_space_or_control(char c) {
  return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F;
}

}  // namespace

UrlOutcome parse_backend_url(std::string_view text) {
  if (text.empty()) {
    return {.problem = "is empty", .where = text};
  }
  if (const auto* const space = std::find_if(text.begin(), text.end(), is_space_or_control); space != text.end()) {
    return {.problem = "has a space or a control character",
            .where = text.substr(static_cast<std::size_t>(space - text.begin()), 1)};
  }
  Backend backend;
  Problem problem = read_url(text, backend);
  if (!problem.empty()) {
    return {.problem = std::move(problem.message), .where = problem.where};
  }
  return {.backend = std::move(backend)};
}

std::string without_userinfo(std::string_view text) {
  const std::size_t scheme_end = text.find("://");
  const std::size_t begin = scheme_end == std::string_view::npos ? 0 : scheme_end + 3;
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || at < begin) {
    return std::string(text);
  }
  return std::string(text.substr(0, begin)) + "***" + std::string(text.substr(at));
}

std::string backend_identity(const Backend& backend) {
  std::string host = to_lower(backend.host);
  if (const std::optional<in6_addr> address = to_ipv6(host)) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (inet_ntop(AF_INET6, &*address, text.data(), text.size()) != nullptr) {
      host = text.data();
    }
  }
  return host + ' ' + std::to_string(backend.port) + (backend.tls ? " tls" : "");
}

bool is_ip_address(std::string_view text) {
  if (is_ipv4(text)) {
    return true;
  }
  const std::size_t percent = text.find('%');
  if (percent != std::string_view::npos) {
    const std::string_view zone = text.substr(percent + 1);
    const auto allowed = [](char c) { return is_name_character(c) || c == '.'; };
    if (zone.empty() || zone.size() > kZoneBytesMax || !std::all_of(zone.begin(), zone.end(), allowed)) {
      return false;
    }
  }
  return to_ipv6(text.substr(0, percent)).has_value();
}

bool is_loopback_address(std::string_view text) {
  if (is_ipv4(text)) {
    return text.starts_with("127.");
  }
  const std::optional<in6_addr> address = to_ipv6(text);
  return address &&
         (IN6_IS_ADDR_LOOPBACK(&*address) || (IN6_IS_ADDR_V4MAPPED(&*address) && address->s6_addr[12] == 127));
}

}  // namespace lb::config
