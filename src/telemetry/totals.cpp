#include "telemetry/totals.hpp"

namespace lb::telemetry {
namespace {

template <std::size_t N>
void add_each(std::array<std::uint64_t, N>& sums, const std::array<Counter, N>& counters) noexcept {
  for (std::size_t i = 0; i < N; ++i) sums[i] += counters[i].value();
}

}  // namespace

void BackendTotals::add(const BackendCounters& counters) noexcept {
  // What has ended is read first: read the other way round, one that began and ended meanwhile would be in flight
  // less than zero times.
  const std::uint64_t ended = counters.ended();
  const std::uint64_t begun = counters.attempts_begun.value();
  in_flight += begun > ended ? begun - ended : 0;
  attempts += begun;
  add_each(results, counters.attempts_ended);
  add_each(answers, counters.answers);
  connections_reused += counters.connections_reused.value();
  connections_opened += counters.connections_opened.value();
  request_body_bytes += counters.request_body_bytes.value();
  response_body_bytes += counters.response_body_bytes.value();
  counters.connect.add_to(connect);
  counters.first_byte.add_to(first_byte);
  counters.total.add_to(total);
}

std::uint64_t BackendTotals::failures() const noexcept {
  std::uint64_t sum = 0;
  for (const AttemptResult result : {AttemptResult::not_connected, AttemptResult::no_answer, AttemptResult::bad_answer,
                                     AttemptResult::timed_out, AttemptResult::broke_off}) {
    sum += results[static_cast<std::size_t>(result)];
  }
  return sum;
}

void ClientTotals::add(const WorkerCounters& counters) noexcept {
  connections += counters.connections.value();
  connections_turned_away += counters.connections_turned_away.value();
  tls_handshakes += counters.tls_handshakes.value();
  tls_resumptions += counters.tls_resumptions.value();
  tls_handshakes_failed += counters.tls_handshakes_failed.value();
  proxy_headers_refused += counters.proxy_headers_refused.value();
  requests += counters.requests.value();
  add_each(answers, counters.answers);
  add_each(refused, counters.refused);
  add_each(endings, counters.endings);
  add_each(retries, counters.retries);
  retries_denied += counters.retries_denied.value();
  counters.total.add_to(total);
}

}  // namespace lb::telemetry
