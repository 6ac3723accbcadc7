#include "config/schema.hpp"

#include <vector>

#include "config/load.hpp"
#include "config/schema_rows.hpp"

namespace lb::config {
namespace {

std::vector<KeySpec> make_keys() {
  std::vector<KeySpec> keys;
  add_top_keys(keys);
  add_server_keys(keys);
  add_tls_keys(keys);
  add_backend_keys(keys);
  add_backend_tls_keys(keys);
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

// Of the arrays: Field names the vector.
template <auto Field>
constexpr TableArray array_of(TableArray array) {
  array.size = [](const Config& config) { return Field(config).size(); };
  array.add = [](Config& config) { Field(config).emplace_back(); };
  array.only = [](const Config& config, std::size_t index) {
    Config one;
    Field(one).push_back(Field(config)[index]);
    return one;
  };
  return array;
}

constexpr std::size_t kListenersMax = 64;
constexpr std::size_t kCertificatesMax = 10'000;

constexpr TableArray kArrays[] = {
    array_of<[](auto& c) -> auto& { return c.listeners; }>({.section = "listeners",
                                                            .one = "a listener",
                                                            .several = "listeners",
                                                            .example = "port = 443",
                                                            .describes = "One [[listeners]] for each port.",
                                                            .max = kListenersMax}),
    array_of<[](auto& c) -> auto& { return c.certificates; }>(
        {.section = "certificates",
         .one = "a certificate",
         .several = "certificates",
         .example = R"(certificate = "site.pem" and key = "site.key")",
         .describes = "One [[certificates]] for each certificate; the name asked for chooses.",
         .max = kCertificatesMax}),
    array_of<[](auto& c) -> auto& { return c.backends; }>({.section = kBackendsSection,
                                                           .one = "a backend",
                                                           .several = "backends",
                                                           .example = R"(url = "http://host:port")",
                                                           .describes = "One [[backends]] for each server.",
                                                           .max = kBackendsMax}),
};

}  // namespace

std::span<const TableArray> table_arrays() {
  return kArrays;
}

Config config_with_tables() {
  Config config;
  for (const TableArray& array : kArrays) array.add(config);
  return config;
}

const TableArray* find_table_array(std::string_view section) {
  for (const TableArray& array : kArrays) {
    if (array.section == section) return &array;
  }
  return nullptr;
}

std::string_view KeySpec::section() const {
  const std::size_t dot = path.rfind('.');
  return path.substr(0, dot == std::string_view::npos ? 0 : dot);
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
