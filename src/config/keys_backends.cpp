// The rows of [[backends]], [retry], [health] and [pool]: the backends, and how they are asked.
#include <algorithm>
#include <array>

#include "config/schema_rows.hpp"
#include "config/status_ranges.hpp"
#include "config/url.hpp"

namespace lb::config {
namespace {

constexpr std::uint64_t kMinute = 60'000;
constexpr std::uint64_t kHour = 60 * kMinute;
constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr std::size_t kTextBytesMax = 1024;

constexpr std::array<std::string_view, 2> kChecks = {"tcp", "http"};

std::string method_problem(std::string_view text) {
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  const bool method = !text.empty() && text.size() <= 20 && std::ranges::all_of(text, is_upper);
  return method && text != "CONNECT" ? "" : "is not a method";
}
std::string path_problem(std::string_view text) {
  const auto is_visible = [](char c) { return c > 0x20 && c < 0x7f && c != '#'; };
  return text.starts_with('/') && std::ranges::all_of(text, is_visible) ? "" : "is not a path";
}
std::string host_problem(std::string_view text) {
  if (text.empty()) return "";
  const UrlOutcome outcome = parse_backend_url("http://" + std::string(text));
  return outcome.backend && text.find('/') == std::string_view::npos ? "" : "is not a host";
}
std::string status_problem(std::string_view text) {
  return parse_status_ranges(text) ? "" : "is not a list of status codes";
}
std::string any_text(std::string_view text) {
  return text.size() <= kTextBytesMax ? "" : "is too long";
}
std::string url_problem(std::string_view text) {
  return parse_backend_url(text).problem;
}
std::string_view wrong_part_of_url(std::string_view text) {
  return parse_backend_url(text).where;
}

// Wider than the checks above, for JSON Schema: editors have only these.
constexpr std::string_view kMethodPattern = "^[A-Z]{1,20}$";
constexpr std::string_view kPathPattern = R"(^/[!"$-~]*$)";
constexpr std::string_view kHostPattern = R"(^((\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(:[0-9]+)?)?$)";
constexpr std::string_view kStatusPattern =
    "^[ \\t]*[1-5][0-9]{2}(-[1-5][0-9]{2})?[ \\t]*(,[ \\t]*[1-5][0-9]{2}(-[1-5][0-9]{2})?[ \\t]*)*$";
constexpr std::string_view kUrlPattern =
    R"(^([Hh][Tt][Tt][Pp][Ss]?://)?(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(:[0-9]+)?/?$)";

// One URL fills three fields; the weight stays, the keys of a table have no order.
void set_backend_url(Config& config, const Value& value) {
  const UrlOutcome outcome = parse_backend_url(std::get<std::string>(value));
  if (outcome.backend) {
    Backend& backend = config.backends.back();
    backend.url = outcome.backend->url;
    backend.host = outcome.backend->host;
    backend.port = outcome.backend->port;
    backend.tls = outcome.backend->tls;
  }
}

}  // namespace

void add_backend_keys(std::vector<KeySpec>& keys) {
  constexpr auto kUrl = [](auto& c) -> auto& { return c.backends.back().url; };
  keys.push_back(
      {.path = "backends.url",
       .format = "http://host[:port]",
       .problem = url_problem,
       .shown = without_userinfo,
       .wrong_part = wrong_part_of_url,
       .pattern = kUrlPattern,
       .required = true,
       .help =
           "Where the backend listens: a name, an IPv4 or [IPv6] address, and a port unless it is 80, or 443 of https.",
       .get = get_field<kUrl>,
       .set = set_backend_url});
  keys.push_back(count<[](auto& c) -> auto& { return c.backends.back().weight; }>(
      "backends.weight", {1, 256}, "Its share of the traffic relative to the others; raise it for a larger machine."));
  keys.push_back(count<[](auto& c) -> auto& { return c.backends.back().connections_max; }>(
      "backends.connections_max", {0, 1'000'000, "no limit"},
      "Requests that it serves at once; set it where more would only slow it down, and further ones go to other "
      "backends or wait."));
  keys.push_back(boolean<[](auto& c) -> auto& { return c.backends.back().backup; }>(
      "backends.backup", "Only for when none of the others is up; set it for a spare machine or an apology page."));
}

void add_retry_keys(std::vector<KeySpec>& keys) {
  keys.push_back(count<[](auto& c) -> auto& { return c.retry.attempts; }>(
      "retry.attempts", {1, 10},
      "Forwarded exchanges per request, the first included; 1 turns retries off, more help only with more backends."));
  keys.push_back(size<[](auto& c) -> auto& { return c.retry.body_bytes; }>(
      "retry.body_bytes", {0, 16 * kMiB, "requests with a body are not repeated"},
      "How much of a request body is kept for another attempt; raise it if larger uploads should survive a failing "
      "backend."));
  keys.push_back(count<[](auto& c) -> auto& { return c.retry.budget_percent; }>(
      "retry.budget_percent", {0, 100, "no budget"},
      "Retries per 100 requests, beyond a reserve of 1000; lower it to protect backends that fail under load."));
}

void add_health_keys(std::vector<KeySpec>& keys) {
  keys.push_back(duration<[](auto& c) -> auto& { return c.health.interval; }>(
      "health.interval", {100, 24 * kHour},
      "Between two checks of every backend; lower it to have a recovered backend back sooner."));
  keys.push_back(duration<[](auto& c) -> auto& { return c.health.down_interval; }>(
      "health.down_interval", {0, 24 * kHour, "the same as interval"},
      "Between two checks of a backend that is down; lower it to have that back sooner without checking all more "
      "often."));
  keys.push_back(duration<[](auto& c) -> auto& { return c.health.timeout; }>(
      "health.timeout", {10, kMinute}, "How long one check may take; raise it for backends far away."));
  keys.push_back(count<[](auto& c) -> auto& { return c.health.failures; }>(
      "health.failures", {1, 100},
      "Consecutive failed attempts that mark a backend down; raise it if single failures are normal for yours."));
  keys.push_back(count<[](auto& c) -> auto& { return c.health.rise; }>(
      "health.rise", {1, 100}, "Consecutive passed checks that bring a backend back; raise it for one that flaps."));
  keys.push_back(count<[](auto& c) -> auto& { return c.health.fall; }>(
      "health.fall", {1, 100}, "Consecutive failed checks that mark a backend down; raise it if single checks fail."));
  keys.push_back(count<[](auto& c) -> auto& { return c.health.jitter_percent; }>(
      "health.jitter_percent", {0, 50},
      "How much earlier or later than the interval a round of checks may come; 0 suits tests."));
  keys.push_back(choice<[](auto& c) -> auto& { return c.health.check; }>(
      "health.check", kChecks,
      "What a check is: a TCP connection, or an HTTP request on it; choose http where a backend that accepts "
      "connections may still be unable to answer."));
  keys.push_back(text<[](auto& c) -> auto& { return c.health.method; }>(
      "health.method", "a method such as GET or HEAD", method_problem, kMethodPattern, "The method of HTTP checks."));
  keys.push_back(text<[](auto& c) -> auto& { return c.health.path; }>(
      "health.path", R"(a path such as "/healthz")", path_problem, kPathPattern,
      "The path of HTTP checks; point it at a page that tells whether the backend can work."));
  keys.push_back(text<[](auto& c) -> auto& { return c.health.host; }>(
      "health.host", R"(a host such as "example.org", or "" for the backend's own)", host_problem, kHostPattern,
      "The Host field of HTTP checks; set it where a backend serves several sites."));
  keys.push_back(text<[](auto& c) -> auto& { return c.health.status; }>(
      "health.status", R"(status codes and ranges such as "200" or "200-299,304")", status_problem, kStatusPattern,
      "The status codes that pass an HTTP check."));
  KeySpec body = text<[](auto& c) -> auto& { return c.health.body; }>(
      "health.body", "a text of at most 1024 bytes", any_text, "",
      "A text that the first 64 KiB of the answer's body must hold to pass an HTTP check; empty: any body passes.");
  body.max = kTextBytesMax;
  keys.push_back(body);
}

void add_pool_keys(std::vector<KeySpec>& keys) {
  keys.push_back(count<[](auto& c) -> auto& { return c.pool.idle_connections; }>(
      "pool.idle_connections", {0, 10'000, "a new connection for each request"},
      "Idle connections kept per backend and worker thread; raise it when many new connections to backends are "
      "opened."));
  keys.push_back(duration<[](auto& c) -> auto& { return c.pool.idle_timeout; }>(
      "pool.idle_timeout", {1, kHour},
      "How long an idle connection to a backend is kept; keep it below the time after which the backend closes its "
      "own."));
}

}  // namespace lb::config
