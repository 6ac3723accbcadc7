// An answer of the balancer's own.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lb::message {

struct OwnAnswer {
  unsigned status = 0;
  std::string_view reason;  // for protocols that have one
  std::vector<std::pair<std::string_view, std::string>> fields;
  std::string body;   // left out where the request was HEAD
  bool last = false;  // nothing else of the client's can be understood, or is wanted
};

}  // namespace lb::message
