// What is to be certified, and by whom.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lb::acme {

struct Settings {
  std::vector<std::string> domains{};  // each gets a certificate of its own
  std::string email{};                 // empty: the authority is told none
  std::string directory{};             // the authority's address, https
  std::string storage{};               // an absolute folder, made if it is not there
  // The ways to prove that a domain is ours: http-01 needs a port without TLS that is 80 outside, tls-alpn-01 one with
  // TLS that is 443 outside.
  bool http_01 = true;
  bool tls_alpn_01 = true;

  friend bool operator==(const Settings&, const Settings&) = default;
};

// Why no authority can give a certificate for the domain to us: a sentence. Nothing: one may.
[[nodiscard]] std::optional<std::string> domain_problem(std::string_view domain);
// The first thing that is wrong with the settings.
[[nodiscard]] std::optional<std::string> problem_of(const Settings& settings);

}  // namespace lb::acme
