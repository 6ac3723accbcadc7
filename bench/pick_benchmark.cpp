// What picking a backend costs among few and many, all up and half of them down.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "upstream/cluster.hpp"

namespace {

using namespace lb;

enum class Down { none, every_second };

void pick(benchmark::State& state, Down down) {
  std::vector<upstream::BackendSpec> specs;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    const std::string host = "b" + std::to_string(i);
    specs.push_back({"http://" + host, host, 80, 1, 0});
  }
  upstream::Cluster cluster(specs, upstream::Thresholds{});
  for (std::size_t i = 0; down == Down::every_second && i < cluster.size(); i += 2) {
    cluster.record_check(cluster.endpoint(i), false, "made so");
  }
  const upstream::Tried tried;
  for (auto _ : state) benchmark::DoNotOptimize(cluster.members()->pick(tried));
}
BENCHMARK_CAPTURE(pick, all_up, Down::none)->Arg(2)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(pick, half_down, Down::every_second)->Arg(2)->Arg(100)->Arg(1000);

}  // namespace
