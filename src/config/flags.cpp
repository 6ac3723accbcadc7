#include "config/flags.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

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
    return {};
  }
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

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
        parse_flag(without_dashes(argument));
      } else {
        fail("", in_quotes(argument) + " is not a flag; flags start with a dash, -help lists them");
      }
    }
    return std::move(result_);
  }

 private:
  void fail(std::string key, std::string message) {
    result_.errors.push_back({.key = std::move(key), .message = std::move(message)});
  }

  void parse_flag(std::string_view text) {
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
    const std::string shown = '-' + std::string(flag->name);
    if (flag->target == nullptr && !value) {
      if (next_ == arguments_.size() || is_known_flag(arguments_[next_])) {
        fail(shown, "needs a value: " + shown + ' ' + std::string(flag->value_name));
        return;
      }
      value = arguments_[next_++];
    }
    if (!seen_.insert(flag->name).second) {
      fail(shown, "is given more than once");
      return;
    }
    if (flag->target != nullptr) {
      set_switch(*flag, shown, value.value_or("true"));
    } else {
      set_value(*flag, shown, *value);
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

  void set_switch(const FlagSpec& flag, const std::string& shown, std::string_view value) {
    if (value != "true" && value != "false") {
      fail(shown, in_quotes(value) + " is not one of true, false");
      return;
    }
    result_.*flag.target = value == "true";
  }

  void set_value(const FlagSpec& flag, const std::string& shown, std::string_view value) {
    if (const KeySpec* key = find_key(flag.key)) {
      // Checked here so that the message names the flag; stored for the merge with the file.
      Config scratch;
      if (std::optional<std::string> message = assign_text(*key, value, scratch)) {
        fail(shown, std::move(*message));
      } else {
        result_.overrides.push_back({.key = key, .text = std::string(value)});
      }
    } else if (flag.name == "backends") {
      set_backends(shown, value);
    } else if (value.empty()) {
      fail(shown, "needs a value: " + shown + ' ' + std::string(flag.value_name));
    } else {
      result_.config_file = value;
    }
  }

  void set_backends(const std::string& shown, std::string_view list) {
    Config scratch;
    std::set<std::string> identities;
    const KeySpec& url = *find_key("backends.url");
    while (true) {
      const std::size_t comma = list.find(',');
      if (scratch.backends.size() == kBackendsMax) {
        fail(shown, "names more than " + std::to_string(kBackendsMax) + " backends");
        break;
      }
      scratch.backends.emplace_back();
      if (std::optional<std::string> message = assign_text(url, trim(list.substr(0, comma)), scratch)) {
        fail(shown, std::move(*message));
      } else if (const Backend& backend = scratch.backends.back();
                 !identities.insert(backend_identity(backend)).second) {
        fail(shown, backend.url + " is listed twice");
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
  } else if (!flags.demo && !flags.backends && config.backends.empty()) {
    errors.push_back({.file = file, .message = "there are no backends; " + std::string(kWaysToNameBackends)});
  }
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
  return Parser(argc, argv).parse();
}

Checked<Config> load_configuration(const CommandLine& command_line) {
  ConfigErrors errors = command_line.errors;
  Config config;
  bool is_file_known = true;
  if (command_line.config_file) {
    Checked<Config> file = load_file(*command_line.config_file);
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
  for (const Override& override : command_line.overrides) {
    if (std::optional<std::string> message = assign_text(*override.key, override.text, config)) {
      return ConfigError{.key = std::string(override.key->path), .message = std::move(*message)};
    }
  }
  return config;
}

}  // namespace lb::config
