// What each policy makes of the same requests, in simulated time: discrete events, seeded, with the policies' own code
// as services use it (upstream::Members, with exploration and marks).
//
//   policies_simulation [SEED] [SECONDS]     prints JSON: scenario, policy, p50, p99, p99.9 in milliseconds, failures
//
// Five servers, each with eight places and a line before them; service takes 10 ms on average, by a lognormal
// distribution. Requests arrive by chance (Poisson), at 60 % of what the servers bear, whatever becomes of those
// before. A request is tried three times at most, where it could not connect; a client waits for 10 s.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "support/cluster.hpp"

namespace {

using namespace lb;
using Seconds = double;

constexpr std::size_t kServers = 5;
constexpr unsigned kPlaces = 8;
constexpr Seconds kService = 0.010;
constexpr double kSpread = 0.6;  // sigma of the lognormal distribution
constexpr Seconds kPatience = 10;
constexpr unsigned kAttempts = 3;
constexpr std::array kPolicies = {balancer::PolicyKind::round_robin, balancer::PolicyKind::least_requests,
                                  balancer::PolicyKind::random_two, balancer::PolicyKind::peak_ewma,
                                  balancer::PolicyKind::prequal};

// What may be odd about servers and load. Times are of the simulation.
struct Scenario {
  std::string_view name;
  double load = 0.6;  // of what the servers bear when they are well
  std::function<double(std::size_t server, Seconds now)> slowness = [](std::size_t, Seconds) { return 1.0; };
  std::function<Seconds(std::size_t server, Seconds now)> paused_until = [](std::size_t, Seconds now) { return now; };
  std::function<bool(std::size_t server, Seconds now)> refuses = [](std::size_t, Seconds) { return false; };
  std::function<bool(std::size_t server, Seconds now)> fails = [](std::size_t, Seconds) { return false; };
  std::function<double(Seconds now)> rate = [](Seconds) { return 1.0; };
};

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  all.push_back({.name = "equal"});
  Scenario slow{.name = "one ten times slower"};
  slow.load = 0.5;
  slow.slowness = [](std::size_t server, Seconds) { return server == 0 ? 10.0 : 1.0; };
  all.push_back(slow);
  Scenario pauses{.name = "one pauses for a second"};
  pauses.paused_until = [](std::size_t server, Seconds now) {
    const Seconds into = std::fmod(now, 5.0);
    return server == 0 && into < 1 ? now - into + 1 : now;
  };
  all.push_back(pauses);
  Scenario bursts{.name = "bursts"};
  bursts.rate = [](Seconds now) { return std::fmod(now, 2.0) < 0.2 ? 3.0 : 0.78; };
  all.push_back(bursts);
  Scenario fails{.name = "one fails fast"};
  fails.fails = [](std::size_t server, Seconds) { return server == 0; };
  all.push_back(fails);
  Scenario rolling{.name = "rolling restart"};
  rolling.refuses = [](std::size_t server, Seconds now) {
    const Seconds into = std::fmod(now, 20.0) - 4.0 * static_cast<Seconds>(server);
    return into >= 0 && into < 1;
  };
  rolling.slowness = [](std::size_t server, Seconds now) {  // it warms up
    const Seconds into = std::fmod(now, 20.0) - 4.0 * static_cast<Seconds>(server);
    return into >= 1 && into < 2 ? 3.0 : 1.0;
  };
  all.push_back(rolling);
  Scenario overload{.name = "overload", .load = 1.1};
  all.push_back(overload);
  return all;
}

struct Request {
  Seconds arrived = 0;
  unsigned attempts = 0;
  upstream::Tried tried;
};

struct Waiting {
  std::shared_ptr<Request> request;
  Seconds sent = 0;
  std::uint32_t in_flight = 0;
};

class Simulation {
 public:
  Simulation(const Scenario& scenario, balancer::PolicyKind policy, std::uint64_t seed, Seconds length)
      : scenario_(scenario),
        length_(length),
        random_(seed),
        arrivals_(seed + 2),
        chance_(seed + 1),
        cluster_(specs(), {}, {.policy = policy, .slow_start = {}}) {}

  void run() {
    arrive(0);
    for (std::size_t i = 0; i < kServers; ++i) check(i, 1);
    while (!events_.empty()) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.at;
      event.run();
    }
    std::ranges::sort(latencies_);
  }

  // Milliseconds.
  [[nodiscard]] double quantile(double share) const {
    if (latencies_.empty()) return 0;
    const auto at = static_cast<std::size_t>(share * static_cast<double>(latencies_.size() - 1));
    return latencies_[at] * 1000;
  }
  [[nodiscard]] std::size_t failed() const noexcept { return failed_; }
  [[nodiscard]] std::size_t requests() const noexcept { return failed_ + latencies_.size(); }
  [[nodiscard]] double share_of_first() const noexcept {
    return static_cast<double>(sent_to_first_) / static_cast<double>(std::max<std::size_t>(sent_, 1));
  }

 private:
  struct Event {
    Seconds at;
    std::function<void()> run;
    bool operator<(const Event& other) const noexcept { return at > other.at; }
  };
  struct Server {
    unsigned busy = 0;
    std::deque<Waiting> line;
  };

  static std::vector<upstream::BackendSpec> specs() {
    std::vector<upstream::BackendSpec> specs;
    for (std::size_t i = 0; i < kServers; ++i) {
      const std::string host = "b" + std::to_string(i);
      specs.push_back({"http://" + host, host, 80, 1, 0});
    }
    return specs;
  }

  [[nodiscard]] base::TimePoint clock() const {
    return base::TimePoint(std::chrono::hours(1)) +
           std::chrono::duration_cast<base::TimePoint::duration>(std::chrono::duration<double>(now_));
  }
  void at(Seconds when, std::function<void()> run) { events_.push({when, std::move(run)}); }
  Seconds exponential(double rate) { return -std::log(1 - arrivals_.share()) / rate; }
  Seconds service() {
    const double normal = std::sqrt(-2 * std::log(1 - random_.share())) * std::cos(6.283185307179586 * random_.share());
    return kService * std::exp(kSpread * normal - kSpread * kSpread / 2);
  }

  void arrive(Seconds when) {
    if (when > length_) return;
    at(when, [this] {
      auto request = std::make_shared<Request>();
      request->arrived = now_;
      send(request);
      const double rate = scenario_.load * kServers * kPlaces / kService * scenario_.rate(now_);
      arrive(now_ + exponential(rate));
    });
  }

  void send(const std::shared_ptr<Request>& request) {
    const upstream::Pick pick =
        cluster_.members()->pick({.tried = request->tried, .now = clock(), .random = chance_, .key = 0});
    if (!pick || ++request->attempts > kAttempts) {
      if (pick) pick.endpoint->release();
      ++failed_;
      return;
    }
    const std::size_t server = pick.endpoint->slot();
    ++sent_;
    if (server == 0) ++sent_to_first_;
    if (scenario_.refuses(server, now_)) {
      pick.endpoint->release();
      cluster_.record_failure(*pick.endpoint, "refused");
      pick.endpoint->load().record_failure(clock());
      request->tried.push_back(pick.endpoint->slot());
      return send(request);
    }
    if (scenario_.fails(server, now_)) {
      at(now_ + 0.0005, [this, server, request] {
        balancer::Load& load = cluster_.endpoint(server).load();
        load.note_answer(std::chrono::microseconds(500), clock());
        if (load.is_observed()) load.record_failure(clock());
        cluster_.endpoint(server).release();
        ++failed_;  // the client has a 500
      });
      return;
    }
    Server& its = servers_[server];
    its.line.push_back({request, now_, pick.in_flight});
    serve(server);
  }

  void serve(std::size_t server) {
    Server& its = servers_[server];
    const Seconds pause = scenario_.paused_until(server, now_);
    if (pause > now_) {
      at(pause, [this, server] { serve(server); });
      return;
    }
    while (its.busy < kPlaces && !its.line.empty()) {
      Waiting one = its.line.front();
      its.line.pop_front();
      ++its.busy;
      Seconds done = now_ + service() * scenario_.slowness(server, now_);
      done = std::max(done, scenario_.paused_until(server, done));  // it is paused as well
      at(done, [this, server, one] { answer(server, one); });
    }
  }

  void answer(std::size_t server, const Waiting& one) {
    --servers_[server].busy;
    upstream::Endpoint& endpoint = cluster_.endpoint(server);
    const std::chrono::microseconds latency(static_cast<std::int64_t>((now_ - one.sent) * 1e6));
    const auto confirmed = endpoint.load().note_answer(latency, clock());
    if (endpoint.load().is_observed()) endpoint.load().record(balancer::Sample{confirmed, one.in_flight}, clock());
    endpoint.release();
    endpoint.record_success();
    const Seconds took = now_ - one.request->arrived;
    if (took > kPatience) {
      ++failed_;
    } else {
      latencies_.push_back(took);
    }
    serve(server);
  }

  // What brings a server back that was marked down.
  void check(std::size_t server, Seconds when) {
    if (when > length_) return;
    at(when, [this, server, when] {
      if (!cluster_.endpoint(server).is_up()) {
        cluster_.record_check(cluster_.endpoint(server), !scenario_.refuses(server, now_), "refused");
      }
      check(server, when + 0.25);
    });
  }

  const Scenario& scenario_;
  Seconds length_;
  base::Random random_;    // of the servers
  base::Random arrivals_;  // the same for every policy
  base::Random chance_;    // of the policy
  test::Cluster cluster_;
  std::priority_queue<Event> events_;
  std::array<Server, kServers> servers_;
  Seconds now_ = 0;
  std::vector<Seconds> latencies_;
  std::size_t failed_ = 0;
  std::size_t sent_ = 0;
  std::size_t sent_to_first_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const Seconds length = argc > 2 ? std::strtod(argv[2], nullptr) : 60;
  std::printf("[");
  bool first = true;
  for (const Scenario& scenario : scenarios()) {
    for (const balancer::PolicyKind policy : kPolicies) {
      Simulation simulation(scenario, policy, seed, length);
      simulation.run();
      std::printf(
          "%s\n  {\"scenario\": \"%s\", \"policy\": \"%s\", \"requests\": %zu, \"failed\": %zu, \"p50\": %.2f, "
          "\"p99\": %.2f, \"p99.9\": %.2f, \"share_of_first\": %.4f}",
          first ? "" : ",", std::string(scenario.name).c_str(), std::string(to_string(policy)).c_str(),
          simulation.requests(), simulation.failed(), simulation.quantile(0.5), simulation.quantile(0.99),
          simulation.quantile(0.999), simulation.share_of_first());
      std::fflush(stdout);
      first = false;
    }
  }
  std::printf("\n]\n");
  return 0;
}
