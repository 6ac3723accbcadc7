// The configuration as plain data: what the user asked for, after defaults, file and flags were merged and checked.
// Nothing here is live state; health and counters live elsewhere and survive a reload.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lb::config {

using Duration = std::chrono::milliseconds;

// Each clock of an exchange has its own name; config/load-balancer.toml says when to change one.
struct Timeouts {
  Duration header{10'000};               // first byte of a request head to its last
  Duration body_idle{30'000};            // between two reads of a request body
  Duration write_idle{30'000};           // between two successful writes, to client and backend alike
  Duration keep_alive_idle{60'000};      // client connection without a request
  Duration connect{3'000};               // TCP connect to a backend
  Duration first_response_byte{60'000};  // request written to the whole head of the answer
  Duration response_idle{60'000};        // between two reads of an answer
  Duration tunnel_idle{3'600'000};       // an upgraded connection without a byte either way
  Duration queue{5'000};                 // a request that waits for a backend with room
};

struct Limits {
  std::size_t header_bytes = 32 * 1024;  // request line and fields; the same bound holds for an answer's head
  std::size_t header_count = 128;        // fields in one head
  std::uint64_t body_bytes = 0;          // request body; 0: no limit
  std::size_t connections = 100'000;     // client connections at once
  std::size_t queue = 1'000;             // requests of one worker that wait for a backend with room
};

struct Server {
  std::string address = "::";
  std::uint16_t port = 3030;  // 0: any free port, named in the first log line
  unsigned threads = 0;       // 0: one per processor
  // Whom the id is told that a request gets if its client gave it none: off, backend, both (the client, too).
  std::string request_ids = "backend";
  std::vector<std::string> trusted_proxies;  // addresses and networks
  Timeouts timeouts;
  Limits limits;
};

struct Listener {
  std::string address = "::";
  std::uint16_t port = 0;  // 0: any free port
  bool tls = false;
  bool http2 = false;
  std::string proxy_protocol = "off";  // off, accept, require
};

// Two files: a certificate with its chain, and its key.
struct Certificate {
  std::string certificate;
  std::string key;
};

struct Acme {
  std::vector<std::string> domains;  // none: off
  std::string email;
  std::string directory = "https://acme-v02.api.letsencrypt.org/directory";
  std::string ca;  // whom to believe the directory; empty: the system's store
  std::string storage = "acme";
};

// Towards clients.
struct Tls {
  std::string min_version = "1.2";          // or 1.3
  std::string client_certificates = "off";  // off, optional, require
  std::string client_ca;
};

// Towards backends.
struct BackendTls {
  bool verify = true;
  std::string ca;           // empty: the system's store
  std::string server_name;  // empty: the URL's host
  std::string certificate;  // for those that ask
  std::string key;
};

struct Backend {
  std::string url;   // canonical: http://host:port or https://host:port, as log lines show it
  std::string host;  // name, IPv4, or IPv6 without brackets
  std::uint16_t port = 80;
  bool tls = false;
  unsigned weight = 1;
  std::uint32_t connections_max = 0;  // exchanges at once; 0: no limit
  bool backup = false;                // only for when none of the others is up
};

struct Balance {
  std::string policy = "round-robin";
  std::string hash_on = "client";  // for consistent-hash
  std::string sticky_cookie;       // a name; empty: none
  std::string sticky_secret;       // what signs it; empty: drawn at start
  Duration slow_start{0};          // how long one that comes (back) takes to its full share
  Duration stall{1'000};           // one that has owed every answer for so long gets no more; 0: off
};

struct Outliers {
  unsigned failure_percent = 0;   // of a backend's answers; 0: failures are not looked at
  unsigned latency_percent = 0;   // of the median of all; 0: latency is not looked at
  Duration window{10'000};        // that is judged
  unsigned requests = 20;         // in it, for a backend to be judged
  unsigned ejected_percent = 30;  // of the backends, at once; 0: weight is taken away, and nobody is ejected
  Duration ejection{30'000};      // the first time; longer each time that follows
};

struct Retry {
  unsigned attempts = 3;               // forwarded exchanges per request, the first included
  std::size_t body_bytes = 64 * 1024;  // of a request body kept for another attempt
  unsigned budget_percent = 50;        // retries, as a share of the requests; 0: any number
};

struct Health {
  Duration interval{120'000};
  Duration down_interval{0};  // of backends that are down; 0: the same
  Duration timeout{2'000};
  unsigned jitter_percent = 5;  // of the interval, earlier or later
  unsigned failures = 3;        // consecutive failed attempts that mark a backend down
  unsigned rise = 1;            // consecutive passed checks that bring one back
  unsigned fall = 1;            // consecutive failed checks that mark one down
  std::string check = "tcp";    // or "http", and then:
  std::string method = "GET";
  std::string path = "/";
  std::string host;  // empty: the backend's own
  std::string status = "200-399";
  std::string body;  // text that has to be in the answer's body; empty: any
};

struct Pool {
  std::size_t idle_connections = 64;  // kept per backend and worker thread
  Duration idle_timeout{4'000};       // below the 5 s after which common servers close theirs
};

struct Resolver {
  std::vector<std::string> servers;  // "127.0.0.1:53", "[::1]:53"; none: the system's
  Duration timeout{2'000};           // how long one of them is waited for
  unsigned attempts = 2;             // how often each is asked
};

struct Admin {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: there is no admin interface
  std::string token;       // that requests have to show; empty: none, which only loopback allows
  std::string token_file;  // that the token was read from; empty: it was not
};

struct Config {
  std::string folder;                  // of the file, with its final slash; empty: the current one
  std::string proxy_protocol = "off";  // towards backends: off, v1, v2
  Server server;
  std::vector<Listener> listeners;  // none: a plain one at server.address, server.port
  std::vector<Certificate> certificates;
  Tls tls;
  Acme acme;
  Duration shutdown_grace{30'000};
  std::vector<Backend> backends;
  BackendTls backend_tls;
  Balance balance;
  Outliers outliers;
  Retry retry;
  Health health;
  Pool pool;
  Resolver resolver;
  Admin admin;
  std::string log_level = "info";  // trace, debug, info, warning, error, off
  std::string access_log = "off";  // off, text, json
  std::string access_log_file;     // empty: standard output
};

// What the configuration names by a path: a relative one is meant from the folder of its file.
[[nodiscard]] inline std::string resolved(const Config& config, const std::string& path) {
  return path.empty() || path.starts_with('/') ? path : config.folder + path;
}

}  // namespace lb::config
