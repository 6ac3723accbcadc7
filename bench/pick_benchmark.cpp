// What picking a backend costs among few and many: all up, some down, all down, all at their limits; with equal weights
// and with weights from 1 to 256. And what it costs to put such weights in order.
#include <chrono>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "balancer/round_robin.hpp"
#include "support/cluster.hpp"

namespace {

using namespace lb;

enum class State { all_up, half_down, all_down, one_up, all_busy };
enum class Weights { equal, different };

std::vector<upstream::BackendSpec> specs(std::int64_t count, Weights weights, std::uint32_t connections_max) {
  std::vector<upstream::BackendSpec> specs;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string host = "b" + std::to_string(i);
    const unsigned weight = weights == Weights::equal ? 1 : 1 + static_cast<unsigned>(i % 256);
    specs.push_back({"http://" + host, host, 80, weight, connections_max});
  }
  return specs;
}

bool is_down(State state, std::size_t index, std::size_t count) {
  return state == State::all_down || (state == State::half_down && index % 2 == 0) ||
         (state == State::one_up && index != count / 2);
}

void pick(benchmark::State& run, State state, Weights weights) {
  test::Cluster cluster(specs(run.range(0), weights, state == State::all_busy ? 1 : 0), upstream::Thresholds{});
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    if (is_down(state, i, cluster.size())) cluster.record_check(cluster.endpoint(i), false, "made so");
    if (state == State::all_busy) benchmark::DoNotOptimize(cluster.endpoint(i).acquire());
  }
  const upstream::Tried tried;
  for (auto _ : run) {
    const upstream::Pick picked = test::pick(*cluster.members(), tried);
    benchmark::DoNotOptimize(picked);
    if (picked) picked.endpoint->release();
  }
}
BENCHMARK_CAPTURE(pick, all_up, State::all_up, Weights::equal)->Arg(2)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(pick, half_down, State::half_down, Weights::equal)->Arg(2)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(pick, all_down, State::all_down, Weights::equal)->Arg(2)->Arg(1024);
BENCHMARK_CAPTURE(pick, weighted_all_up, State::all_up, Weights::different)->Arg(1024);
BENCHMARK_CAPTURE(pick, weighted_half_down, State::half_down, Weights::different)->Arg(1024);
BENCHMARK_CAPTURE(pick, weighted_one_up, State::one_up, Weights::different)->Arg(1024);
BENCHMARK_CAPTURE(pick, weighted_all_down, State::all_down, Weights::different)->Arg(1024);
BENCHMARK_CAPTURE(pick, weighted_all_busy, State::all_busy, Weights::different)->Arg(1024);

// Each policy among many that are all up, of which requests are under way at some, and of which everything is known.
void policy(benchmark::State& run, balancer::PolicyKind kind, Weights weights) {
  test::Cluster cluster(specs(run.range(0), weights, 0), {}, {.policy = kind, .slow_start = {}});
  base::TimePoint now(std::chrono::hours(1));
  base::Random random(1);
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    balancer::Load& load = cluster.endpoint(i).load();
    const std::chrono::microseconds latency(1000 + random.below(20'000));
    load.note_answer(latency, now);
    load.record(balancer::Sample{latency, 1}, now);
    load.note_choice(now);
    for (std::uint64_t busy = random.below(4); busy > 0; --busy) benchmark::DoNotOptimize(load.acquire(0));
  }
  const upstream::Tried tried;
  for (auto _ : run) {
    now += std::chrono::microseconds(30);
    const upstream::Pick picked =
        cluster.members()->pick({.tried = tried, .now = now, .random = random, .key = random.next()});
    benchmark::DoNotOptimize(picked);
    picked.endpoint->release();
  }
}
BENCHMARK_CAPTURE(policy, round_robin, balancer::PolicyKind::round_robin, Weights::equal)->Arg(3)->Arg(1000);
BENCHMARK_CAPTURE(policy, least_requests, balancer::PolicyKind::least_requests, Weights::equal)->Arg(3)->Arg(1000);
BENCHMARK_CAPTURE(policy, random_two, balancer::PolicyKind::random_two, Weights::equal)->Arg(3)->Arg(1000);
BENCHMARK_CAPTURE(policy, peak_ewma, balancer::PolicyKind::peak_ewma, Weights::equal)->Arg(3)->Arg(1000);
BENCHMARK_CAPTURE(policy, peak_ewma_weighted, balancer::PolicyKind::peak_ewma, Weights::different)->Arg(1024);
BENCHMARK_CAPTURE(policy, prequal, balancer::PolicyKind::prequal, Weights::equal)->Arg(3)->Arg(1000);
BENCHMARK_CAPTURE(policy, consistent_hash, balancer::PolicyKind::consistent_hash, Weights::equal)->Arg(3)->Arg(1000);

void put_in_order(benchmark::State& run) {
  std::vector<unsigned> weights;
  for (std::int64_t i = 0; i < run.range(0); ++i) weights.push_back(1 + static_cast<unsigned>(i % 256));
  for (auto _ : run) benchmark::DoNotOptimize(balancer::RoundRobin(weights).next());
}
BENCHMARK(put_in_order)->Arg(16)->Arg(1024)->Unit(benchmark::kMillisecond);

}  // namespace
