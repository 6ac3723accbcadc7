// Small texts for log lines and answers.
#pragma once

#include <string>
#include <string_view>

namespace lb::app {

// "1 worker", "2 workers".
[[nodiscard]] inline std::string counted(std::size_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

}  // namespace lb::app
