#include "admin/metrics.hpp"

#include <array>
#include <functional>
#include <vector>

#include "admin/exposition.hpp"

namespace lb::admin {
namespace {

using telemetry::BackendTotals;
using upstream::Administration;

constexpr std::array<std::string_view, telemetry::kStatusClasses> kClasses = {"other", "1xx", "2xx",
                                                                              "3xx",   "4xx", "5xx"};
// What a server and each of its backends take, roughly.
constexpr std::size_t kBytesOfServer = 8 * 1024;
constexpr std::size_t kBytesPerBackend = 14 * 1024;

template <class Enum, std::size_t N>
void samples_by_name(Exposition& out, const std::array<std::uint64_t, N>& counts, std::string_view labels,
                     std::string_view name, std::size_t first = 0) {
  for (std::size_t i = first; i < N; ++i) out.sample(counts[i], labels, name, to_string(static_cast<Enum>(i)));
}

void samples_by_class(Exposition& out, const std::array<std::uint64_t, telemetry::kStatusClasses>& counts,
                      std::string_view labels) {
  for (std::size_t i = 0; i < counts.size(); ++i) out.sample(counts[i], labels, "class", kClasses[i]);
}

void write_process(Exposition& out, const Snapshot& now) {
  out.family("build_info", "gauge", "1; the version stands in its label.");
  out.sample(1, label("version", LB_VERSION));
  out.family("start_time_seconds", "gauge", "When the process began, since 1970.");
  out.sample(now.started);
  out.family("workers", "gauge", "Worker threads.");
  out.sample(now.workers);
  out.family("config_reloads_total", "counter", "Readings of the configuration while it ran, by result.");
  out.sample(now.reload_successes, {}, "result", "success");
  out.sample(now.reload_failures, {}, "result", "failure");
  out.family("config_last_success_timestamp_seconds", "gauge", "When the configuration in force was read, since 1970.");
  out.sample(now.last_reload_success.value_or(now.started));
  out.family("access_log_lines_dropped_total", "counter", "Lines of the access log that nobody could take in time.");
  out.sample(now.access_log_dropped);
}

void write_clients(Exposition& out, const Snapshot& now) {
  const telemetry::ClientTotals& clients = now.clients;
  out.family("client_connections", "gauge", "Client connections that are open.");
  out.sample(now.connections);
  out.family("client_connections_limit", "gauge", "Client connections that may be open at once.");
  out.sample(now.connections_max);
  out.family("client_connections_accepted_total", "counter", "Client connections accepted to be served.");
  out.sample(clients.connections);
  out.family("client_connections_turned_away_total", "counter",
             "Client connections over the limit, answered with 503.");
  out.sample(clients.connections_turned_away);
  out.family("requests_total", "counter", "Requests that have ended.");
  out.sample(clients.requests);
  out.family("responses_total", "counter", "Answers to clients, the balancer's own included, by status class.");
  samples_by_class(out, clients.answers, {});
  out.family("requests_refused_total", "counter", "Requests that the balancer answered itself, by reason.");
  samples_by_name<telemetry::Refusal>(out, clients.refused, {}, "reason", 1);
  out.family("request_endings_total", "counter",
             "Who ended the exchange; complete: nobody, the client has its answer.");
  samples_by_name<telemetry::Ending>(out, clients.endings, {}, "by");
  out.family("request_duration_seconds", "histogram", "From a request's head to the end of its answer.");
  out.sample(clients.total);
  out.family("retries_total", "counter", "Further attempts, by how the attempt before them ended.");
  samples_by_name<telemetry::AttemptResult>(out, clients.retries, {}, "reason");
  out.family("retries_denied_total", "counter", "Retries that were not made, for the retry budget was spent.");
  out.sample(clients.retries_denied);
}

class Backends {
 public:
  Backends(Exposition& out, const Snapshot& now) : out_(out), backends_(now.backends) {
    for (const BackendSnapshot& backend : backends_) labels_.push_back(label("backend", backend.endpoint->url()));
  }

  // `write(backend, labels)` is called for each.
  template <class Write>
  void family(std::string_view name, std::string_view type, std::string_view help, Write write) {
    out_.family(name, type, help);
    for (std::size_t i = 0; i < backends_.size(); ++i) write(backends_[i], labels_[i]);
  }
  // One sample for each: the number that `value(backend)` is.
  template <class Value>
  void numbers(std::string_view name, std::string_view type, std::string_view help, Value value) {
    family(name, type, help, [&](const BackendSnapshot& backend, const std::string& labels) {
      out_.sample(static_cast<std::uint64_t>(value(backend)), labels);
    });
  }
  void histogram(std::string_view name, std::string_view help, telemetry::Distribution BackendTotals::* which) {
    family(name, "histogram", help, [&](const BackendSnapshot& backend, const std::string& labels) {
      out_.sample(backend.totals.*which, labels);
    });
  }

 private:
  Exposition& out_;
  const std::vector<BackendSnapshot>& backends_;
  std::vector<std::string> labels_;
};

void write_backend_states(Exposition& out, Backends& backends) {
  backends.numbers("backend_up", "gauge", "1 unless the backend is down.",
                   [](const BackendSnapshot& one) { return one.endpoint->is_up(); });
  backends.family("backend_administration", "gauge", "What the operator wants of the backend: 1 at that state.",
                  [&](const BackendSnapshot& one, const std::string& labels) {
                    const Administration is = one.endpoint->administration();
                    for (const Administration state :
                         {Administration::active, Administration::draining, Administration::disabled}) {
                      out.sample(is == state ? 1 : 0, labels, "state", to_string(state));
                    }
                  });
  backends.numbers("backend_state_changes_total", "counter", "Changes between up and down.",
                   [](const BackendSnapshot& one) { return one.endpoint->last_change().count; });
  backends.numbers("backend_weight", "gauge", "Share of the traffic relative to the others.",
                   [](const BackendSnapshot& one) { return one.weight; });
  backends.numbers("backend_connections_limit", "gauge", "Requests that it may serve at once; 0: no limit.",
                   [](const BackendSnapshot& one) { return one.connections_max; });
  backends.numbers("backend_in_flight", "gauge", "Attempts under way.",
                   [](const BackendSnapshot& one) { return one.totals.in_flight; });
}

void write_backend_counts(Exposition& out, Backends& backends) {
  backends.family("backend_attempts_total", "counter", "Attempts that have ended, by result.",
                  [&](const BackendSnapshot& one, const std::string& labels) {
                    samples_by_name<telemetry::AttemptResult>(out, one.totals.results, labels, "result");
                  });
  backends.family("backend_responses_total", "counter", "Answers of the backend that went to clients, by status class.",
                  [&](const BackendSnapshot& one, const std::string& labels) {
                    samples_by_class(out, one.totals.answers, labels);
                  });
  backends.family("backend_connections_total", "counter",
                  "Connections that attempts used: reused ones came from the pool, opened ones were made.",
                  [&](const BackendSnapshot& one, const std::string& labels) {
                    out.sample(one.totals.connections_reused, labels, "kind", "reused");
                    out.sample(one.totals.connections_opened, labels, "kind", "opened");
                  });
  backends.numbers("backend_request_body_bytes_total", "counter", "Bytes of request bodies sent to the backend.",
                   [](const BackendSnapshot& one) { return one.totals.request_body_bytes; });
  backends.numbers("backend_response_body_bytes_total", "counter", "Bytes of the bodies of its answers.",
                   [](const BackendSnapshot& one) { return one.totals.response_body_bytes; });
  backends.histogram("backend_connect_duration_seconds", "Connecting to the backend, without the name lookup.",
                     &BackendTotals::connect);
  backends.histogram("backend_first_byte_duration_seconds",
                     "From the beginning of an attempt to the head of its answer.", &BackendTotals::first_byte);
  backends.histogram("backend_attempt_duration_seconds",
                     "From the beginning of an attempt to the last byte of its answer.", &BackendTotals::total);
}

}  // namespace

std::string metrics_text(const Snapshot& snapshot) {
  Exposition out(kBytesOfServer + snapshot.backends.size() * kBytesPerBackend);
  write_process(out, snapshot);
  write_clients(out, snapshot);
  Backends backends(out, snapshot);
  write_backend_states(out, backends);
  write_backend_counts(out, backends);
  return out.take();
}

}  // namespace lb::admin
