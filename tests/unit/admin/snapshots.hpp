// A server with two backends and something counted of everything, without a server.
#pragma once

#include <memory>
#include <string>

#include "admin/control.hpp"

namespace lb::admin::test {

inline constexpr telemetry::Micros kConnect{150};
inline constexpr telemetry::Micros kTotal{3'000};

[[nodiscard]] inline BackendSnapshot backend_snapshot(const std::string& url, int attempts) {
  const auto endpoint = std::make_shared<upstream::Endpoint>(upstream::BackendSpec{.url = url, .host = "a"}, 0, 2);
  endpoint->note_change(upstream::HealthState::up, base::WallTime(std::chrono::seconds(86'400)), "health check passed");
  endpoint->note_check({base::WallTime(std::chrono::seconds(86'400)), true, "", base::Duration(3)});
  for (int i = 0; i < attempts; ++i) {
    telemetry::BackendCounters& counters = endpoint->counters(static_cast<std::size_t>(i % 2));
    counters.attempts_begun.add();
    counters.attempts_ended[static_cast<std::size_t>(telemetry::AttemptResult::answered)].add();
    counters.answers[2].add();
    counters.connections_opened.add();
    counters.response_body_bytes.add(10);
    counters.connect.record(kConnect);
    counters.total.record(kTotal);
  }
  endpoint->counters(1).attempts_begun.add();  // under way
  BackendSnapshot out;
  for (std::size_t worker = 0; worker < endpoint->workers(); ++worker) out.totals.add(endpoint->counters(worker));
  out.endpoint = endpoint;
  out.weight = 2;
  out.connections_max = 9;
  out.next_check = base::WallTime(std::chrono::seconds(86'520));
  return out;
}

[[nodiscard]] inline Snapshot snapshot() {
  Snapshot out;
  out.started = base::WallTime(std::chrono::seconds(86'000));
  out.now = base::WallTime(std::chrono::milliseconds(86'500'250));
  out.uptime = base::Duration(500'250);
  out.pid = 42;
  out.workers = 2;
  out.transport = "epoll";
  out.listening = "[::]:3030";
  out.reload_failures = 1;
  out.last_reload = ReloadRecord{base::WallTime(std::chrono::seconds(86'100)), false, "x.toml:1:1: no"};
  out.connections = 3;
  out.connections_max = 100;
  telemetry::WorkerCounters counters;
  counters.requests.add(7);
  counters.answers[5].add(2);
  counters.refused[static_cast<std::size_t>(telemetry::Refusal::no_backend)].add(2);
  counters.total.record(kTotal);
  out.clients.add(counters);
  out.backends.push_back(backend_snapshot("http://a:1", 5));
  out.backends.push_back(backend_snapshot("http://b\"\\:2", 0));
  return out;
}

}  // namespace lb::admin::test
