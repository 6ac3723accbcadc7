#include "admin/routes.hpp"

#include <array>
#include <optional>

#include "admin/why.hpp"

namespace lb::admin {
namespace {

using http::Method;

net::Awaitable<Answer> healthz(Control&, const Request&) {
  co_return Answer{.body = "ok\n", .fields = {}};
}

net::Awaitable<Answer> readyz(Control& control, const Request&) {
  const std::string reason = control.not_ready();
  if (reason.empty()) co_return Answer{.body = "ok\n", .fields = {}};
  co_return Answer{.status = 503, .body = reason + "\n", .fields = {}};
}

constexpr std::array kRoutes = {
    Route{.path = "/healthz", .guard = Guard::none, .answer = healthz},
    Route{.path = "/readyz", .guard = Guard::none, .answer = readyz},
    Route{.path = "/why/*", .answer = why},
};

// What of `path` the last segment of the pattern stands for; empty for a pattern without "*".
std::optional<std::string_view> match(std::string_view pattern, std::string_view path) {
  if (!pattern.ends_with("/*")) return path == pattern ? std::optional(std::string_view()) : std::nullopt;
  pattern.remove_suffix(1);
  if (!path.starts_with(pattern) || path.size() == pattern.size()) return std::nullopt;
  const std::string_view rest = path.substr(pattern.size());
  return rest.find('/') == std::string_view::npos ? std::optional(rest) : std::nullopt;
}

}  // namespace

std::span<const Route> routes() noexcept {
  return kRoutes;
}

Match find_route(Request& request) {
  Match found;
  const Method wanted = request.method == Method::head ? Method::get : request.method;
  for (const Route& route : routes()) {
    const auto rest = match(route.path, request.path);
    if (!rest) continue;
    if (route.method == wanted) {
      request.rest = *rest;
      return {&route, {}};
    }
    found.allow += (found.allow.empty() ? "" : ", ") + std::string(route.method == Method::get ? "GET, HEAD" : "POST");
  }
  return found;
}

}  // namespace lb::admin
