// What a request costs that is answered at the first attempt, beyond answering it: its record, the counters of the
// backend and of the worker. What Recording does (src/proxy/recording.cpp), without the exchange.
#include <string>

#include <benchmark/benchmark.h>

#include "base/random.hpp"
#include "telemetry/recorder.hpp"

namespace {

using namespace lb;
using telemetry::Micros;

enum class Keep { no, yes };

void record(benchmark::State& state, Keep keep) {
  telemetry::Recorder recorder(0, base::system_clock());
  recorder.configure({.keep_recent = keep == Keep::yes});
  telemetry::BackendCounters backend;
  telemetry::RequestRecord record;
  const std::string client = "192.0.2.17";
  const std::string id = "0123456789abcdef0123456789abcdef";
  base::Random random(1);
  for (auto _ : state) {
    // Another latency each time, so that no branch is foretold.
    const Micros latency(100 + static_cast<Micros::rep>(random.next() % 10'000));
    record.clear();
    record.client = client;
    record.id = id;
    telemetry::Attempt attempt;
    attempt.backend = "http://127.0.0.1:8080";
    backend.attempts_begun.add();
    attempt.reused = true;
    backend.connections_reused.add();
    attempt.status = record.status = 200;
    attempt.first_byte = record.first_byte = latency;
    backend.answers[telemetry::status_class(200)].add();
    backend.first_byte.record(latency);
    attempt.ended = latency + Micros(5);
    ++record.attempts_made;
    record.attempts.push_back(attempt);
    backend.attempts_ended[static_cast<std::size_t>(attempt.result)].add();
    backend.request_body_bytes.add(0);
    backend.response_body_bytes.add(1024);
    backend.total.record(attempt.ended);
    record.total = attempt.ended;
    recorder.record(record);
    benchmark::ClobberMemory();
  }
}
// For metrics and status alone; and with the requests kept for whoever asks why.
BENCHMARK_CAPTURE(record, counted, Keep::no);
BENCHMARK_CAPTURE(record, counted_and_kept, Keep::yes);

void read_clock(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(base::system_clock().now());
}
// Of which a request that is answered at the first attempt, on a kept connection, reads four for its record.
BENCHMARK(read_clock);

}  // namespace
