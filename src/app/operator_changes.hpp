// What the operator has changed at the backends of the file, by the admin interface.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"

namespace lb::app {

// What reading the file again undoes, a line for each: `before` is what the file said when it was last read, `in_force`
// what the operator has made of it, `now` what the file says.
[[nodiscard]] std::vector<std::string> undone_by_reading(const std::vector<config::Backend>& before,
                                                         const std::vector<config::Backend>& in_force,
                                                         const std::vector<config::Backend>& now);

}  // namespace lb::app
