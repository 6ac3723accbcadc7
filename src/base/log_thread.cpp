#include "base/log_thread.hpp"

#include <atomic>
#include <future>
#include <thread>
#include <utility>

#include <spdlog/async.h>

#include "base/limits.hpp"

namespace lb::base {

namespace {
std::atomic<bool> g_left_alone{false};
}

void end_log_thread(std::shared_ptr<spdlog::details::thread_pool> thread) noexcept {
  std::promise<void> ended;
  const std::future<void> end = ended.get_future();
  // Whoever destroys it waits for it, without a bound.
  std::thread([thread = std::move(thread), ended = std::move(ended)]() mutable {
    thread.reset();
    ended.set_value();
  }).detach();
  if (end.wait_for(kLogEndTime) != std::future_status::ready) g_left_alone = true;
}

bool log_thread_left_alone() noexcept {
  return g_left_alone;
}

}  // namespace lb::base
