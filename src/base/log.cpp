#include "base/log.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <utility>

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "base/log_thread.hpp"

namespace lb::base {
namespace {

constexpr std::size_t kQueuedLinesMax = 8192;
constexpr std::array<std::string_view, 6> kLevelNames{"trace", "debug", "info", "warning", "error", "off"};

std::atomic<LogLevel> g_level{LogLevel::off};  // the logger is the one permitted singleton
std::shared_ptr<spdlog::details::thread_pool> g_thread;
std::shared_ptr<spdlog::logger> g_logger;

spdlog::level::level_enum to_spdlog(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

}  // namespace

bool parse_log_level(std::string_view name, LogLevel& level) noexcept {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames[i] == name) {
      level = static_cast<LogLevel>(i);
      return true;
    }
  }
  return false;
}

void start_logging(LogLevel level) {
  g_thread = std::make_shared<spdlog::details::thread_pool>(kQueuedLinesMax, 1);
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();  // colours only where there is a terminal
  g_logger = std::make_shared<spdlog::async_logger>("load-balancer", std::move(sink), g_thread,
                                                    spdlog::async_overflow_policy::overrun_oldest);
  g_logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
  g_logger->set_level(to_spdlog(level));
  g_level.store(level, std::memory_order_relaxed);
}

void set_log_level(LogLevel level) noexcept {
  if (g_logger) g_logger->set_level(to_spdlog(level));
  g_level.store(level, std::memory_order_relaxed);
}

void stop_logging() noexcept {
  g_level.store(LogLevel::off, std::memory_order_relaxed);
  if (g_thread) end_log_thread(std::move(g_thread));
  if (!log_thread_left_alone()) g_logger.reset();  // only then is the sink nobody else's
}

bool log_enabled(LogLevel level) noexcept {
  return level != LogLevel::off && level >= g_level.load(std::memory_order_relaxed);
}

void log(LogLevel level, std::string line) {
  if (log_enabled(level)) {
    // The line is an argument, not the format: a brace in it means nothing.
    g_logger->log(to_spdlog(level), "{}", line);
  }
}

}  // namespace lb::base
