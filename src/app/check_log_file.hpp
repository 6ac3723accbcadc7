// Whether the access log could be written, for -check.
#pragma once

#include <string>

namespace lb::app {

// A sentence for the user if that file cannot be opened or made; else nothing. Neither makes it nor changes it.
[[nodiscard]] std::string log_file_problem(const std::string& path);

}  // namespace lb::app
