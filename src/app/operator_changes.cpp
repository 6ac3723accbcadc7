#include "app/operator_changes.hpp"

#include <algorithm>

namespace lb::app {
namespace {

const config::Backend* find(const std::vector<config::Backend>& backends, const std::string& url) {
  const auto found = std::ranges::find(backends, url, &config::Backend::url);
  return found == backends.end() ? nullptr : &*found;
}

}  // namespace

std::vector<std::string> undone_by_reading(const std::vector<config::Backend>& before,
                                           const std::vector<config::Backend>& in_force,
                                           const std::vector<config::Backend>& now) {
  std::vector<std::string> lines;
  for (const config::Backend& backend : in_force) {
    const config::Backend* const in_file = find(now, backend.url);
    const config::Backend* const was = find(before, backend.url);
    if (was == nullptr && in_file == nullptr) {
      lines.push_back(backend.url + " goes: the operator has added it, and the file does not name it");
    } else if (in_file != nullptr && in_file->weight != backend.weight &&
               (was == nullptr || was->weight != backend.weight)) {
      lines.push_back(backend.url + " has the weight " + std::to_string(in_file->weight) +
                      " of the file again, no longer the operator's " + std::to_string(backend.weight));
    }
  }
  for (const config::Backend& backend : before) {
    if (find(in_force, backend.url) == nullptr && find(now, backend.url) != nullptr) {
      lines.push_back(backend.url + " is back: the operator has removed it, and the file names it");
    }
  }
  return lines;
}

}  // namespace lb::app
