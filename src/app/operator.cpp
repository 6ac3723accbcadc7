#include "app/operator.hpp"

#include <algorithm>
#include <unistd.h>
#include <utility>

#include "base/log.hpp"
#include "config/load.hpp"
#include "config/schema.hpp"
#include "config/url.hpp"

namespace lb::app {
namespace {

using admin::Outcome;
using upstream::Administration;

Outcome stopping() {
  return {.status = 503, .text = "the balancer is being stopped"};
}

void log_operator(const std::string& url, std::string_view what) {
  base::log(base::LogLevel::info, url + " [" + std::string(what) + "] (by the operator)");
}

// Says what is wrong with a number by the words of the configuration: empty, or a sentence.
std::string assign_number(std::string_view path, std::int64_t number, config::Config& config) {
  const config::KeySpec& key = *config::find_key(path);
  const auto problem = config::assign_integer(key, number, config);
  return problem ? std::string(key.name()) + ": " + *problem : std::string();
}

}  // namespace

admin::BackendSnapshot Operator::snapshot_of(std::size_t index) const {
  const upstream::EndpointPtr& endpoint = backends_.all()[index];
  const config::Backend& backend = configuration_.now().backends[index];
  admin::BackendSnapshot out;
  out.endpoint = endpoint;
  out.weight = backend.weight;
  out.connections_max = backend.connections_max;
  out.backup = backend.backup;
  const base::Deadline due = backends_.next_check(*endpoint);
  if (due != base::kNever && state_.serving) {
    const auto left = due - control_.wheel().now();
    out.next_check = base::system_clock().wall_now() + std::chrono::duration_cast<base::WallTime::duration>(left);
  }
  for (std::size_t worker = 0; worker < endpoint->workers(); ++worker) out.totals.add(endpoint->counters(worker));
  return out;
}

admin::Snapshot Operator::snapshot() const {
  const Configuration::Reloads& reloads = configuration_.reloads();
  admin::Snapshot out;
  out.now = base::system_clock().wall_now();
  out.started = state_.started;
  out.uptime = std::chrono::duration_cast<base::Duration>(out.now - out.started);
  out.pid = static_cast<int>(::getpid());
  out.workers = workers_.size();
  out.transport = workers_.transport();
  out.listening = state_.listening;
  out.stopping = state_.stopping;
  out.reload_successes = reloads.successes;
  out.reload_failures = reloads.failures;
  out.last_reload = reloads.last;
  out.last_reload_success = reloads.last_success;
  out.connections = admissions_.connections();
  out.connections_max = admissions_.connections_max();
  out.access_log_dropped = access_logs_.dropped();
  for (const Certificates::State& one : certificates_.states()) {
    out.certificates.push_back({one.path, one.name, one.not_after});
  }
  for (acme::State& one : automatic_.states()) {
    out.automatic.push_back({.domain = std::move(one.domain),
                             .state = acme::to_string(one.condition),
                             .problem = std::move(one.problem),
                             .not_after = one.not_after,
                             .next_try = one.next_try});
  }
  for (const auto& unit : workers_.units()) out.clients.add(unit->recorder().counters());
  const std::size_t backends = backends_.all().size();
  out.backends.reserve(backends);
  for (std::size_t i = 0; i < backends; ++i) out.backends.push_back(snapshot_of(i));
  return out;
}

std::string Operator::not_ready() const {
  if (state_.stopping) return "stopping";
  if (!state_.serving) return "the port is not open yet";
  const auto takes_traffic = [](const auto& endpoint) { return endpoint->is_active() && endpoint->is_up(); };
  if (std::ranges::any_of(backends_.all(), takes_traffic)) return {};
  return "no backend is active and up";
}

Operator::Found Operator::find(const std::string& url) const {
  const config::UrlOutcome parsed = config::parse_backend_url(url);
  if (!parsed.backend) {
    return {.endpoint = nullptr,
            .refusal = {.status = 400, .text = "url: " + config::in_quotes(url) + " " + parsed.problem}};
  }
  const std::string identity = config::backend_identity(*parsed.backend);
  const std::vector<config::Backend>& backends = configuration_.now().backends;
  const auto found = std::ranges::find_if(
      backends, [&](const auto& backend) { return config::backend_identity(backend) == identity; });
  if (found == backends.end()) {
    return {.endpoint = nullptr, .refusal = {.status = 404, .text = "there is no backend " + parsed.backend->url}};
  }
  const auto index = static_cast<std::size_t>(found - backends.begin());
  return {.index = index, .endpoint = backends_.all()[index]};
}

// NOLINTNEXTLINE: by value, for the coroutine outlives its caller's arguments
net::Awaitable<Outcome> Operator::administer(std::string url, Administration wanted) {
  if (state_.stopping) co_return stopping();
  Found found = find(url);
  if (!found.endpoint) co_return std::move(found.refusal);
  const std::shared_ptr<upstream::Endpoint> endpoint = found.endpoint;
  const std::string words(to_string(wanted));
  const bool is_so = endpoint->administration() == wanted;
  const bool is_being_enabled = endpoint->last_order().wanted == Administration::active && !endpoint->is_active();
  if (is_so && !is_being_enabled) {
    co_return Outcome{.text = endpoint->url() + " is " + words + " already", .url = endpoint->url()};
  }
  const std::uint64_t order = endpoint->note_order(wanted, base::system_clock().wall_now());
  if (wanted == Administration::active && (endpoint->is_disabled() || is_being_enabled)) {
    // Checked like one that drains, and given traffic when the result is known; unless another order came meanwhile.
    endpoint->administer(Administration::draining);
    endpoint->forget_health();
    co_await check_before_traffic(endpoint);
    if (endpoint->is_removed()) {
      co_return Outcome{.status = 409, .text = endpoint->url() + " was removed meanwhile"};
    }
    if (endpoint->last_order().number != order) {
      co_return Outcome{
          .status = 409, .text = endpoint->url() + " was given another order meanwhile", .url = endpoint->url()};
    }
  }
  if (wanted == Administration::active) endpoint->start_slowly(control_.wheel().now());
  endpoint->administer(wanted);
  log_operator(endpoint->url(), words);
  if (wanted == Administration::disabled) disable(endpoint);
  co_return Outcome{.text = endpoint->url() + " is " + words, .url = endpoint->url()};
}

net::Awaitable<void> Operator::check_before_traffic(const std::shared_ptr<upstream::Endpoint>& endpoint) {
  std::vector<std::shared_ptr<upstream::Endpoint>> one{endpoint};
  co_await backends_.check(std::move(one));
  backends_.reconsider_checks();  // it is checked again from now on
}

void Operator::disable(const std::shared_ptr<upstream::Endpoint>& endpoint) {
  backends_.reconsider_checks();
  backends_.drop_idle(endpoint);
}

net::Awaitable<Outcome> Operator::add(admin::NewBackend backend) {
  config::Config scratch;
  scratch.backends.emplace_back();
  const auto wrong_url = config::assign_text(*config::find_key("backends.url"), backend.url, scratch);
  if (wrong_url) co_return Outcome{.status = 400, .text = "url: " + *wrong_url};
  std::string problem = assign_number("backends.weight", backend.weight, scratch);
  if (problem.empty()) problem = assign_number("backends.connections_max", backend.connections_max, scratch);
  if (!problem.empty()) co_return Outcome{.status = 400, .text = std::move(problem)};

  if (state_.stopping) co_return stopping();
  scratch.backends.back().backup = backend.backup;
  const std::string url = scratch.backends.back().url;
  const Found found = find(url);
  if (found.endpoint) co_return Outcome{.status = 409, .text = found.endpoint->url() + " is a backend already"};
  if (configuration_.now().backends.size() >= config::kBackendsMax) {
    co_return Outcome{
        .status = 409,
        .text = "there are " + std::to_string(config::kBackendsMax) + " backends already, which is the limit"};
  }
  config::Config config = configuration_.now();
  config.backends.push_back(scratch.backends.back());
  log_operator(url, "added");
  co_await configuration_.apply(std::move(config));
  if (!find(url).endpoint) co_return Outcome{.status = 409, .text = url + " was removed meanwhile"};
  co_return Outcome{.status = 201, .text = url + " is added", .url = url};
}

net::Awaitable<Outcome> Operator::remove(std::string url) {
  if (state_.stopping) co_return stopping();
  Found found = find(url);
  if (!found.endpoint) co_return std::move(found.refusal);
  config::Config config = configuration_.now();
  const std::string name = config.backends[found.index].url;
  if (config.backends.size() == 1) {
    co_return Outcome{.status = 409, .text = name + " is the last backend; drain or disable it instead"};
  }
  config.backends.erase(config.backends.begin() + static_cast<std::ptrdiff_t>(found.index));
  log_operator(name, "removed");
  co_await configuration_.apply(std::move(config));
  co_return Outcome{.text = name + " is removed"};
}

net::Awaitable<Outcome> Operator::weigh(std::string url, std::int64_t weight) {
  if (state_.stopping) co_return stopping();
  Found found = find(url);
  if (!found.endpoint) co_return std::move(found.refusal);
  config::Config scratch;
  scratch.backends.emplace_back();
  std::string problem = assign_number("backends.weight", weight, scratch);
  if (!problem.empty()) co_return Outcome{.status = 400, .text = std::move(problem)};
  config::Config config = configuration_.now();
  config::Backend& backend = config.backends[found.index];
  const std::string name = backend.url;
  if (backend.weight != scratch.backends.back().weight) {
    backend.weight = scratch.backends.back().weight;
    log_operator(name, "weight " + std::to_string(backend.weight));
    co_await configuration_.apply(std::move(config));
  }
  co_return Outcome{.text = name + " has the weight " + std::to_string(weight), .url = name};
}

net::Awaitable<Outcome> Operator::check(std::string url) {
  std::vector<std::shared_ptr<upstream::Endpoint>> endpoints = backends_.all();
  std::string name;
  if (!url.empty()) {
    Found found = find(url);
    if (!found.endpoint) co_return std::move(found.refusal);
    name = found.endpoint->url();
    endpoints = {found.endpoint};
  }
  // One order at a time: each may take a descriptor for every backend, which the traffic needs.
  const auto lock = co_await checks_.lock();
  std::erase_if(endpoints, [](const auto& one) { return one->administration() == Administration::disabled; });
  if (endpoints.empty() && !name.empty()) {
    co_return Outcome{.status = 409, .text = name + " is disabled, and not checked until it is enabled"};
  }
  co_await backends_.check(std::move(endpoints));
  co_return Outcome{.text = "checked", .url = name};
}

net::Awaitable<Outcome> Operator::reload() {
  if (!configuration_.has_file()) {
    co_return Outcome{.status = 409, .text = "there is no configuration file to read again: it takes -config"};
  }
  if (state_.stopping) co_return stopping();
  base::log(base::LogLevel::info, "the operator: reading the configuration again");
  const admin::ReloadRecord record = co_await configuration_.read_again();
  co_return Outcome{.status = record.ok ? 200U : 409U, .text = record.message};
}

std::size_t Operator::post_to_workers(std::function<void(const telemetry::Recorder&)> ask) {
  workers_.post_each([ask = std::move(ask)](WorkerUnit& unit) { ask(unit.recorder()); });
  return workers_.size();
}

}  // namespace lb::app
