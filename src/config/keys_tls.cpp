// The rows of [[listeners]], [[certificates]], [tls] and [acme], towards clients; of [backend_tls], towards backends;
// and of who is believed to say whose client it is.
#include <algorithm>
#include <array>

#include "config/schema_rows.hpp"
#include "config/url.hpp"

namespace lb::config {
namespace {

constexpr std::uint64_t kListMax = 1'000;

constexpr std::array<std::string_view, 3> kAccepts = {"off", "accept", "require"};
constexpr std::array<std::string_view, 3> kSends = {"off", "v1", "v2"};
constexpr std::array<std::string_view, 2> kVersions = {"1.2", "1.3"};
constexpr std::array<std::string_view, 3> kClientCertificates = {"off", "optional", "require"};
constexpr std::string_view kFileFormat = R"(the path of a file, or "" for none)";
constexpr std::string_view kDomainPattern = "^[0-9A-Za-z._-]+$";

// example.org; wildcards need a challenge by DNS.
std::string domain_problem(std::string_view text) {
  if (text.starts_with("*.")) return "is a wildcard, for which there is no challenge by HTTP or TLS; name each host";
  const UrlOutcome outcome = parse_backend_url("http://" + std::string(text));
  const bool is_name = outcome.backend && outcome.backend->url == "http://" + outcome.backend->host &&
                       !is_ip_address(outcome.backend->host) && text.find('.') != std::string_view::npos;
  return is_name && text.find('/') == std::string_view::npos ? "" : "is not the name of a host";
}

std::string directory_problem(std::string_view text) {
  const auto is_visible = [](char c) { return c > 0x20 && c < 0x7f; };
  const bool is_url = text.starts_with("https://") && text.size() > 8 && std::ranges::all_of(text, is_visible);
  return is_url ? "" : "is not an https URL";
}

std::string email_problem(std::string_view text) {
  const auto is_visible = [](char c) { return c > 0x20 && c < 0x7f && c != ','; };
  const std::size_t at = text.find('@');
  const bool is_address = at != std::string_view::npos && at > 0 && at + 1 < text.size();
  return text.empty() || (is_address && std::ranges::all_of(text, is_visible)) ? "" : "is not an e-mail address";
}

std::string name_problem(std::string_view text) {
  if (text.empty()) return "";
  const UrlOutcome outcome = parse_backend_url("http://" + std::string(text));
  const bool is_host = outcome.backend && outcome.backend->url == "http://" + outcome.backend->host;
  return is_host && text.find('/') == std::string_view::npos ? "" : "is not a name";
}

std::string needed_file_problem(std::string_view text) {
  return text.empty() ? "is empty" : file_problem(text);
}

// Of a list of texts: Field names it.
template <auto Field>
Value get_list(const Config& config) {
  std::string out;
  for (const std::string& item : Field(config)) out += (out.empty() ? "" : ", ") + item;
  return out;
}
template <auto Field>
void set_list(Config& config, const Value& value) {
  Field(config) = items_of(std::get<std::string>(value));
}
template <auto Field>
KeySpec list(std::string_view path, std::string_view format, std::string (*problem)(std::string_view),
             std::string_view pattern, std::string_view help) {
  return {.path = path,
          .type = KeyType::kList,
          .max = kListMax,
          .format = format,
          .problem = problem,
          .pattern = pattern,
          .help = help,
          .get = get_list<Field>,
          .set = set_list<Field>};
}

template <auto Field>
KeySpec file(std::string_view path, std::string_view help) {
  return text<Field>(path, kFileFormat, file_problem, kFilePattern, help);
}

void add_listener_keys(std::vector<KeySpec>& keys) {
  keys.push_back(text<[](auto& c) -> auto& { return c.listeners.back().address; }>(
      "listeners.address", R"(an IPv4 or IPv6 address, such as "::", "0.0.0.0" or "127.0.0.1")", address_problem,
      kAddressPattern, "Where to listen: :: is every address, IPv4 included; name one to be reached only there."));
  KeySpec port = count<[](auto& c) -> auto& { return c.listeners.back().port; }>(
      "listeners.port", {0, 65'535, "any free port"}, "The port; 0 takes a free one, which the log names.");
  port.required = true;
  keys.push_back(port);
  keys.push_back(boolean<[](auto& c) -> auto& { return c.listeners.back().tls; }>(
      "listeners.tls", "Whether clients speak TLS here; that needs a certificate, or [acme]."));
  keys.push_back(boolean<[](auto& c) -> auto& { return c.listeners.back().http2; }>(
      "listeners.http2", "HTTP/2, which is not served yet: clients get HTTP/1.1 all the same."));
  keys.push_back(choice<[](auto& c) -> auto& {
    return c.listeners.back().proxy_protocol;
  }>("listeners.proxy_protocol", kAccepts,
     "Whether a PROXY header (v1 or v2) from a trusted address says who the client is: accept takes one where there is "
     "one, require serves nobody without."));
}

void add_certificate_keys(std::vector<KeySpec>& keys) {
  KeySpec certificate = file<[](auto& c) -> auto& { return c.certificates.back().certificate; }>(
      "certificates.certificate",
      "A PEM file: the certificate, then those of its issuers. The name asked for (SNI) chooses among all by the names "
      "in them; the first serves names that none has.");
  certificate.required = true;
  certificate.problem = needed_file_problem;
  certificate.format = "the path of a file";
  keys.push_back(certificate);
  KeySpec key = file<[](auto& c) -> auto& { return c.certificates.back().key; }>(
      "certificates.key", "A PEM file with its private key, without a password.");
  key.required = true;
  key.problem = needed_file_problem;
  key.format = "the path of a file";
  keys.push_back(key);
}

void add_acme_keys(std::vector<KeySpec>& keys) {
  keys.push_back(list<[](auto& c) -> auto& { return c.acme.domains; }>(
      "acme.domains", R"(names such as ["example.org"], or [] for none)", domain_problem, kDomainPattern,
      "Names that get a certificate each, by themselves (RFC 8555), and keep it renewed; the authority has to reach "
      "this server at port 80 or 443 of them."));
  keys.push_back(text<[](auto& c) -> auto& { return c.acme.email; }>(
      "acme.email", R"(an e-mail address, or "" for none)", email_problem, R"(^([^\x00-\x20,@]+@[^\x00-\x20,@]+)?$)",
      "Whom the authority may write to."));
  keys.push_back(text<[](auto& c) -> auto& { return c.acme.directory; }>(
      "acme.directory", "an https URL", directory_problem, "^https://[!-~]+$",
      "The authority; name its staging directory while you try."));
  keys.push_back(file<[](auto& c) -> auto& { return c.acme.ca; }>(
      "acme.ca",
      "A PEM file of authorities that the directory's own certificate is believed by; empty: those of the system."));
  KeySpec storage = file<[](auto& c) -> auto& { return c.acme.storage; }>(
      "acme.storage", "A folder for the account's key, certificates and keys, which is made with mode 0700; keep it.");
  storage.format = "the path of a folder";
  keys.push_back(storage);
}

}  // namespace

void add_top_keys(std::vector<KeySpec>& keys) {
  keys.push_back(choice<[](auto& c) -> auto& { return c.proxy_protocol; }>(
      "proxy_protocol", kSends,
      "The version of the PROXY header that tells backends who the client is; a connection to them is one client's "
      "then, which costs more."));
}

void add_tls_keys(std::vector<KeySpec>& keys) {
  add_listener_keys(keys);
  add_certificate_keys(keys);
  keys.push_back(choice<[](auto& c) -> auto& { return c.tls.min_version; }>(
      "tls.min_version", kVersions, "The oldest version that clients may speak; 1.3 where all of them are new."));
  keys.push_back(choice<[](auto& c) -> auto& { return c.tls.client_certificates; }>(
      "tls.client_certificates", kClientCertificates,
      "Whether clients show a certificate: optional takes one that is good, require serves nobody without. The backend "
      "is told whose it is."));
  keys.push_back(file<[](auto& c) -> auto& { return c.tls.client_ca; }>(
      "tls.client_ca", "A PEM file of the authorities that sign the clients' certificates."));
  add_acme_keys(keys);
}

void add_backend_tls_keys(std::vector<KeySpec>& keys) {
  keys.push_back(boolean<[](auto& c) -> auto& { return c.backend_tls.verify; }>(
      "backend_tls.verify",
      "Whether https backends have to show a certificate that can be believed; false trusts "
      "whoever answers."));
  keys.push_back(file<[](auto& c) -> auto& { return c.backend_tls.ca; }>(
      "backend_tls.ca",
      "A PEM file of the authorities that sign the backends' certificates; empty: those of the system."));
  keys.push_back(text<[](auto& c) -> auto& { return c.backend_tls.server_name; }>(
      "backend_tls.server_name", R"(a name, or "" for the host of each URL)", name_problem, "^[0-9A-Za-z._:-]*$",
      "The name that the backends' certificates have to be for, and that they are asked for by (SNI)."));
  keys.push_back(file<[](auto& c) -> auto& { return c.backend_tls.certificate; }>(
      "backend_tls.certificate", "A PEM file: what is shown to backends that ask for a certificate."));
  keys.push_back(
      file<[](auto& c) -> auto& { return c.backend_tls.key; }>("backend_tls.key", "A PEM file with its private key."));
}

}  // namespace lb::config
