#include "config/schema.hpp"

#include <vector>

#include "config/schema_rows.hpp"

namespace lb::config {
namespace {

std::vector<KeySpec> make_keys() {
  std::vector<KeySpec> keys;
  add_server_keys(keys);
  add_backend_keys(keys);
  add_balance_keys(keys);
  add_retry_keys(keys);
  add_health_keys(keys);
  add_pool_keys(keys);
  add_resolver_keys(keys);
  add_admin_keys(keys);
  add_log_keys(keys);
  return keys;
}

std::vector<std::string_view> make_sections() {
  std::vector<std::string_view> sections;
  for (const KeySpec& key : all_keys()) {
    if (sections.empty() || sections.back() != key.section()) {
      sections.push_back(key.section());
    }
  }
  return sections;
}

}  // namespace

std::string_view KeySpec::section() const {
  return path.substr(0, path.rfind('.'));
}
std::string_view KeySpec::name() const {
  return path.substr(path.rfind('.') + 1);
}

std::span<const KeySpec> all_keys() {
  static const std::vector<KeySpec> keys = make_keys();
  return keys;
}

std::span<const std::string_view> all_sections() {
  static const std::vector<std::string_view> sections = make_sections();
  return sections;
}

const KeySpec* find_key(std::string_view path) {
  for (const KeySpec& key : all_keys()) {
    if (key.path == path) {
      return &key;
    }
  }
  return nullptr;
}

}  // namespace lb::config
