#include "acme/settings.hpp"

#include <algorithm>

#include "acme/limits.hpp"
#include "acme/text.hpp"

namespace lb::acme {
namespace {

// RFC 1035 section 2.3.4.
constexpr std::size_t kNameBytesMax = 253;
constexpr std::size_t kLabelBytesMax = 63;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > kLabelBytesMax) return false;
  if (label.front() == '-' || label.back() == '-') return false;
  return std::ranges::all_of(label, [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

bool is_number(std::string_view label) {
  return std::ranges::all_of(label, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::optional<std::string> domain_problem(std::string_view domain) {
  const std::string quoted = "\"" + harmless(domain) + "\"";
  if (domain.starts_with("*.")) {
    return quoted + " is a wildcard, which is proved by a record in the DNS (dns-01) alone; name each domain";
  }
  if (std::ranges::any_of(domain, [](char c) { return c >= 'A' && c <= 'Z'; })) {
    return quoted + " has capital letters; write it in small ones";
  }
  if (domain.empty() || domain.size() > kNameBytesMax) {
    return quoted + " is no domain: it has 1 to " + std::to_string(kNameBytesMax) + " characters";
  }
  std::string_view rest = domain;
  std::string_view label;
  for (;;) {
    const std::size_t dot = rest.find('.');
    label = rest.substr(0, dot);
    if (!is_label(label)) return quoted + " is no domain, such as www.example.com";
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (is_number(label)) return quoted + " is an address; a certificate is given for a name";
  return std::nullopt;
}

std::optional<std::string> problem_of(const Settings& settings) {
  for (const std::string& domain : settings.domains) {
    if (auto problem = domain_problem(domain)) return problem;
    if (std::ranges::count(settings.domains, domain) > 1) return "\"" + domain + "\" is named twice";
  }
  if (!is_url(settings.directory)) {
    return "\"" + harmless(settings.directory) + "\" is no address of an authority; it begins with https://";
  }
  if (!settings.storage.starts_with('/')) {
    return "\"" + harmless(settings.storage) + "\" is no absolute path of a folder";
  }
  const auto is_odd = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || c == ',' || c == '?'; };
  const std::string& email = settings.email;
  if (!email.empty() && (email.find('@') == std::string::npos || std::ranges::any_of(email, is_odd))) {
    return "\"" + harmless(email) + "\" is no address of e-mail, such as admin@example.com";
  }
  if (!settings.http_01 && !settings.tls_alpn_01) {
    return "neither http-01 nor tls-alpn-01 is possible, so that no domain can be proved to be ours";
  }
  return std::nullopt;
}

}  // namespace lb::acme
