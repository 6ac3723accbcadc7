// The rows of [server], [shutdown] and [log]: the process, and its clients.
#include <array>
#include <charconv>

#include "config/schema_rows.hpp"
#include "config/url.hpp"

namespace lb::config {
namespace {

constexpr std::uint64_t kHour = 3'600'000;
constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;

constexpr std::array<std::string_view, 3> kRequestIds = {"off", "backend", "both"};
constexpr std::array<std::string_view, 3> kAccessLogs = {"off", "text", "json"};
constexpr std::array<std::string_view, 6> kLogLevels = {"trace", "debug", "info", "warning", "error", "off"};

constexpr std::uint64_t kTrustedMax = 10'000;

// 10.0.0.0/8, 2001:db8::/32, or one address.
std::string network_problem(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  if (!is_ip_address(address) || address.find('%') != std::string_view::npos) return "is not an address or a network";
  if (slash == std::string_view::npos) return "";
  unsigned bits = 0;
  const std::string_view length = text.substr(slash + 1);
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
  const unsigned most = address.find(':') == std::string_view::npos ? 32 : 128;
  const bool good = error == std::errc{} && end == length.data() + length.size() && bits <= most;
  return good ? "" : "has no number of bits from 0 to " + std::to_string(most) + " behind its /";
}

Value get_trusted(const Config& config) {
  std::string out;
  for (const std::string& one : config.server.trusted_proxies) out += (out.empty() ? "" : ", ") + one;
  return out;
}

void set_trusted(Config& config, const Value& value) {
  config.server.trusted_proxies = items_of(std::get<std::string>(value));
}

constexpr Range kTimeout{1, 24 * kHour};

void add_listening_keys(std::vector<KeySpec>& keys) {
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
  keys.push_back({.path = "server.trusted_proxies",
                  .type = KeyType::kList,
                  .max = kTrustedMax,
                  .format = R"(addresses and networks such as ["10.0.0.0/8", "::1"], or [] for none)",
                  .problem = network_problem,
                  .pattern = R"(^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$)",
                  .help = "Whose PROXY header and X-Forwarded-For are believed when they say who the client is; name "
                          "the proxies in front of this one, and nobody else.",
                  .get = get_trusted,
                  .set = set_trusted});
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
  keys.push_back(duration<[](auto& c) -> auto& { return c.server.timeouts.connect; }>(
      "server.timeouts.connect", kTimeout,
      "TCP connect to a backend; raise it for backends far away, lower it to try the next one sooner."));
  keys.push_back(duration<[](auto& c) -> auto& { return c.server.timeouts.first_response_byte; }>(
      "server.timeouts.first_response_byte", kTimeout,
      "From the request written to the whole head of the answer; raise it for requests that compute longer, such as "
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

}  // namespace

void add_server_keys(std::vector<KeySpec>& keys) {
  add_listening_keys(keys);
  add_timeout_keys(keys);
  add_limit_keys(keys);
  keys.push_back(duration<[](auto& c) -> auto& { return c.shutdown_grace; }>(
      "shutdown.grace", {0, kHour},
      "How long requests in flight may take to end after SIGTERM; keep it below what your supervisor waits before it "
      "kills."));
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

}  // namespace lb::config
