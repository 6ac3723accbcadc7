// What a process leaves to its successor besides its sockets: what was ordered and learned of its backends.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "upstream/endpoint.hpp"

namespace lb::app {

struct Inheritance {
  struct Backend {
    std::string url;
    upstream::Administration administration = upstream::Administration::active;
    bool failed = false;  // requests have marked it down, and its last check had passed
    unsigned weight = 0;  // by the operator's order; 0: as the file says
    std::string reason;   // of its health, for people
  };

  std::string next;  // the URL of the backend whose turn it is
  std::vector<Backend> backends;
};

// As lines of text, and back. What cannot be read is left out: a successor may be of another version.
[[nodiscard]] std::string write(const Inheritance& left);
[[nodiscard]] Inheritance read_inheritance(std::string_view text);

}  // namespace lb::app
