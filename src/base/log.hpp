// The one door to spdlog. Lines go to standard error through a bounded queue and a thread of their own: a worker that
// logs never waits for a terminal, a pipe or a disk. When the queue is full the oldest lines are dropped, not the
// traffic.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lb::base {

enum class LogLevel : std::uint8_t { trace, debug, info, warning, error, off };

// "trace" ... "off"; false when the name is none of them.
[[nodiscard]] bool parse_log_level(std::string_view name, LogLevel& level) noexcept;

// From now on. Any thread.
void set_log_level(LogLevel level) noexcept;

// Starts the queue and its thread. Call once, before the first line; without it every line is dropped.
void start_logging(LogLevel level);
// Writes what is queued and stops; log_thread.hpp says what happens if that does not end. Call once all other threads
// have ended.
void stop_logging() noexcept;

// True if a line of this level would be written; ask before building an expensive one. Any thread.
[[nodiscard]] bool log_enabled(LogLevel level) noexcept;
// Queues one line. Any thread; never blocks on output.
void log(LogLevel level, std::string line);

}  // namespace lb::base
