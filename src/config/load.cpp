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
    return "unknown key" + did_you_mean(std::string(section) + '.' + std::string(*nearest));
  }
  const std::string path = section.empty() ? std::string(name) : std::string(section) + '.' + std::string(name);
  const auto same_name = std::find(all_names.begin(), all_names.end(), name);
  if (same_name != all_names.end()) {
    return "unknown key" + did_you_mean(paths[static_cast<std::size_t>(same_name - all_names.begin())]);
  }
  // In a known section the whole path would match too easily: most of it is right.
  if (const auto nearest = names.empty() ? nearest_name(path, paths) : std::nullopt) {
    return "unknown key" + did_you_mean(*nearest);
  }
  if (const auto nearest = nearest_name(name, all_names)) {
    const auto at = std::find(all_names.begin(), all_names.end(), *nearest);
    return "unknown key" + did_you_mean(paths[static_cast<std::size_t>(at - all_names.begin())]);
  }
  if (!names.empty()) {
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
    const bool is_array = *nearest == kBackendsSection;
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
    read_section(root, "");
    check_health(root);
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
    if (key.section() == kBackendsSection) {
      path.insert(kBackendsSection.size(), '.' + std::to_string(config_.backends.size() - 1));
    }
    (*origins_)[path] = file_name_ + ':' + std::to_string(where.begin.line);
  }

  void read_section(const toml::table& table, std::string_view section) {
    for (auto&& [key, node] : table) {
      const std::string_view name = key.str();
      const std::string path = section.empty() ? std::string(name) : std::string(section) + '.' + std::string(name);
      // A quoted name with a dot in it is no path: "server.port" = 1 names nothing.
      const bool is_plain = name.find('.') == std::string_view::npos;
      if (is_plain && path == kBackendsSection) {
        read_backends(node);
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

  void read_backends(const toml::node& node) {
    const toml::array* array = node.as_array();
    if (array == nullptr) {
      fail(node.source(), kBackendsSection,
           describe(node) + " is not a list of backends; write [[backends]] once for each");
      return;
    }
    for (const toml::node& element : *array) {
      const toml::table* table = element.as_table();
      if (table == nullptr) {
        fail(element.source(), kBackendsSection,
             describe(element) + R"( is not a backend; write [[backends]] and below it url = "http://host:port")");
      } else if (config_.backends.size() == kBackendsMax) {
        fail(element.source(), kBackendsSection, "there are more than " + std::to_string(kBackendsMax));
        return;
      } else {
        read_backend(*table);
      }
    }
  }

  void read_backend(const toml::table& table) {
    config_.backends.emplace_back();
    read_section(table, kBackendsSection);
    for (const KeySpec& key : all_keys()) {
      if (key.section() == kBackendsSection && key.required && !table.contains(key.name())) {
        fail(table.source(), key.path,
             "is missing; write " + std::string(key.name()) + " = \"" + allowed_text(key) + '"');
      }
    }
    const Backend& backend = config_.backends.back();
    if (backend.url.empty()) {
      return;  // Missing or wrong, and said so.
    }
    const toml::node* url = table.get("url");
    const toml::source_region where = url != nullptr ? url->source() : table.source();
    const auto [first, is_new] = lines_.try_emplace(backend_identity(backend), where.begin.line);
    if (!is_new) {
      fail(where, "backends.url", backend.url + " is listed twice, first in line " + std::to_string(first->second));
    }
  }

  std::string_view text_;
  std::string file_name_;
  Origins* origins_;
  Config config_;
  ConfigErrors errors_;
  std::size_t left_out_ = 0;
  std::map<std::string, unsigned> lines_;  // of the backends read so far, by identity
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
