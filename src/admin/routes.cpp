#include "admin/routes.hpp"

#include <array>
#include <memory>
#include <optional>

#include "admin/dashboard.hpp"
#include "admin/events.hpp"
#include "admin/metrics.hpp"
#include "admin/openapi.hpp"
#include "admin/operations.hpp"
#include "admin/status.hpp"
#include "admin/why.hpp"

namespace lb::admin {
namespace {

using http::Method;

net::Awaitable<Answer> healthz(Control&, const Request&) {
  co_return Answer{.body = "ok\n"};
}

net::Awaitable<Answer> readyz(Control& control, const Request&) {
  const std::string reason = control.not_ready();
  if (reason.empty()) co_return Answer{.body = "ok\n"};
  co_return Answer{.status = 503, .body = reason + "\n"};
}

net::Awaitable<Answer> status(Control& control, const Request&) {
  const std::shared_ptr<const Snapshot> now = control.shared_snapshot();
  co_return Answer{.content_type = kJson, .pieces = backends_pieces(server_json(*now), now)};
}

net::Awaitable<Answer> metrics(Control& control, const Request&) {
  co_return Answer{.content_type = kMetricsType, .pieces = metrics_pieces(control.shared_snapshot())};
}

net::Awaitable<Answer> openapi(Control&, const Request&) {
  co_return Answer{.content_type = kJson, .body = std::string(kOpenApi)};
}

constexpr std::array kRoutes = {
    Route{.path = "/", .guard = Guard::none, .answer = answer_dashboard},
    Route{.path = "/events", .stream = stream_events, .stream_type = "text/event-stream"},
    Route{.path = "/healthz", .guard = Guard::none, .answer = healthz},
    Route{.path = "/readyz", .guard = Guard::none, .answer = readyz},
    Route{.path = "/why/*", .answer = why},
    Route{.path = "/status", .answer = status},
    Route{.path = "/metrics", .answer = metrics},
    Route{.path = "/openapi.json", .answer = openapi},
    Route{.method = Method::post, .path = "/backends", .answer = add_backend},
    Route{.method = Method::post, .path = "/backends/remove", .answer = remove_backend},
    Route{.method = Method::post, .path = "/backends/drain", .answer = drain_backend},
    Route{.method = Method::post, .path = "/backends/disable", .answer = disable_backend},
    Route{.method = Method::post, .path = "/backends/enable", .answer = enable_backend},
    Route{.method = Method::post, .path = "/backends/weight", .answer = weigh_backend},
    Route{.method = Method::post, .path = "/check", .answer = check_backends},
    Route{.method = Method::post, .path = "/reload", .answer = reload},
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
