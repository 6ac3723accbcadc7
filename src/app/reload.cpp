// The part of the server that changes its configuration while it runs.
#include <algorithm>
#include <utility>

#include "app/format.hpp"
#include "app/notify.hpp"
#include "app/operator_changes.hpp"
#include "app/server.hpp"
#include "app/settings.hpp"
#include "base/log.hpp"
#include "config/admin_check.hpp"

namespace lb::app {
namespace {

using base::LogLevel;

// Keys that a running server cannot change, with what it says then.
void warn_of_fixed_keys(const config::Config& before, const config::Config& now) {
  const auto warn = [](std::string_view key) {
    base::log(LogLevel::warning,
              std::string(key) + " has changed: that takes a restart (-takeover loses no connection)");
  };
  if (before.server.address != now.server.address) warn("server.address");
  if (before.server.port != now.server.port) warn("server.port");
  if (before.server.threads != now.server.threads) warn("server.threads");
  if (before.admin.address != now.admin.address) warn("admin.address");
  if (before.admin.port != now.admin.port) warn("admin.port");
}

// What stays as it runs is copied into the configuration that was read.
void keep_fixed_keys(const config::Config& before, config::Config& now) {
  now.server.address = before.server.address;
  now.server.port = before.server.port;
  now.server.threads = before.server.threads;
  now.admin.address = before.admin.address;
  now.admin.port = before.admin.port;
  // The new file may be right to have no token, or a short one, for the address that it names; the one that is open is
  // another.
  if (now.admin.port != 0 && !config::is_enough_for(now.admin.address, now.admin.token)) {
    base::log(LogLevel::warning, "admin.token stays as it was: " + now.admin.address + " is not loopback");
    now.admin.token = before.admin.token;
  }
}

}  // namespace

// Reading the configuration again takes a while, for new backends are looked up and checked before they get traffic.
// Whoever asks meanwhile, or before the port is open, is heard afterwards.
void Server::request_reload(std::string_view reason) {
  if (stopping_) return;
  if (!options_.read_again) {
    base::log(LogLevel::warning, "there is no configuration file to read again: it takes -config");
    return;
  }
  base::log(LogLevel::info, std::string(reason) + ": reading the configuration again");
  reload_asked_ = true;
  start_reload();
}

void Server::start_reload() {
  if (!reload_asked_ || !serving_ || reloading_) return;
  reloading_ = true;
  control_.tasks().spawn(reload());
}

net::Awaitable<void> Server::reload() {
  {
    const auto lock = co_await changes_.lock();
    while (std::exchange(reload_asked_, false) && !stopping_) co_await read_again();
  }
  reloading_ = false;
}

// Whoever calls this has the turn.
net::Awaitable<void> Server::read_again() {
  notify_reloading();
  const auto loaded = options_.read_again();
  admin::ReloadRecord record{.at = base::system_clock().wall_now(), .ok = bool(loaded)};
  if (loaded) {
    for (const std::string& line : undone_by_reading(file_backends_, config_.backends, loaded.value().backends)) {
      base::log(LogLevel::info, line);
    }
    file_backends_ = loaded.value().backends;
    const std::string log_problem = access_logs_.configure(loaded.value());
    record.message = co_await apply(loaded.value());
    if (!log_problem.empty()) {
      const std::string text = log_problem + "; the access log stays as it was";
      base::log(LogLevel::error, text);
      record.message += "; " + text;
    }
    log_administration();
    ++history_.reload_successes;
    history_.last_reload_success = record.at;
  } else {
    for (const config::ConfigError& error : loaded.errors()) base::log(LogLevel::error, config::render(error));
    base::log(LogLevel::error, "the configuration was refused; the one in force stays");
    const std::size_t others = loaded.errors().size() - 1;
    record.message = config::render(loaded.errors().front());
    if (others > 0) record.message += "; and " + counted(others, "other mistake");
    ++history_.reload_failures;
  }
  history_.last_reload = std::move(record);
  if (!stopping_) notify_supervisor("READY=1");
}

// What the operator has ordered stays, and whoever reads the file may not know it.
void Server::log_administration() const {
  for (const auto& endpoint : cluster_.members()->endpoints()) {
    if (endpoint->is_active() || endpoint->last_order().wanted == upstream::Administration::active) continue;
    const bool disabled = endpoint->administration() == upstream::Administration::disabled;
    base::log(LogLevel::info,
              endpoint->url() + " stays " + (disabled ? "disabled" : "drained") + ", as the operator has ordered");
  }
}

// Whoever calls this has the turn.
net::Awaitable<std::string> Server::apply(config::Config config) {
  const std::vector<std::shared_ptr<upstream::Endpoint>> before = cluster_.members()->endpoints();
  warn_of_fixed_keys(config_, config);
  keep_fixed_keys(config_, config);
  config_ = std::move(config);
  base::LogLevel level = LogLevel::info;
  if (base::parse_log_level(config_.log_level, level)) base::set_log_level(level);
  admin_.set_token(config_.admin.token);
  limit_connections();
  checker_.set_http(make_http_check(config_.health));
  resolver_.configure(make_resolver_settings(config_));

  const upstream::MembersPtr members = cluster_.replace(make_backend_specs(config_), make_thresholds(config_.health));
  std::vector<std::shared_ptr<upstream::Endpoint>> added = members->endpoints();
  std::erase_if(added, [&](const auto& endpoint) { return std::ranges::find(before, endpoint) != before.end(); });
  const std::size_t added_count = added.size();
  const std::size_t removed_count = before.size() + added_count - members->size();
  if (added_count > 0) co_await monitor_.check_now(std::move(added), first_round_time());
  monitor_.watch(*members, make_health_settings(config_.health));
  const proxy::Settings settings = make_proxy_settings(config_);
  for (const auto& unit : units_) {
    unit->worker().post([&unit = *unit, settings, members] { unit.configure(settings, members); });
  }
  std::string summary = counted(members->size(), "backend") + ", " + std::to_string(added_count) + " of them new, " +
                        std::to_string(removed_count) + " removed";
  base::log(LogLevel::info, "the configuration is in force: " + summary);
  co_return summary;
}

}  // namespace lb::app
