// Configuration files: any bytes give a configuration or errors that can be printed on one line each.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/load.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto loaded = lb::config::load_text({reinterpret_cast<const char*>(data), size}, "fuzz.toml");
  if (!loaded && loaded.errors().empty()) std::abort();
  for (const auto& error : loaded.errors()) {
    if (lb::config::render(error).find('\n') != std::string::npos) std::abort();
  }
  return 0;
}
