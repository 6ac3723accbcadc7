#include "config/load.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

// The library asserts preconditions that a hostile text breaks ("[~", marzer/tomlplusplus issue 294); past them it
// finds its way to an ordinary error. With NDEBUG it would hand them to the optimiser as facts, which is worse than
// aborting.
#undef NDEBUG
#define TOML_ASSERT(condition) static_cast<void>(0)
// Values may nest as deep as a file says, and the library walks them by recursion. Ours are two deep.
#define TOML_MAX_NESTED_VALUES 16
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "config/file_text.hpp"
#include "config/nearest_name.hpp"
#include "config/schema.hpp"
#include "config/syntax_hint.hpp"
#include "config/url.hpp"

namespace lb::config {
namespace {

bool is_section(std::string_view path) {
  const auto sections = all_sections();
  return std::find(sections.begin(), sections.end(), path) != sections.end();
}

std::string describe(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return in_quotes(node.as_string()->get());
    case toml::node_type::boolean:
      return node.as_boolean()->get() ? "true" : "false";
    case toml::node_type::integer:
      return std::to_string(node.as_integer()->get());
    case toml::node_type::floating_point:
      return "a decimal number";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::table:
      return "a table";
    default:
      return "a date or time";
  }
}

std::string list_of_keys(std::string_view section) {
  std::string out;
  for (const KeySpec& key : all_keys()) {
    if (key.section() == section) {
      out += (out.empty() ? "" : ", ") + std::string(key.name());
    }
  }
  return out;
}

std::string did_you_mean(std::string_view name) {
  return "; did you mean " + std::string(name) + '?';
}

// First among the neighbours, then in other sections: `idle_timeout` in [server] is pool.idle_timeout, and `prot`
// before any section is server.port.
std::string unknown_key_message(std::string_view section, std::string_view name) {
  std::vector<std::string_view> names;
  std::vector<std::string_view> paths;
  std::vector<std::string_view> all_names;
  for (const KeySpec& key : all_keys()) {
    paths.push_back(key.path);
    all_names.push_back(key.name());
    if (key.section() == section) {
      names.push_back(key.name());
    }
  }
  if (const auto nearest = nearest_name(name, names)) {
    return "unknown key" + did_you_mean((section.empty() ? "" : std::string(section) + '.') + std::string(*nearest));
  }
  const std::string path = section.empty() ? std::string(name) : std::string(section) + '.' + std::string(name);
  const auto same_name = std::find(all_names.begin(), all_names.end(), name);
  if (same_name != all_names.end()) {
    return "unknown key" + did_you_mean(paths[static_cast<std::size_t>(same_name - all_names.begin())]);
  }
  // In a known section the whole path would match too easily: most of it is right.
  if (const auto nearest = section.empty() || names.empty() ? nearest_name(path, paths) : std::nullopt) {
    return "unknown key" + did_you_mean(*nearest);
  }
  if (const auto nearest = nearest_name(name, all_names)) {
    const auto at = std::find(all_names.begin(), all_names.end(), *nearest);
    return "unknown key" + did_you_mean(paths[static_cast<std::size_t>(at - all_names.begin())]);
  }
  if (!section.empty() && !names.empty()) {
    return "unknown key; known here are " + list_of_keys(section);
  }
  return "unknown key; every key belongs to a section, such as [server]";
}

std::string unknown_section_message(std::string_view path, std::string_view name) {
  const auto sections = all_sections();
  std::optional<std::string_view> nearest = nearest_name(path, sections);
  for (const std::string_view section : sections) {
    if (!nearest && section.substr(section.rfind('.') + 1) == name) {
      nearest = section;
    }
  }
  if (nearest) {
    const bool is_array = find_table_array(*nearest) != nullptr;
    return "unknown section" + did_you_mean((is_array ? "[[" : "[") + std::string(*nearest) + (is_array ? "]]" : "]"));
  }
  std::string known;
  for (const std::string_view section : sections) {
    known += (known.empty() ? "" : ", ") + std::string(section);
  }
  return "unknown section; known are " + known;
}

struct Mark {
  std::size_t begin;
  std::size_t length;
};

Mark mark_of(const toml::source_region& where) {
  const std::size_t begin = where.begin.column - 1;
  // What goes on in the next line is marked to the end of this one.
  return {begin, where.end.line == where.begin.line ? where.end.column - 1 - begin : std::string_view::npos};
}

// Walks the parsed file along the schema. It descends into known sections only, so its depth is the schema's.
class Reader {
 public:
  // `text`: what was parsed, before it was cleaned; `origins` may be null.
  Reader(std::string_view text, std::string_view file_name, Origins* origins)
      : text_(text), file_name_(file_name), origins_(origins) {}

  Checked<Config> read(const toml::table& root) {
    config_.folder = file_name_.substr(0, file_name_.rfind('/') + 1);
    read_section(root, "");
    check_health(root);
    check_tls(root);
    if (errors_.empty() && left_out_ == 0) {
      return std::move(config_);
    }
    std::sort(errors_.begin(), errors_.end(), [](const ConfigError& a, const ConfigError& b) {
      return std::tie(a.line, a.column, a.key) < std::tie(b.line, b.column, b.key);
    });
    if (left_out_ > 0) {
      errors_.push_back({.file = file_name_, .message = std::to_string(left_out_) + " more mistakes"});
    }
    return std::move(errors_);
  }

 private:
  // Keys that contradict each other.
  void check_health(const toml::table& root) {
    const Health& health = config_.health;
    if (health.check != "http" || health.method != "HEAD" || health.body.empty()) return;
    const toml::node* const body = root.at_path("health.body").node();
    fail(body != nullptr ? body->source() : root.source(), "health.body",
         "can never be in an answer to HEAD; write method = \"GET\"");
  }

  // Keys that need each other.
  void check_tls(const toml::table& root) {
    const auto missing = [&](std::string_view at, std::string_view key, std::string message) {
      const toml::node* const node = root.at_path(at).node();
      fail(node != nullptr ? node->source() : root.source(), key, std::move(message));
    };
    for (std::size_t i = 0; i < config_.listeners.size(); ++i) {
      const Listener& listener = config_.listeners[i];
      const std::string at = "listeners[" + std::to_string(i) + "].";
      if (listener.tls && config_.certificates.empty() && config_.acme.domains.empty()) {
        missing(at + "tls", "listeners.tls", "needs a certificate; write [[certificates]], or [acme] domains");
      }
      if (listener.proxy_protocol != "off" && config_.server.trusted_proxies.empty()) {
        missing(at + "proxy_protocol", "listeners.proxy_protocol",
                "believes nobody; write in [server] trusted_proxies who may send the header");
      }
    }
    if (config_.tls.client_certificates != "off" && config_.tls.client_ca.empty()) {
      missing("tls.client_certificates", "tls.client_certificates",
              "needs to know who signs them; write client_ca beside it");
    }
    if (config_.backend_tls.certificate.empty() != config_.backend_tls.key.empty()) {
      missing("backend_tls", config_.backend_tls.key.empty() ? "backend_tls.key" : "backend_tls.certificate",
              "is missing; certificate and key go together");
    }
  }

  void fail(const toml::source_region& where, std::string_view path, std::string message) {
    fail(where, path, std::move(message), mark_of(where));
  }

  void fail(const toml::source_region& where, std::string_view path, std::string message, Mark mark) {
    if (errors_.size() == kErrorsMax) {
      ++left_out_;
      return;
    }
    errors_.push_back({.file = file_name_,
                       .line = where.begin.line,
                       .column = where.begin.column,
                       .key = printable(path),
                       .message = std::move(message),
                       .excerpt = make_excerpt(line_of(text_, where.begin.line), mark.begin, mark.length)});
  }

  // The wrong part of a text, as far as it stands in the file as it is: not if it is written with escapes.
  Mark mark_in(const toml::source_region& where, const KeySpec& key, const toml::value<std::string>* text) const {
    const Mark whole = mark_of(where);
    if (text == nullptr || text->get().empty() || key.wrong_part == nullptr) return whole;
    const std::string_view value = text->get();
    const std::string_view line = line_of(text_, where.begin.line);
    const std::size_t at = line.find(value, whole.begin);
    if (at == std::string_view::npos || at - whole.begin > whole.length) return whole;
    const std::string_view part = wrong_part(key, value);
    return {at + static_cast<std::size_t>(part.data() - value.data()), part.size()};
  }

  // Where the value was found. Of backends the last one is being read.
  void remember(const KeySpec& key, const toml::source_region& where) {
    if (origins_ == nullptr) return;
    std::string path(key.path);
    if (const TableArray* const array = find_table_array(key.section())) {
      path.insert(array->section.size(), '.' + std::to_string(array->size(config_) - 1));
    }
    (*origins_)[path] = file_name_ + ':' + std::to_string(where.begin.line);
  }

  void read_section(const toml::table& table, std::string_view section) {
    for (auto&& [key, node] : table) {
      const std::string_view name = key.str();
      const std::string path = section.empty() ? std::string(name) : std::string(section) + '.' + std::string(name);
      // A quoted name with a dot in it is no path: "server.port" = 1 names nothing.
      const bool is_plain = name.find('.') == std::string_view::npos;
      const TableArray* const array = is_plain ? find_table_array(path) : nullptr;
      if (array != nullptr) {
        read_tables(*array, node);
      } else if (is_plain && is_section(path)) {
        read_subsection(node, path);
      } else if (const KeySpec* spec = is_plain ? find_key(path) : nullptr) {
        read_value(*spec, node);
      } else if (errors_.size() >= kErrorsMax) {
        ++left_out_;  // Hints are costly: not for mistakes that nobody will see.
      } else if (node.is_table() || node.is_array_of_tables()) {
        fail(key.source(), path, unknown_section_message(path, name));
      } else {
        fail(key.source(), path, unknown_key_message(section, name));
      }
    }
  }

  void read_subsection(const toml::node& node, std::string_view path) {
    if (const toml::table* table = node.as_table()) {
      read_section(*table, path);
      return;
    }
    const std::string header = '[' + std::string(path) + ']';
    if (node.is_array_of_tables()) {
      fail(node.source(), path, "is one section; write " + header + " instead of [" + header + ']');
    } else {
      fail(node.source(), path, describe(node) + " is not a section; write " + header + " and its keys below");
    }
  }

  // Each wrong item is a mistake of its own, at its place.
  void read_list(const KeySpec& key, const toml::array& array) {
    std::string value;
    bool good = true;
    for (const toml::node& element : array) {
      const auto* text = element.as_string();
      const auto message = text == nullptr
                               ? std::optional(describe(element) + " is not a string; write " + allowed_text(key))
                               : check_item(key, text->get());
      if (message) fail(element.source(), key.path, *message);
      good = good && !message;
      if (good) value += (value.empty() ? "" : ", ") + text->get();
    }
    if (!good) return;
    if (const auto message = assign_text(key, value, config_)) return fail(array.source(), key.path, *message);
    remember(key, array.source());
  }

  void read_value(const KeySpec& key, const toml::node& node) {
    if (key.type == KeyType::kList) {
      if (const toml::array* array = node.as_array()) return read_list(key, *array);
      return fail(node.source(), key.path, wrong_type_message(key, describe(node)));
    }
    std::optional<std::string> message;
    if (const auto* integer = node.as_integer()) {
      message = assign_integer(key, integer->get(), config_);
    } else if (const auto* boolean = node.as_boolean()) {
      message = assign_bool(key, boolean->get(), config_);
    } else if (const auto* text = node.as_string(); text == nullptr) {
      message = wrong_type_message(key, describe(node));
    } else if (key.type == KeyType::kUnsigned || key.type == KeyType::kBool) {
      message = in_quotes(text->get()) + " is a string; write " + allowed_text(key) + ", without quotes";
    } else {
      message = assign_text(key, text->get(), config_);
    }
    if (message) {
      fail(node.source(), key.path, std::move(*message), mark_in(node.source(), key, node.as_string()));
    } else {
      remember(key, node.source());
    }
  }

  void read_tables(const TableArray& array, const toml::node& node) {
    const std::string header = "[[" + std::string(array.section) + "]]";
    const toml::array* elements = node.as_array();
    if (elements == nullptr) {
      fail(node.source(), array.section,
           describe(node) + " is not a list of " + std::string(array.several) + "; write " + header + " once for each");
      return;
    }
    for (const toml::node& element : *elements) {
      const toml::table* table = element.as_table();
      if (table == nullptr) {
        fail(element.source(), array.section,
             describe(element) + " is not " + std::string(array.one) + "; write " + header + " and below it " +
                 std::string(array.example));
      } else if (array.size(config_) == array.max) {
        fail(element.source(), array.section, "there are more than " + std::to_string(array.max));
        return;
      } else {
        array.add(config_);
        read_table(array, *table);
      }
    }
  }

  void read_table(const TableArray& array, const toml::table& table) {
    read_section(table, array.section);
    for (const KeySpec& key : all_keys()) {
      if (key.section() == array.section && key.required && !table.contains(key.name())) {
        fail(table.source(), key.path, "is missing; write " + std::string(key.name()) + " = " + example_of(key));
      }
    }
    if (array.section == kBackendsSection) check_twice(table, "url", backend_identity(config_.backends.back()));
    if (array.section == "listeners") check_listener(table);
  }

  static std::string example_of(const KeySpec& key) {
    return key.type == KeyType::kUnsigned ? allowed_text(key) : '"' + allowed_text(key) + '"';
  }

  // Two tables of an array must not be the same in this.
  void check_twice(const toml::table& table, std::string_view key, const std::string& identity) {
    const bool is_backend = key == "url";
    if (is_backend && config_.backends.back().url.empty()) return;  // Missing or wrong, and said so.
    const toml::node* node = table.get(key);
    const toml::source_region where = node != nullptr ? node->source() : table.source();
    const auto [first, is_new] = lines_.try_emplace(identity, where.begin.line);
    if (is_new) return;
    const std::string what = is_backend ? config_.backends.back().url : identity;
    fail(where, is_backend ? "backends.url" : "listeners.port",
         what + " is listed twice, first in line " + std::to_string(first->second));
  }

  void check_listener(const toml::table& table) {
    const Listener& listener = config_.listeners.back();
    if (listener.port != 0) {
      check_twice(table, "port", "port " + std::to_string(listener.port) + " of " + listener.address);
    }
  }

  std::string_view text_;
  std::string file_name_;
  Origins* origins_;
  Config config_;
  ConfigErrors errors_;
  std::size_t left_out_ = 0;
  std::map<std::string, unsigned> lines_;  // of the backends and listeners read so far, by identity
};

}  // namespace

Checked<Config> load_text(std::string_view text, std::string_view file_name, Origins* origins) {
  const Checked<std::string> clean = clean_text(text);
  text = without_byte_order_mark(text);
  const auto at_place = [&](ConfigError error) {
    error.file = file_name;
    if (error.line > 0) error.excerpt = make_excerpt(line_of(text, error.line), error.column - 1, 1);
    return error;
  };
  if (!clean) {
    return at_place(clean.errors().front());
  }
  const toml::parse_result result = toml::parse(std::string_view(clean.value()));
  if (!result) {
    const std::string_view problem = result.error().description();
    const toml::source_position where = result.error().source().begin;
    std::string message = syntax_message(problem, line_of(text, where.line), where.column);
    return at_place({.line = where.line, .column = where.column, .message = std::move(message)});
  }
  return Reader(text, file_name, origins).read(result.table());
}

Checked<Config> load_file(const std::string& path, Origins* origins) {
  Checked<std::string> text = read_file(path, kFileBytesMax);
  if (!text) {
    return text.errors();
  }
  return load_text(text.value(), path, origins);
}

}  // namespace lb::config
