#include "app/configuration.hpp"

#include <algorithm>
#include <utility>

#include "app/format.hpp"
#include "app/notify.hpp"
#include "base/log.hpp"
#include "config/admin_check.hpp"
#include "config/warnings.hpp"

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
  // The new file may name another address, for which no token or a short one is enough; the address in use stays.
  if (now.admin.port != 0 && !config::is_enough_for(now.admin.address, now.admin.token)) {
    base::log(LogLevel::warning, "admin.token stays as it was: " + now.admin.address + " is not loopback");
    now.admin.token = before.admin.token;
  }
}

void warn_of_oddities(const config::Config& config) {
  for (const std::string& warning : config::warnings_of(config)) base::log(LogLevel::warning, warning);
}

const config::Backend* find(const std::vector<config::Backend>& backends, const std::string& url) {
  const auto found = std::ranges::find(backends, url, &config::Backend::url);
  return found == backends.end() ? nullptr : &*found;
}

}  // namespace

std::vector<std::string> undone_by_reading(const std::vector<config::Backend>& before,
                                           const std::vector<config::Backend>& in_force,
                                           const std::vector<config::Backend>& now) {
  std::vector<std::string> lines;
  for (const config::Backend& backend : in_force) {
    const config::Backend* const in_file = find(now, backend.url);
    const config::Backend* const was = find(before, backend.url);
    if (was == nullptr && in_file == nullptr) {
      lines.push_back(backend.url + " goes: the operator has added it, and the file does not name it");
    } else if (in_file != nullptr && in_file->weight != backend.weight &&
               (was == nullptr || was->weight != backend.weight)) {
      lines.push_back(backend.url + " has the weight " + std::to_string(in_file->weight) +
                      " of the file again, no longer the operator's " + std::to_string(backend.weight));
    }
  }
  for (const config::Backend& backend : before) {
    if (find(in_force, backend.url) == nullptr && find(now, backend.url) != nullptr) {
      lines.push_back(backend.url + " is back: the operator has removed it, and the file names it");
    }
  }
  return lines;
}

Configuration::Configuration(config::Config config, ReadAgain read_again, net::Worker& control, Backends& backends,
                             AccessLogs& access_logs, std::function<void(const config::Config&)> in_force)
    : config_(std::move(config)),
      file_backends_(config_.backends),
      read_again_(std::move(read_again)),
      control_(control),
      backends_(backends),
      access_logs_(access_logs),
      in_force_(std::move(in_force)) {}

void Configuration::begin() {
  warn_of_oddities(config_);
  serving_ = true;
  if (reload_asked_ && !stopped_) control_.tasks().spawn(reload());
}

void Configuration::request_reload(std::string_view reason) {
  if (stopped_) return;
  if (!read_again_) {
    base::log(LogLevel::warning, "there is no configuration file to read again: it takes -config");
    return;
  }
  base::log(LogLevel::info, std::string(reason) + ": reading the configuration again");
  reload_asked_ = true;
  if (serving_) control_.tasks().spawn(reload());
}

net::Awaitable<void> Configuration::reload() {
  static_cast<void>(co_await read_again());
}

net::Awaitable<admin::ReloadRecord> Configuration::read_again() {
  notify_reloading();
  ++under_way_;
  const std::uint64_t number = ++begun_;
  auto loaded = read_again_();
  admin::ReloadRecord record{.at = base::system_clock().wall_now(), .ok = bool(loaded)};
  if (loaded) {
    record = co_await put_in_force(std::move(loaded).value(), std::move(record), number);
  } else {
    for (const config::ConfigError& error : loaded.errors()) base::log(LogLevel::error, config::render(error));
    base::log(LogLevel::error, "the configuration was refused; the one in force stays");
    const std::size_t others = loaded.errors().size() - 1;
    record.message = config::render(loaded.errors().front());
    if (others > 0) record.message += "; and " + counted(others, "other mistake");
    ++reloads_.failures;
  }
  if (number > last_reported_) {
    last_reported_ = number;
    reloads_.last = record;
  }
  if (--under_way_ == 0 && !stopped_) notify_supervisor("READY=1");
  co_return record;
}

// NOLINTNEXTLINE: by value, for the coroutine outlives its caller's arguments
net::Awaitable<admin::ReloadRecord> Configuration::put_in_force(config::Config config, admin::ReloadRecord record,
                                                                std::uint64_t number) {
  for (const std::string& line : undone_by_reading(file_backends_, config_.backends, config.backends)) {
    base::log(LogLevel::info, line);
  }
  file_backends_ = config.backends;
  const std::string log_problem = access_logs_.configure(config);
  record.message = co_await apply(std::move(config));
  if (!log_problem.empty()) {
    const std::string text = log_problem + "; the access log stays as it was";
    base::log(LogLevel::error, text);
    record.message += "; " + text;
  }
  log_administration();
  ++reloads_.successes;
  if (number > last_succeeded_) {
    last_succeeded_ = number;
    reloads_.last_success = record.at;
  }
  co_return record;
}

// What the operator has ordered stays, and whoever reads the file may not know it.
void Configuration::log_administration() const {
  for (const auto& endpoint : backends_.all()) {
    if (endpoint->is_active() || endpoint->last_order().wanted == upstream::Administration::active) continue;
    const bool disabled = endpoint->administration() == upstream::Administration::disabled;
    base::log(LogLevel::info,
              endpoint->url() + " stays " + (disabled ? "disabled" : "drained") + ", as the operator has ordered");
  }
}

net::Awaitable<std::string> Configuration::apply(config::Config config) {
  warn_of_fixed_keys(config_, config);
  keep_fixed_keys(config_, config);
  config_ = std::move(config);
  warn_of_oddities(config_);
  in_force_(config_);
  Backends::Change change = backends_.configure(config_);
  const std::string summary = counted(backends_.all().size(), "backend") + ", " + std::to_string(change.added.size()) +
                              " of them new, " + std::to_string(change.removed) + " removed";
  co_await backends_.check_and_admit(std::move(change.added));
  base::log(LogLevel::info, "the configuration is in force: " + summary);
  co_return summary;
}

}  // namespace lb::app
