#include "admin/metrics.hpp"

#include <array>
#include <utility>
#include <vector>

#include "admin/exposition.hpp"
#include "admin/limits.hpp"

namespace lb::admin {
namespace {

using telemetry::BackendTotals;
using upstream::Administration;

constexpr std::array<std::string_view, telemetry::kStatusClasses> kClasses = {"other", "1xx", "2xx",
                                                                              "3xx",   "4xx", "5xx"};

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
  out.family("client_tls_handshakes_total", "counter", "TLS handshakes of clients, by how they ended.");
  out.sample(clients.tls_handshakes - clients.tls_resumptions, {}, "result", "full");
  out.sample(clients.tls_resumptions, {}, "result", "resumed");
  out.sample(clients.tls_handshakes_failed, {}, "result", "failed");
  out.family("client_proxy_headers_refused_total", "counter",
             "Client connections whose PROXY header was missing, malformed, or of a peer that is not trusted.");
  out.sample(clients.proxy_headers_refused);
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

void write_certificates(Exposition& out, const Snapshot& now) {
  out.family("certificate_expiry_seconds", "gauge", "When each certificate ends, since 1970.");
  for (const CertificateSnapshot& one : now.certificates) {
    const std::string labels = label("certificate", one.path) + "," + label("name", one.name);
    out.sample(static_cast<std::uint64_t>(std::max<std::int64_t>(one.not_after, 0)), labels);
  }
}

void write_automatic(Exposition& out, const Snapshot& now) {
  out.family("acme_certificate", "gauge", "Domains whose certificate gets itself, by how that stands.");
  for (const AutomaticSnapshot& one : now.automatic) out.sample(1, label("domain", one.domain), "state", one.state);
  out.family("acme_next_try_seconds", "gauge", "When the authority is asked for each domain next, since 1970.");
  for (const AutomaticSnapshot& one : now.automatic) {
    out.sample(static_cast<std::uint64_t>(std::max<std::int64_t>(one.next_try, 0)), label("domain", one.domain));
  }
}

// A family of samples of each backend.
struct Family {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  void (*write)(Exposition& out, const BackendSnapshot& backend, std::string_view labels);
};

// One sample: the number that `Value` makes of the backend.
template <auto Value>
void number(Exposition& out, const BackendSnapshot& backend, std::string_view labels) {
  out.sample(static_cast<std::uint64_t>(Value(backend)), labels);
}

template <telemetry::Distribution BackendTotals::* Which>
void histogram(Exposition& out, const BackendSnapshot& backend, std::string_view labels) {
  out.sample(backend.totals.*Which, labels);
}

void write_administration(Exposition& out, const BackendSnapshot& backend, std::string_view labels) {
  const Administration is = backend.endpoint->administration();
  for (const Administration state : {Administration::active, Administration::draining, Administration::disabled}) {
    out.sample(is == state ? 1 : 0, labels, "state", to_string(state));
  }
}

void write_suspension(Exposition& out, const BackendSnapshot& backend, std::string_view labels) {
  using upstream::Suspension;
  for (const Suspension why : {Suspension::stalled, Suspension::ejected}) {
    out.sample(backend.endpoint->suspension() == why ? 1 : 0, labels, "reason", to_string(why));
  }
}

void write_suspensions(Exposition& out, const BackendSnapshot& backend, std::string_view labels) {
  out.sample(backend.endpoint->stalls(), labels, "reason", to_string(upstream::Suspension::stalled));
  out.sample(backend.endpoint->ejections(), labels, "reason", to_string(upstream::Suspension::ejected));
}

void write_attempts(Exposition& out, const BackendSnapshot& backend, std::string_view labels) {
  samples_by_name<telemetry::AttemptResult>(out, backend.totals.results, labels, "result");
}

void write_answers(Exposition& out, const BackendSnapshot& backend, std::string_view labels) {
  samples_by_class(out, backend.totals.answers, labels);
}

void write_connections(Exposition& out, const BackendSnapshot& backend, std::string_view labels) {
  out.sample(backend.totals.connections_reused, labels, "kind", "reused");
  out.sample(backend.totals.connections_opened, labels, "kind", "opened");
}

using One = BackendSnapshot;
constexpr std::array kFamilies = {
    Family{"backend_up", "gauge", "1 unless the backend is down.",
           number<[](const One& one) { return one.endpoint->is_up(); }>},
    Family{"backend_administration", "gauge", "What the operator wants of the backend: 1 at that state.",
           write_administration},
    Family{"backend_state_changes_total", "counter", "Changes between up and down.",
           number<[](const One& one) { return one.endpoint->last_change().count; }>},
    Family{"backend_suspended", "gauge", "1 while the backend is up and yet gets no requests, by reason.",
           write_suspension},
    Family{"backend_suspensions_total", "counter", "How often that began, by reason.", write_suspensions},
    Family{"backend_backup", "gauge", "1 if the backend is for when none of the others is up.",
           number<[](const One& one) { return one.backup; }>},
    Family{"backend_weight", "gauge", "Share of the traffic relative to the others.",
           number<[](const One& one) { return one.weight; }>},
    Family{"backend_connections_limit", "gauge", "Requests that it may serve at once; 0: no limit.",
           number<[](const One& one) { return one.connections_max; }>},
    Family{"backend_in_flight", "gauge", "Attempts under way.",
           number<[](const One& one) { return one.totals.in_flight; }>},
    Family{"backend_attempts_total", "counter", "Attempts that have ended, by result.", write_attempts},
    Family{"backend_responses_total", "counter", "Answers of the backend that went to clients, by status class.",
           write_answers},
    Family{"backend_connections_total", "counter",
           "Connections that attempts used: reused ones came from the pool, opened ones were made.", write_connections},
    Family{"backend_request_body_bytes_total", "counter", "Bytes of request bodies sent to the backend.",
           number<[](const One& one) { return one.totals.request_body_bytes; }>},
    Family{"backend_response_body_bytes_total", "counter", "Bytes of the bodies of its answers.",
           number<[](const One& one) { return one.totals.response_body_bytes; }>},
    Family{"backend_connect_duration_seconds", "histogram", "Connecting to the backend, without the name lookup.",
           histogram<&BackendTotals::connect>},
    Family{"backend_first_byte_duration_seconds", "histogram",
           "From the beginning of an attempt to the head of its answer.", histogram<&BackendTotals::first_byte>},
    Family{"backend_attempt_duration_seconds", "histogram",
           "From the beginning of an attempt to the last byte of its answer.", histogram<&BackendTotals::total>},
};

class MetricsPieces final : public Pieces {
 public:
  explicit MetricsPieces(std::shared_ptr<const Snapshot> snapshot) : snapshot_(std::move(snapshot)) {
    write_process(out_, *snapshot_);
    write_clients(out_, *snapshot_);
    write_certificates(out_, *snapshot_);
    write_automatic(out_, *snapshot_);
  }

  bool next(std::string& out) override {
    while (family_ < kFamilies.size() && out_.size() < kPieceBytes) write_some();
    out += out_.take();
    return family_ < kFamilies.size();
  }

 private:
  void write_some() {
    const Family& family = kFamilies[family_];
    const std::vector<BackendSnapshot>& backends = snapshot_->backends;
    if (backend_ == 0) out_.family(family.name, family.type, family.help);
    while (backend_ < backends.size() && out_.size() < kPieceBytes) {
      const BackendSnapshot& backend = backends[backend_++];
      family.write(out_, backend, label("backend", backend.endpoint->url()));
    }
    if (backend_ < backends.size()) return;
    backend_ = 0;
    ++family_;
  }

  std::shared_ptr<const Snapshot> snapshot_;
  Exposition out_;
  std::size_t family_ = 0;   // the next one
  std::size_t backend_ = 0;  // of it
};

}  // namespace

std::unique_ptr<Pieces> metrics_pieces(std::shared_ptr<const Snapshot> snapshot) {
  return std::make_unique<MetricsPieces>(std::move(snapshot));
}

}  // namespace lb::admin
