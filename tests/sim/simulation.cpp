#include "sim/simulation.hpp"

#include <algorithm>
#include <utility>

namespace lb::sim {
namespace {

// The backends that a configuration may name.
constexpr std::size_t kBackendsMax = 5;
constexpr std::size_t kStepsMax = 500;

}  // namespace

Simulation::Simulation(std::uint64_t seed, Tracing tracing)
    : stage_(seed, tracing),
      backends_(make_backends(stage_)),
      config_(draw_config()),
      transport_(stage_, backends_),
      checker_(stage_, backends_, transport_),
      handler_(stage_.world.io.get_executor(), stage_.world.wheel, stage_.world.blocks, stage_.world.sessions, plan(),
               health_, transport_, recorder_, stage_.random.next()),
      monitor_(stage_.world.io.get_executor(), stage_.world.wheel, stage_.world.tasks, health_, checker_,
               stage_.random.next()) {
  stage_.at_fault = &recorder_.counters().refused[static_cast<std::size_t>(telemetry::Refusal::request_at_fault)];
  health_.on_down([this] { monitor_.reconsider(); });
  reloads_ = stage_.random.once_in(3);
  if (stage_.random.once_in(6)) drain_at_ = stage_.random.between(5, 150);
  apply_members(*cluster_.members());
  make_clients();
  stage_.world.tasks.spawn(start_monitor());
}

// What is drawn.

Backends Simulation::make_backends(Stage& stage) {
  // In every third run whoever accepts serves well: then nothing may fail that anybody could have taken.
  stage.connect_faults_only = stage.random.once_in(3);
  stage.limits = stage.random.once_in(3);
  stage.replay_bytes_min = 100 * stage.random.between(1, 8);
  stage.attempts_min = static_cast<unsigned>(stage.random.once_in(6) ? stage.random.between(1, 5) : 3);
  stage.attempts_max = stage.attempts_min;
  Backends backends;
  for (std::size_t i = 0; i < kBackendsMax; ++i) {
    backends.push_back(std::make_unique<Backend>(stage, i));
    if (!stage.connect_faults_only) backends.back()->set_good(stage.random.once_in(2));
  }
  return backends;
}

Duration Simulation::some(std::size_t low, std::size_t high) {
  return Duration(static_cast<std::int64_t>(stage_.random.between(low, high)));
}

void Simulation::draw_choice(Config& config) {
  Random& random = stage_.random;
  constexpr std::size_t kPolicies = 6;
  if (random.once_in(2)) config.choice.policy = static_cast<balancer::PolicyKind>(random.below(kPolicies));
  if (config.choice.policy == balancer::PolicyKind::consistent_hash)
    config.service.hash_on = proxy::parse_hash_on("path");
  if (random.once_in(4)) config.choice.slow_start = some(100, 1'000);
  if (random.once_in(2)) config.service.stall = some(20, 300);
  stage_.stalls = stage_.stalls || config.service.stall.count() != 0;
}

void Simulation::draw_settings(Config& config) {
  Random& random = stage_.random;
  proxy::Settings& settings = config.settings;
  proxy::ServiceSettings& service = config.service;
  // Those who are brisk and those who behave keep all of these; see Stage::feed() and Simulation::run().
  settings.http.timeouts.header = some(600, 1'500);
  settings.http.timeouts.body_idle = some(400, 800);
  settings.http.timeouts.write_idle = some(300, 600);
  settings.http.timeouts.keep_alive_idle = some(1'000, 3'000);
  settings.connect_timeout = some(200, 400);
  settings.first_response_byte_timeout = some(300, 600);
  settings.http.timeouts.response_idle = some(300, 600);
  settings.tunnel_idle_timeout = some(500, 600);
  settings.http.header_bytes = 16 * 1024;
  settings.http.header_count = 64;
  service.pool = {random.below(8), some(50, 2'000)};
  service.attempts = stage_.attempts_min;
  if (random.once_in(4)) service.attempts = static_cast<unsigned>(random.between(2, 4));
  stage_.attempts_min = std::min(stage_.attempts_min, service.attempts);
  stage_.attempts_max = std::max(stage_.attempts_max, service.attempts);
  service.replay_bytes = stage_.replay_bytes_min + 100 * random.below(3);
  service.retry_budget_percent = random.once_in(3) ? 20 : 0;
  settings.queue_max = random.below(8);
  settings.queue_timeout = some(50, 500);
}

Simulation::Config Simulation::draw_config() {
  Random& random = stage_.random;
  Config config;
  const std::size_t count = random.between(1, 4);
  const std::size_t first = random.below(kBackendsMax);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& host = backends_[(first + i) % kBackendsMax]->host();
    const auto weight = static_cast<unsigned>(random.once_in(3) ? random.between(1, 4) : 1);
    const auto most = static_cast<std::uint32_t>(stage_.limits && random.once_in(2) ? random.between(1, 3) : 0);
    // Who waits for a place does not go to a backup meanwhile.
    const bool backup = !stage_.limits && random.once_in(6);
    config.backends.push_back({"http://" + host, host, 80, weight, most, backup});
  }
  draw_choice(config);
  config.thresholds = {.failures = static_cast<std::uint32_t>(random.between(1, 4)),
                       .rise = static_cast<std::uint32_t>(random.between(1, 2)),
                       .fall = static_cast<std::uint32_t>(random.between(1, 2))};
  config.health = {.interval = some(200, 2'000),
                   .down_interval = random.once_in(2) ? Duration(0) : some(100, 400),
                   .timeout = some(50, 300),
                   .jitter_percent = random.once_in(2) ? 0U : 20U};
  draw_settings(config);
  return config;
}

void Simulation::make_clients() {
  using Manner = Client::Manner;
  const std::size_t count = stage_.random.between(1, 6);
  for (std::size_t i = 0; i < count; ++i) {
    const bool odd = stage_.random.once_in(4);
    const auto manner = odd ? static_cast<Manner>(stage_.random.between(1, 3)) : Manner::brisk;
    clients_.push_back(std::make_unique<Client>(stage_, backends_, i, manner, stage_.random.between(1, 6),
                                                stage_.now() + some(0, 400)));
  }
}

// The configuration.

net::Awaitable<void> Simulation::start_monitor() {
  if (stage_.random.once_in(2)) co_await monitor_.check_now(cluster_.members()->endpoints(), Duration(100));
  watch();
  co_await monitor_.run();
}

void Simulation::watch() {
  const auto settings = std::make_shared<const upstream::HealthSettings>(config_.health);
  std::vector<upstream::HealthMonitor::Watch> all;
  for (const auto& endpoint : cluster_.endpoints()) all.push_back({endpoint, settings});
  monitor_.watch(all);
}

// Of the members that there are now, or the first ones.
proxy::PlanPtr Simulation::plan() {
  if (!cluster_.members()) {
    cluster_.admit(cluster_.replace(config_.backends, config_.thresholds, config_.choice).added, stage_.now());
    cluster_.publish();
  }
  auto made = std::make_shared<proxy::Plan>();
  made->settings = config_.settings;
  made->services.push_back({"default", config_.service, cluster_.members(), state_});
  return made;
}

void Simulation::forget_those_who_left(const Config& config) {
  for (const auto& backend : backends_) {
    const auto stays = [&](const auto& spec) { return spec.host == backend->host(); };
    if (std::ranges::none_of(config.backends, stays)) backend->member_since = 0;
  }
}

// Not before all know of them. What stays, stays as it was.
void Simulation::apply_members(const upstream::Members& members) {
  const Duration interval = config_.health.interval * (100 + config_.health.jitter_percent) / 100;
  for (const auto& backend : backends_) {
    const auto found = std::ranges::find_if(members.endpoints(),
                                            [&](const auto& endpoint) { return endpoint->host() == backend->host(); });
    if (found == members.endpoints().end()) {
      if (!backend->endpoint.expired() || backend->removed_since == 0) backend->removed_since = stage_.step;
      backend->endpoint.reset();
      continue;
    }
    backend->removed_since = 0;
    backend->endpoint = *found;
    if (backend->member_since == 0) {
      backend->member_since = stage_.step;
      endpoints_.push_back(*found);
    }
    backend->good_at = stage_.now();
    backend->check_bound = interval * (config_.thresholds.rise + 1) + config_.health.timeout + Duration(100);
  }
  know_limits();
}

void Simulation::know_limits() {
  for (const auto& backend : backends_) {
    const auto endpoint = backend->endpoint.lock();
    const bool unlimited = endpoint != nullptr && !endpoint->is_limited();
    if (!unlimited) backend->unlimited_since = 0;
    if (unlimited && backend->unlimited_since == 0) backend->unlimited_since = stage_.step;
  }
}

// As app::Backends does it.
net::Awaitable<void> Simulation::reload() {
  reloading_ = true;
  ++stage_.ledger.figures.reloads;
  Config config = draw_config();
  if (stage_.random.once_in(4)) config.backends = config_.backends;  // the settings alone
  if (stage_.random.once_in(2)) config.service.attempts = config_.service.attempts;
  config_ = std::move(config);
  std::string names;
  for (const auto& spec : config_.backends) names += " " + spec.host;
  stage_.journal.note("reload:", names);
  forget_those_who_left(config_);
  const upstream::Cluster::Change change = cluster_.replace(config_.backends, config_.thresholds, config_.choice);
  watch();
  cluster_.publish();
  handler_.set_plan(plan());
  know_limits();
  if (!change.added.empty()) co_await monitor_.check_now(change.added, Duration(100));
  cluster_.admit(change.added, stage_.now());
  cluster_.publish();
  handler_.set_plan(plan());
  apply_members(*cluster_.members());
  stage_.journal.note("the new configuration is in force");
  reloading_ = false;
}

// The run.

void Simulation::run() {
  for (; stage_.step < kStepsMax && !all_over() && !stage_.journal.violated();) {
    disturb();
    // Never so long that those who behave could miss a deadline.
    const bool passes = stage_.random.once_in(2);
    step(passes ? some(1, stage_.random.once_in(5) ? 20 : 10) : Duration(0));
  }
  stage_.random.once_in(2) ? begin_silence() : begin_peace();
  const base::TimePoint last = stage_.now() + sum_of_deadlines();
  while (!all_over() && !stage_.journal.violated() && stage_.now() < last) step(base::kWheelTick);
  for (const auto& client : clients_) {
    if (!client->over()) stage_.journal.violate("somebody waits for ever: ", client->state());
  }
  if (stage_.journal.violated()) return;
  begin_peace();
  check_idle_connections();
  if (!stage_.journal.violated()) ask_once_more();
  if (!stage_.journal.violated()) check_nothing_is_left();
}

void Simulation::step(Duration time) {
  ++stage_.step;
  act();
  stage_.run();
  for (const auto& backend : backends_) backend->observe();
  if (time > Duration(0)) stage_.pass(time);
}

void Simulation::act() {
  for (const auto& client : clients_) {
    if (client->is_due()) serve(*client);
    client->act();
  }
  for (const auto& backend : backends_) backend->act();
}

void Simulation::serve(Client& client) {
  stage_.world.tasks.spawn(handler_.serve(client.connect(), {"192.0.2.1"}));
}

bool Simulation::all_over() const {
  return std::ranges::all_of(clients_, [](const auto& client) { return client->over(); });
}

void Simulation::disturb() {
  Random& random = stage_.random;
  disturb(*backends_[random.below(backends_.size())]);
  if (random.once_in(transport_.starved() ? 10 : 150)) {
    transport_.set_starved(!transport_.starved());
    stage_.starving = transport_.starved();
    stage_.journal.note(transport_.starved() ? "out of descriptors" : "descriptors again");
  }
  if (reloads_ && !reloading_ && random.once_in(60)) stage_.world.tasks.spawn(reload());
  if (stage_.step == drain_at_) {
    stage_.journal.note("drain");
    ++stage_.ledger.figures.drains;
    stage_.draining = true;
    for (const auto& client : clients_) client->stay_away();
    stage_.world.sessions.drain();
    handler_.close_idle();
  }
  if (stage_.draining && !stage_.ended && random.once_in(200)) {
    stage_.journal.note("the grace period ends");
    stage_.ended = true;
    stage_.world.sessions.abort();
  }
}

void Simulation::disturb(Backend& backend) {
  using Reach = Backend::Reach;
  Random& random = stage_.random;
  if (random.once_in(backend.reach == Reach::accept ? 25 : 6)) {
    backend.set_reach(static_cast<Reach>(random.below(3)));
    if (!stage_.connect_faults_only && random.once_in(4)) backend.restart();
  }
  if (!stage_.connect_faults_only && random.once_in(20)) backend.set_good(!backend.good());
}

// The endings.

// Nobody sends or reads a byte any more, but for the clients, who still wait for their answers.
void Simulation::begin_silence() {
  stage_.journal.note("silence");
  stage_.silent = true;
  for (const auto& client : clients_) client->stay_away();
}

// Everybody behaves from now on.
void Simulation::begin_peace() {
  stage_.journal.note("peace");
  stage_.silent = false;
  transport_.set_starved(false);
  stage_.starving = false;
  for (const auto& backend : backends_) {
    backend->set_reach(Backend::Reach::accept);
    backend->set_good(true);
    backend->restart();
  }
  stage_.run();
}

// What all requests of one connection may take, one after the other, if each wait is as long as it may be.
Duration Simulation::sum_of_deadlines() const {
  constexpr std::int64_t kTries = 5 + static_cast<std::int64_t>(kBackendsMax);
  constexpr std::int64_t kRequests = 6;
  constexpr Duration kPauses{3'000};
  const Duration tries = (Duration(400) + Duration(600)) * kTries;
  const Duration messages = Duration(1'500) + Duration(800) * 2 + Duration(600) * 3 + Duration(500);
  return (tries + messages + kPauses + base::kContinueWait) * kRequests + Duration(3'000) + base::kLingerTime;
}

// Connections to backends that left must not be kept for anybody.
void Simulation::check_idle_connections() {
  const base::TimePoint last = stage_.now() + base::kLingerTime + Duration(100);
  while (reloading_ || stage_.now() < last) step(base::kWheelTick);
  for (const auto& backend : backends_) {
    for (const auto& connection : backend->connections) {
      if (backend->member_since == 0 && !connection->is_gone()) {
        stage_.journal.violate(connection->name(), " is still open, though its backend was removed");
      }
    }
  }
}

// Nobody asks anything, and everybody behaves: a request is served at once. A place that was not given back, or a line
// in which somebody stands for ever, would show here.
void Simulation::ask_once_more() {
  const base::TimePoint last = stage_.now() + Duration(30'000);
  std::size_t acts = 0;
  clients_.push_back(
      std::make_unique<Client>(stage_, backends_, clients_.size(), Client::Manner::brisk, 1, stage_.now()));
  Client& client = *clients_.back();
  // A large body through a narrow pipe takes many acts, but not much time.
  while (!client.over() && !stage_.journal.violated() && stage_.now() < last) {
    step(++acts % 8 == 0 ? base::kWheelTick : Duration(0));
  }
  if (client.served() == 0) stage_.journal.violate("a last request is not served although all are well");
}

void Simulation::check_nothing_is_left() {
  monitor_.stop();
  handler_.close_idle();
  const base::TimePoint last = stage_.now() + base::kLingerTime + Duration(1'000);
  while (stage_.world.tasks.size() > 0 && stage_.now() < last) step(base::kWheelTick);
  if (stage_.world.tasks.size() > 0) {
    return stage_.journal.violate(stage_.world.tasks.size(), " coroutines are left: somebody waits for ever");
  }
  for (const auto& known : endpoints_) {
    const auto endpoint = known.lock();
    if (endpoint == nullptr) continue;
    if (endpoint->in_use() != 0) stage_.journal.violate(endpoint->url(), " still counts ", endpoint->in_use());
  }
  stage_.ledger.figures.runs = 1;
  stage_.ledger.figures.simulated_ms = stage_.journal.milliseconds();
  stage_.ledger.figures.handlers_max = stage_.ledger.figures.handlers;
}

}  // namespace lb::sim
