#include "admin/guard.hpp"

#include <boost/asio/ip/address.hpp>

#include "http/text.hpp"

namespace lb::admin {
namespace {

// Without the port.
std::string_view name_of(std::string_view host) noexcept {
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    return end == std::string_view::npos ? std::string_view() : host.substr(1, end - 1);
  }
  return host.substr(0, host.rfind(':'));
}

bool is_address(std::string_view text) noexcept {
  boost::system::error_code code;
  static_cast<void>(boost::asio::ip::make_address(std::string(text), code));
  return !code;
}

// It could not read the answer, but hold connections: those of GET /events, say.
bool is_of_foreign_page(const Request& request) noexcept {
  const std::string_view site = request.fetch_site;
  return !site.empty() && site != "same-origin" && site != "none" && request.fetch_dest != "document";
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = http::to_lower(c);
  return out;
}

}  // namespace

bool is_trusted_host(std::string_view host) noexcept {
  const std::string name = lower(name_of(host));
  return host.empty() || name == "localhost" || name.ends_with(".localhost") || is_address(name);
}

bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto bits = static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
    difference = static_cast<unsigned char>(difference | bits);
  }
  return difference == 0;
}

bool shows_token(const Request& request, std::string_view token) noexcept {
  constexpr std::string_view kScheme = "bearer ";
  const std::string_view shown = request.authorization;
  return !token.empty() && shown.size() > kScheme.size() &&
         http::equals_ignoring_case(shown.substr(0, kScheme.size()), kScheme) &&
         equal_in_constant_time(http::trimmed(shown.substr(kScheme.size())), token);
}

// Whoever shows the token is no foreign page, so its Host may be any name: that of a container, say.
std::optional<Answer> refuse_stranger(const Request& request, std::string_view token, Guard guard) {
  if (shows_token(request, token)) return std::nullopt;
  if (!is_trusted_host(request.host)) {
    return refusal(403, "the Host field names neither localhost nor an IP address, nor is a token shown");
  }
  if (guard == Guard::none) return std::nullopt;
  if (is_of_foreign_page(request)) return refusal(403, "a page of another site asks for this");
  if (token.empty()) return std::nullopt;
  const bool wrong = !request.authorization.empty();
  Answer answer = refusal(401, wrong ? "the Authorization field does not hold the token of [admin] token"
                                     : "this needs the field Authorization: Bearer TOKEN, with that of [admin] token");
  answer.fields = "WWW-Authenticate: Bearer realm=\"load-balancer\"";
  answer.fields += wrong ? ", error=\"invalid_token\"\r\n" : "\r\n";
  return answer;
}

std::optional<Answer> refuse_forged(const Request& request) {
  // TLS may have been taken off in front.
  const std::string origin = lower(request.origin);
  const std::string host = lower(request.host);
  if (!origin.empty() && origin != "http://" + host && origin != "https://" + host) {
    return refusal(403, "the Origin field names another site");
  }
  const std::string_view type = std::string_view(request.content_type).substr(0, request.content_type.find(';'));
  if (!http::equals_ignoring_case(http::trimmed(type), kJson)) {
    return refusal(415, "this needs the field Content-Type: application/json");
  }
  return std::nullopt;
}

}  // namespace lb::admin
