// The command line, and the configuration that it makes together with a file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/config_error.hpp"
#include "config/origins.hpp"

namespace lb::config {

struct KeySpec;

// A key of the file that a flag sets instead.
struct Override {
  const KeySpec* key;
  std::string flag;  // -port
  std::string text;  // checked already
};

struct CommandLine {
  bool check = false;
  bool print_config = false;
  bool print_schema = false;
  bool demo = false;
  bool watch = false;
  bool takeover = false;
  bool status = false;
  bool version = false;
  bool help = false;
  std::optional<std::string> config_file{};
  // In the order given; takes the place of every [[backends]] of the file.
  std::optional<std::vector<Backend>> backends{};
  std::vector<Override> overrides{};
  // Everything wrong with the flags. load_configuration() reports it together with the mistakes of the file, so that a
  // caller need look here only if it acts on the flags without loading.
  ConfigErrors errors{};
};

// Flags take one dash or two, and a value after a space or `=`. The program's name in argv[0] is skipped.
CommandLine parse_command_line(int argc, const char* const* argv);

// Defaults, then the file, then flags; or everything that is wrong with any of them. With -demo the list of backends is
// empty: whoever starts the built-in ones adds them. Reads the file again at each call, which is what a reload wants.
// `origins`, if not null, is told where each value that is not the default came from.
Checked<Config> load_configuration(const CommandLine& command_line, Origins* origins = nullptr);

// What -help prints: complete, with line breaks, at most 100 columns wide.
std::string help_text();

}  // namespace lb::config
