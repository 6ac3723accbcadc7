// One simulated run: the real proxy and health checks among clients and backends that follow a seed.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "proxy/handler.hpp"
#include "sim/client.hpp"
#include "sim/transport.hpp"
#include "upstream/cluster.hpp"
#include "upstream/health_monitor.hpp"

namespace lb::sim {

struct Report {
  std::uint64_t seed = 0;
  std::string violation;           // empty: every promise was kept
  std::deque<std::string> events;  // the last ones, of a run that was traced
  Figures figures;
};

// Runs the seed; a run that breaks a promise is repeated for its events.
[[nodiscard]] Report simulate(std::uint64_t seed, Tracing tracing = Tracing::off);
// The report for people, with the command that repeats the run.
[[nodiscard]] std::string to_text(const Report& report);

class Simulation {
 public:
  Simulation(std::uint64_t seed, Tracing tracing);
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  void run();
  [[nodiscard]] Stage& stage() noexcept { return stage_; }

 private:
  // What the configuration says at a time.
  struct Config {
    std::vector<upstream::BackendSpec> backends;
    upstream::Thresholds thresholds;
    upstream::Choice choice;
    upstream::HealthSettings health;
    proxy::Settings settings;
    proxy::ServiceSettings service;
  };

  static Backends make_backends(Stage& stage);
  Config draw_config();
  void draw_choice(Config& config);
  void draw_settings(Config& config);
  [[nodiscard]] Duration some(std::size_t low, std::size_t high);
  void make_clients();

  // The monitor's life, and what a reload does, as the server's control thread has it.
  net::Awaitable<void> start_monitor();
  net::Awaitable<void> reload();
  void watch();
  [[nodiscard]] proxy::PlanPtr plan();
  void apply_members(const upstream::Members& members);
  void know_limits();
  void forget_those_who_left(const Config& config);

  void step(Duration time);
  void act();
  void disturb();
  void disturb(Backend& backend);
  void begin_silence();
  void begin_peace();
  [[nodiscard]] bool all_over() const;
  [[nodiscard]] Duration sum_of_deadlines() const;
  void check_idle_connections();
  void ask_once_more();
  void check_nothing_is_left();
  void serve(Client& client);

  Stage stage_;
  Backends backends_;
  Config config_;
  Transport transport_;
  Checker checker_;
  upstream::HealthRecorder health_;
  upstream::Registry registry_{1};
  upstream::Cluster cluster_{registry_};
  proxy::ServiceStatePtr state_ = proxy::ServiceState::make(1, [](std::size_t, const std::function<void()>&) {});
  telemetry::Recorder recorder_{0, stage_.world.clock};
  proxy::Handler handler_;
  upstream::HealthMonitor monitor_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::weak_ptr<upstream::Endpoint>> endpoints_;  // all there ever were
  bool reloading_ = false;
  bool reloads_ = false;      // in this run
  std::size_t drain_at_ = 0;  // the step; 0: never
};

}  // namespace lb::sim
