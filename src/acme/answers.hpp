// What the authority answers (RFC 8555 section 7.1), as values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "acme/http.hpp"
#include "acme/problem.hpp"

namespace lb::acme {

inline constexpr std::string_view kHttp01 = "http-01";
inline constexpr std::string_view kTlsAlpn01 = "tls-alpn-01";

struct Directory {
  std::string new_nonce;
  std::string new_account;
  std::string new_order;
};

struct Challenge {
  std::string type;
  std::string url;
  std::string token;
  std::string problem;  // why it failed; empty: not said
};

struct Authorization {
  std::string status;
  std::vector<Challenge> challenges;  // those that can be used, of the kinds that we know
};

struct Order {
  std::string status;
  std::vector<std::string> authorizations;
  std::string finalize;
  std::string certificate;  // empty: not yet
  std::string problem;      // why it failed; empty: not said
};

[[nodiscard]] Outcome<Directory> read_directory(std::string_view body);
[[nodiscard]] Outcome<Authorization> read_authorization(std::string_view body);
[[nodiscard]] Outcome<Order> read_order(std::string_view body);

// Of an answer that is no success: what it says, for people.
[[nodiscard]] Problem read_refusal(const HttpAnswer& answer);

}  // namespace lb::acme
