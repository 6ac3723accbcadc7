// The end of the thread that a log's queue has.
#pragma once

#include <memory>

namespace spdlog::details {
class thread_pool;
}

namespace lb::base {

// Lets it write what is queued, and end. Waits for that kLogEndTime at most: a write to a terminal or a disk may never
// return. Then it is left alone, with what it uses. Precondition: nobody else keeps it for longer than a call takes.
void end_log_thread(std::shared_ptr<spdlog::details::thread_pool> thread) noexcept;

// Whether that has happened to any: the process has to end by std::_Exit(), so that nothing is destroyed under it. Any
// thread.
[[nodiscard]] bool log_thread_left_alone() noexcept;

}  // namespace lb::base
