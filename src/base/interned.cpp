#include "base/interned.hpp"

#include <functional>
#include <mutex>
#include <set>
#include <string>

namespace lb::base {

std::string_view interned(std::string_view name) {
  static std::mutex mutex;
  static auto& names = *new std::set<std::string, std::less<>>;  // never destroyed: threads may outlive main()
  const std::lock_guard lock(mutex);
  const auto found = names.find(name);
  return found != names.end() ? *found : *names.emplace(name).first;
}

}  // namespace lb::base
