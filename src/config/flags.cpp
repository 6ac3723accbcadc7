#include "config/flags.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string_view>
#include <utility>

#include "config/admin_check.hpp"
#include "config/admin_token.hpp"
#include "config/flag_table.hpp"
#include "config/load.hpp"
#include "config/nearest_name.hpp"
#include "config/schema.hpp"
#include "config/url.hpp"

namespace lb::config {
namespace {

constexpr std::string_view kWaysToNameBackends = R"(name them with -backends "http://host:port,http://host:port", )"
                                                 "with [[backends]] in a file given by -config, or try -demo";

const FlagSpec* find_flag(std::string_view name) {
  // The one abbreviation that everybody tries.
  if (name == "h") {
    name = "help";
  }
  for (const FlagSpec& flag : all_flags()) {
    if (flag.name == name) {
      return &flag;
    }
  }
  return nullptr;
}

std::string_view without_dashes(std::string_view argument) {
  argument.remove_prefix(argument.starts_with("--") ? 2 : 1);
  return argument;
}

bool looks_like_flag(std::string_view argument) {
  return argument.size() > 1 && argument.starts_with('-') && argument != "--";
}

// -5 and -x.toml are values, if odd ones; -port is the next flag.
bool is_known_flag(std::string_view argument) {
  if (!looks_like_flag(argument)) {
    return false;
  }
  const std::string_view name = without_dashes(argument);
  return find_flag(name.substr(0, name.find('='))) != nullptr;
}

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    return text.substr(text.size());  // Still a place in the text.
  }
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// A flag as it was written, for messages about its value.
struct Written {
  std::string name{};          // with its one dash, as messages begin
  std::string before_value{};  // `--port=`, `-port `
  std::string_view value{};

  // Marks a part of the value.
  [[nodiscard]] Excerpt mark(std::string_view part) const {
    // Quotes where a shell wants some: it may have taken them off.
    const std::string quote = value.empty() || value.find_first_of(" \t\n") != std::string_view::npos ? "\"" : "";
    const std::string text = before_value + quote + std::string(value) + quote;
    if (value.empty()) return make_excerpt(text, before_value.size(), 2);
    const auto at = static_cast<std::size_t>(part.data() - value.data());
    return make_excerpt(text, before_value.size() + quote.size() + at, part.size());
  }
};

class Parser {
 public:
  Parser(int argc, const char* const* argv) {
    for (int i = 1; i < argc; ++i) {
      arguments_.emplace_back(argv[i]);
    }
  }

  CommandLine parse() {
    while (next_ < arguments_.size()) {
      const std::string_view argument = arguments_[next_++];
      if (looks_like_flag(argument)) {
        parse_flag(argument);
      } else {
        fail("", in_quotes(argument) + " is not a flag; flags start with a dash, -help lists them");
      }
    }
    if (left_out_ > 0) {
      result_.errors.push_back({.message = std::to_string(left_out_) + " more mistakes"});
    }
    return std::move(result_);
  }

 private:
  void fail(std::string key, std::string message, Excerpt excerpt = {}) {
    if (result_.errors.size() == kErrorsMax) {
      ++left_out_;
      return;
    }
    result_.errors.push_back({.key = std::move(key), .message = std::move(message), .excerpt = std::move(excerpt)});
  }

  void parse_flag(std::string_view argument) {
    const std::string_view text = without_dashes(argument);
    const std::size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    std::optional<std::string_view> value;
    if (equals != std::string_view::npos) {
      value = text.substr(equals + 1);
    }
    const FlagSpec* flag = find_flag(name);
    if (flag == nullptr) {
      unknown_flag(name, value.has_value());
      return;
    }
    Written written{.name = '-' + std::string(flag->name),
                    .before_value = std::string(argument.substr(0, argument.find('=') + 1))};
    if (flag->target == nullptr && !value) {
      if (next_ == arguments_.size() || is_known_flag(arguments_[next_])) {
        fail(written.name, "needs a value: " + written.name + ' ' + std::string(flag->value_name));
        return;
      }
      value = arguments_[next_++];
      written.before_value = std::string(argument) + ' ';
    }
    if (!seen_.insert(flag->name).second) {
      fail(written.name, "is given more than once");
      return;
    }
    written.value = value.value_or("true");
    if (flag->target != nullptr) {
      set_switch(*flag, written);
    } else {
      set_value(*flag, written);
    }
  }

  void unknown_flag(std::string_view name, bool has_value) {
    std::vector<std::string_view> names;
    for (const FlagSpec& flag : all_flags()) {
      names.push_back(flag.name);
    }
    const auto nearest = nearest_name(name, names);
    fail('-' + printable(name), nearest ? "unknown flag; did you mean -" + std::string(*nearest) + '?'
                                        : "unknown flag; -help lists all of them");
    // What follows is most likely its value: reporting that as well would only distract.
    if (!has_value && next_ < arguments_.size() && !looks_like_flag(arguments_[next_])) {
      ++next_;
    }
  }

  void set_switch(const FlagSpec& flag, const Written& written) {
    if (written.value != "true" && written.value != "false") {
      fail(written.name, in_quotes(written.value) + " is not one of true, false", written.mark(written.value));
      return;
    }
    result_.*flag.target = written.value == "true";
  }

  void set_value(const FlagSpec& flag, const Written& written) {
    const std::string_view value = written.value;
    if (const KeySpec* key = find_key(flag.key)) {
      // Checked here so that the message names the flag; stored for the merge with the file.
      Config scratch;
      if (std::optional<std::string> message = assign_text(*key, value, scratch)) {
        fail(written.name, std::move(*message), written.mark(wrong_part(*key, value)));
      } else {
        result_.overrides.push_back({.key = key, .flag = written.name, .text = std::string(value)});
      }
    } else if (flag.name == "backends") {
      set_backends(written);
    } else if (value.empty()) {
      fail(written.name, "needs a value: " + written.name + ' ' + std::string(flag.value_name));
    } else {
      result_.config_file = value;
    }
  }

  void set_backends(const Written& written) {
    Config scratch;
    std::set<std::string> identities;
    const KeySpec& url = *find_key("backends.url");
    for (std::string_view list = written.value;;) {
      const std::size_t comma = list.find(',');
      const std::string_view text = trim(list.substr(0, comma));
      if (scratch.backends.size() == kBackendsMax) {
        fail(written.name, "names more than " + std::to_string(kBackendsMax) + " backends", written.mark(text));
        break;
      }
      scratch.backends.emplace_back();
      if (std::optional<std::string> message = assign_text(url, text, scratch)) {
        fail(written.name, std::move(*message), written.mark(wrong_part(url, text)));
      } else if (const Backend& backend = scratch.backends.back();
                 !identities.insert(backend_identity(backend)).second) {
        fail(written.name, backend.url + " is listed twice", written.mark(text));
      }
      if (comma == std::string_view::npos) {
        break;
      }
      list.remove_prefix(comma + 1);
    }
    // Kept even if some are wrong: the caller must not be told that there are none, too.
    result_.backends = std::move(scratch.backends);
  }

  std::vector<std::string_view> arguments_;
  std::size_t next_ = 0;
  std::size_t left_out_ = 0;
  std::set<std::string_view> seen_;
  CommandLine result_;
};

// What only the merged configuration can tell. `config.backends` are those of the file.
void check_backends(const CommandLine& flags, const Config& config, ConfigErrors& errors) {
  const std::string file = flags.config_file.value_or("");
  if (flags.watch && !flags.config_file) {
    errors.push_back({.key = "-watch", .message = "watches the file given by -config, and there is none"});
  }
  if (flags.demo && flags.backends) {
    errors.push_back({.key = "-demo", .message = "brings its own backends and -backends names others; choose one"});
  } else if (flags.demo && !config.backends.empty()) {
    errors.push_back({.key = "-demo", .message = "brings its own backends and " + file + " names others; choose one"});
  } else if (!flags.demo && !flags.status && !flags.backends && config.backends.empty()) {
    errors.push_back({.file = file, .message = "there are no backends; " + std::string(kWaysToNameBackends)});
  }
}

bool is_for_listener(const KeySpec& key) {
  return key.path == "server.port" || key.path == "server.address";
}

// -port and -address mean the plain listener, where the file lists some.
std::optional<ConfigError> set_plain_listener(const Override& override, Config& config) {
  const auto plain = std::ranges::find(config.listeners, false, &Listener::tls);
  if (plain == config.listeners.end()) {
    return ConfigError{.key = override.flag, .message = "is for a plain listener, and the file lists none"};
  }
  Config scratch;
  static_cast<void>(assign_text(*override.key, override.text, scratch));  // it was checked
  if (override.key->path == "server.port") {
    plain->port = scratch.server.port;
  } else {
    plain->address = scratch.server.address;
  }
  return std::nullopt;
}

void remember_flags(const CommandLine& command_line, Origins& origins) {
  for (const Override& override : command_line.overrides) {
    origins[std::string(override.key->path)] = override.flag;
  }
  if (!command_line.backends) {
    return;
  }
  const std::string section = std::string(kBackendsSection) + '.';
  std::erase_if(origins, [&](const auto& origin) { return origin.first.starts_with(section); });
  for (std::size_t i = 0; i < command_line.backends->size(); ++i) {
    origins[section + std::to_string(i) + ".url"] = "-backends";
  }
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
  return Parser(argc, argv).parse();
}

Checked<Config> load_configuration(const CommandLine& command_line, Origins* origins) {
  ConfigErrors errors = command_line.errors;
  Config config;
  Origins own_origins;  // for messages
  if (origins == nullptr) {
    origins = &own_origins;
  }
  bool is_file_known = true;
  if (command_line.config_file) {
    Checked<Config> file = load_file(*command_line.config_file, origins);
    if (file) {
      config = std::move(file).value();
    } else {
      errors.insert(errors.end(), file.errors().begin(), file.errors().end());
      is_file_known = false;
    }
  }
  // A file or a flag that could not be read may have named backends: say nothing about their number then.
  if (is_file_known && command_line.errors.empty()) {
    check_backends(command_line, config, errors);
  }
  if (!errors.empty()) {
    return errors;
  }
  if (command_line.backends) {
    config.backends = *command_line.backends;
  }
  remember_flags(command_line, *origins);
  for (const Override& override : command_line.overrides) {
    if (!config.listeners.empty() && is_for_listener(*override.key)) {
      if (std::optional<ConfigError> problem = set_plain_listener(override, config)) return std::move(*problem);
      continue;
    }
    if (std::optional<std::string> message = assign_text(*override.key, override.text, config)) {
      return ConfigError{.key = std::string(override.key->path), .message = std::move(*message)};
    }
  }
  if (std::optional<ConfigError> problem = read_token(config, *origins, std::getenv(kTokenVariable))) {
    return std::move(*problem);
  }
  // Whoever only asks for the status opens no port.
  const std::optional<ConfigError> problem = command_line.status ? std::nullopt : check_admin(config, *origins);
  if (problem) {
    return *problem;
  }
  return config;
}

}  // namespace lb::config
