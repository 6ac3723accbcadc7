// The cookie by which a client stays with its backend.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "upstream/members.hpp"

namespace lb::proxy {

// Of one service, and one state of its members: each has a value of its own, made of its URL with the secret
// (HMAC-SHA-256, RFC 2104), so that nobody can make one up or read a backend's address from it, and all balancers with
// the secret agree. Never changes; any thread.
class Stickiness {
 public:
  // `name`: of the cookie. The members outlive it.
  Stickiness(std::string name, std::string_view secret, const upstream::Members& members);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  // The position of the member that this value stands for; none: of no one here.
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view value) const noexcept;
  // The value of the Set-Cookie field for that member; empty: it is none. `secure`: the client used https.
  [[nodiscard]] std::string cookie_for(const upstream::Endpoint& endpoint, bool secure) const;

 private:
  struct Entry {
    std::string value;
    std::uint32_t member = 0;
  };

  std::string name_;
  const upstream::Members& members_;
  std::vector<Entry> by_value_;  // sorted
};

}  // namespace lb::proxy
