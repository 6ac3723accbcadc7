// What of a request consistent hashing goes by.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace lb::proxy {

struct HashOn {
  enum class Part : std::uint8_t { client, path, target, host, header, cookie, query };

  Part part = Part::client;
  std::string name;  // of a header, a cookie, or a parameter of the query
};

// "client", "header:X-User", ...: what the configuration allows.
[[nodiscard]] HashOn parse_hash_on(std::string_view text);

// The same for equal requests on every machine. A request without that part, or with an empty one, goes by its client's
// address.
[[nodiscard]] std::uint64_t hash_key(const HashOn& on, const http::RequestHead& head,
                                     std::string_view client_address) noexcept;

}  // namespace lb::proxy
