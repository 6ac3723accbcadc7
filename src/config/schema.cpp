#include "config/schema.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "config/schema_rows.hpp"
#include "config/status_ranges.hpp"
#include "config/url.hpp"

namespace lb::config {
namespace {

constexpr std::uint64_t kSecond = 1'000;
constexpr std::uint64_t kMinute = 60 * kSecond;
constexpr std::uint64_t kHour = 60 * kMinute;
constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::size_t kTextBytesMax = 1024;

constexpr std::array<std::string_view, 2> kChecks = {"tcp", "http"};
constexpr std::array<std::string_view, 3> kRequestIds = {"off", "backend", "both"};
constexpr std::array<std::string_view, 3> kAccessLogs = {"off", "text", "json"};
constexpr std::array<std::string_view, 6> kLogLevels = {"trace", "debug", "info", "warning", "error", "off"};

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
constexpr std::string_view kUrlPattern = R"(^([Hh][Tt][Tt][Pp]://)?(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(:[0-9]+)?/?$)";

// One URL fills three fields; the weight stays, the keys of a table have no order.
void set_backend_url(Config& config, const Value& value) {
  const UrlOutcome outcome = parse_backend_url(std::get<std::string>(value));
  if (outcome.backend) {
    Backend& backend = config.backends.back();
    backend.url = outcome.backend->url;
    backend.host = outcome.backend->host;
    backend.port = outcome.backend->port;
  }
}

constexpr Range kTimeout{1, 24 * kHour};

void add_server_keys(std::vector<KeySpec>& keys) {
  constexpr auto kAddress = [](auto& c) -> auto& { return c.server.address; };
  keys.push_back(
      {.path = "server.address",
       .format = R"(an IPv4 or IPv6 address, such as "::", "0.0.0.0" or "127.0.0.1")",
       .problem = address_problem,
       .pattern = kAddressPattern,
       .help = "Where to listen: :: is every address, IPv4 included; name one address to be reached only there.",
       .get = get_field<kAddress>,
       .set = set_field<kAddress>});
  keys.push_back(count<[](auto& c) -> auto& { return c.server.port; }>(
      "server.port", {0, 65'535, "any free port"},
      "The port to listen on; 0 takes a free one and the first log line names it, which suits tests."));
  keys.push_back(count<[](auto& c) -> auto& { return c.server.threads; }>(
      "server.threads", {0, 1024, "one per processor"},
      "Worker threads; set it where the balancer shares the machine or a container is limited to fewer processors."));
  keys.push_back(choice<[](auto& c) -> auto& {
    return c.server.request_ids;
  }>("server.request_ids", kRequestIds,
     "Who is told the X-Request-Id of a request that came without one: both adds it to every answer, off to nothing; a "
     "client's own is always passed on."));
}

void add_timeout_keys(std::vector<KeySpec>& keys) {
  keys.push_back(duration<[](auto& c) -> auto& { return c.server.timeouts.header; }>(
      "server.timeouts.header", kTimeout,
      "From the first byte of a request head to its last; lower it against clients that trickle, raise it for very "
      "slow links."));
  keys.push_back(duration<[](auto& c) -> auto& { return c.server.timeouts.body_idle; }>(
      "server.timeouts.body_idle", kTimeout,
      "Between two reads of a request body; raise it for clients that pause in the middle of an upload."));
  keys.push_back(duration<[](auto& c) -> auto& {
    return c.server.timeouts.write_idle;
  }>("server.timeouts.write_idle", kTimeout,
     "Between two successful writes, to a client or a backend; raise it for receivers that stop reading for a while."));
  keys.push_back(duration<[](auto& c) -> auto& { return c.server.timeouts.keep_alive_idle; }>(
      "server.timeouts.keep_alive_idle", kTimeout,
      "How long a client connection may stay open without a request; lower it when idle connections use too much "
      "memory."));
  keys.push_back(duration<[](auto& c) -> auto& {
    return c.server.timeouts.connect;
  }>("server.timeouts.connect", kTimeout,
     "Name lookup and TCP connect to a backend; raise it for backends far away, lower it to try the next one sooner."));
  keys.push_back(duration<[](auto& c) -> auto& { return c.server.timeouts.first_response_byte; }>(
      "server.timeouts.first_response_byte", kTimeout,
      "From the request written to the first byte of the answer; raise it for requests that compute longer, such as "
      "reports."));
  keys.push_back(duration<[](auto& c) -> auto& { return c.server.timeouts.response_idle; }>(
      "server.timeouts.response_idle", kTimeout,
      "Between two reads of an answer; raise it for event streams and long polls that are silent for longer."));
  keys.push_back(duration<[](auto& c) -> auto& { return c.server.timeouts.tunnel_idle; }>(
      "server.timeouts.tunnel_idle", kTimeout,
      "How long an upgraded connection (WebSocket) may carry no byte either way; raise it for ones without pings."));
  keys.push_back(duration<[](auto& c) -> auto& { return c.server.timeouts.queue; }>(
      "server.timeouts.queue", kTimeout,
      "How long a request waits for a backend below its connections_max before it is answered with 503; lower it to "
      "fail sooner."));
}

void add_limit_keys(std::vector<KeySpec>& keys) {
  keys.push_back(size<[](auto& c) -> auto& { return c.server.limits.header_bytes; }>(
      "server.limits.header_bytes", {kKiB, kMiB},
      "The longest head of a request or an answer; raise it for large cookies, knowing that every connection may use "
      "as much."));
  keys.push_back(count<[](auto& c) -> auto& { return c.server.limits.header_count; }>(
      "server.limits.header_count", {1, 1000},
      "The most fields in one head; raise it for clients that send very many."));
  keys.push_back(size<[](auto& c) -> auto& { return c.server.limits.body_bytes; }>(
      "server.limits.body_bytes", {0, kUnbounded, "no limit"},
      "The longest request body; set it to what your largest upload needs to refuse anything longer with 413."));
  keys.push_back(count<[](auto& c) -> auto& { return c.server.limits.connections; }>(
      "server.limits.connections", {1, 1'000'000},
      "Client connections at once; never more than three quarters of the open files allowed (ulimit -n) are taken, for "
      "backends need theirs."));
  keys.push_back(count<[](auto& c) -> auto& { return c.server.limits.queue; }>(
      "server.limits.queue", {0, 100'000, "nobody waits"},
      "Requests per worker thread that may wait for a backend below its connections_max; others are answered with "
      "503."));
}

void add_backend_keys(std::vector<KeySpec>& keys) {
  constexpr auto kUrl = [](auto& c) -> auto& { return c.backends.back().url; };
  keys.push_back({.path = "backends.url",
                  .format = "http://host[:port]",
                  .problem = url_problem,
                  .shown = without_userinfo,
                  .wrong_part = wrong_part_of_url,
                  .pattern = kUrlPattern,
                  .required = true,
                  .help = "Where the backend listens: a name, an IPv4 or [IPv6] address, and a port unless it is 80.",
                  .get = get_field<kUrl>,
                  .set = set_backend_url});
  keys.push_back(count<[](auto& c) -> auto& { return c.backends.back().weight; }>(
      "backends.weight", {1, 256}, "Its share of the traffic relative to the others; raise it for a larger machine."));
  keys.push_back(count<[](auto& c) -> auto& { return c.backends.back().connections_max; }>(
      "backends.connections_max", {0, 1'000'000, "no limit"},
      "Requests that it serves at once; set it where more would only slow it down, and further ones go to other "
      "backends or wait."));
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

void add_log_keys(std::vector<KeySpec>& keys) {
  keys.push_back(choice<[](auto& c) -> auto& { return c.log_level; }>(
      "log.level", kLogLevels,
      "The least severe message that is logged; debug and trace show single requests and cost speed."));
  keys.push_back(choice<[](auto& c) -> auto& { return c.access_log; }>(
      "log.access", kAccessLogs,
      "The access log, a line for each request: text is the Combined format that log tools read, json has all that is "
      "known."));
  keys.push_back(text<[](auto& c) -> auto& { return c.access_log_file; }>(
      "log.access_file", R"(the path of a file, or "" for standard output)", file_problem, kFilePattern,
      "Where the access log goes; name a file where nobody collects standard output. SIGUSR1 begins a new one."));
}

std::vector<KeySpec> make_keys() {
  std::vector<KeySpec> keys;
  add_server_keys(keys);
  add_timeout_keys(keys);
  add_limit_keys(keys);
  keys.push_back(duration<[](auto& c) -> auto& { return c.shutdown_grace; }>(
      "shutdown.grace", {0, kHour},
      "How long requests in flight may take to end after SIGTERM; keep it below what your supervisor waits before it "
      "kills."));
  add_backend_keys(keys);
  add_retry_keys(keys);
  add_health_keys(keys);
  add_pool_keys(keys);
  add_resolver_keys(keys);
  add_admin_keys(keys);
  add_log_keys(keys);
  return keys;
}

std::vector<std::string_view> make_sections() {
  std::vector<std::string_view> sections;
  for (const KeySpec& key : all_keys()) {
    if (sections.empty() || sections.back() != key.section()) {
      sections.push_back(key.section());
    }
  }
  return sections;
}

}  // namespace

std::string_view KeySpec::section() const {
  return path.substr(0, path.rfind('.'));
}
std::string_view KeySpec::name() const {
  return path.substr(path.rfind('.') + 1);
}

std::span<const KeySpec> all_keys() {
  static const std::vector<KeySpec> keys = make_keys();
  return keys;
}

std::span<const std::string_view> all_sections() {
  static const std::vector<std::string_view> sections = make_sections();
  return sections;
}

const KeySpec* find_key(std::string_view path) {
  for (const KeySpec& key : all_keys()) {
    if (key.path == path) {
      return &key;
    }
  }
  return nullptr;
}

}  // namespace lb::config
