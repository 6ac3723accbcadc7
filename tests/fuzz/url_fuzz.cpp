// Backend URLs: any bytes give a backend whose canonical form reads back as itself, or a problem.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/url.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = lb::config::parse_backend_url({reinterpret_cast<const char*>(data), size});
  if (!parsed.backend) {
    if (parsed.problem.empty()) std::abort();
    return 0;
  }
  const auto again = lb::config::parse_backend_url(parsed.backend->url);
  if (!again.backend || again.backend->url != parsed.backend->url || again.backend->port != parsed.backend->port)
    std::abort();
  return 0;
}
