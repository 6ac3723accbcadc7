// Configuration files: any bytes give errors that can be printed, or a configuration that is printed as a file that
// says the same.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/explain.hpp"
#include "config/load.hpp"
#include "config/print_config.hpp"

namespace {

using namespace lb::config;  // NOLINT(google-build-using-namespace): what this file is about

void require(bool condition) {
  if (!condition) std::abort();
}

// On one line each in the log, and on three at a terminal.
void check_errors(const ConfigErrors& errors) {
  require(!errors.empty() && errors.size() <= kErrorsMax + 1);
  for (const ConfigError& error : errors) {
    require(render(error).find('\n') == std::string::npos);
    require(error.excerpt.text.size() <= 1000);
  }
  const std::string text = explain(errors, Colour::off);
  require(std::ranges::count(text, '\n') <= static_cast<std::ptrdiff_t>(3 * errors.size()));
  require(std::ranges::none_of(text, [](char c) { return (c >= 0 && c < 0x20 && c != '\n') || c == 0x7F; }));
}

void check_round_trip(const Config& config) {
  const std::string printed = print_config(config, {});
  const auto again = load_text(printed, "printed.toml");
  require(again.has_value());
  require(print_config(again.value(), {}) == printed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Origins origins;
  const auto loaded = load_text({reinterpret_cast<const char*>(data), size}, "fuzz.toml", &origins);
  if (loaded) {
    check_round_trip(loaded.value());
  } else {
    check_errors(loaded.errors());
  }
  return 0;
}
