#include "base/log_file.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include "base/limits.hpp"
#include "base/log.hpp"

namespace lb::base {
namespace {

constexpr int kLookMs = 50;  // whether waiting for a reader still makes sense

constexpr int kNobodyReads = ETIMEDOUT;  // which write() has no use for

std::string reason(int error) {
  return error == kNobodyReads ? "nobody reads it" : std::generic_category().message(error);
}

std::string name_of(const std::string& path) {
  return path.empty() ? "standard output" : '"' + path + '"';
}

// A negative number: errno says why. A fifo that nobody reads is an error rather than a wait.
int open_to_append(const std::string& path) noexcept {
  constexpr mode_t kMode = S_IRUSR | S_IWUSR | S_IRGRP;  // whoever asked for what is nobody else's business
  if (path.empty()) return ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, kMode);
}

}  // namespace

// Runs on the queue's thread, but for what says otherwise.
class LogFile::Sink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  Sink(std::string name, int descriptor, const Clock& clock) : name_(std::move(name)), clock_(clock) {
    use(descriptor);
  }
  ~Sink() override {
    ::close(descriptor_);
    const int unused = next_.load();
    if (unused >= 0) ::close(unused);
  }
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  // Any thread: from the next block on.
  void go_on_in(int descriptor) noexcept {
    const int unused = next_.exchange(descriptor);
    if (unused >= 0) ::close(unused);
  }
  // Any thread: afterwards nothing waits for a reader.
  void end_by(Deadline deadline) noexcept { end_by_.store(deadline); }
  // Any thread.
  [[nodiscard]] std::uint64_t failed() const noexcept { return failed_.load(std::memory_order_relaxed); }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const int next = next_.exchange(-1);
    if (next >= 0) {
      ::close(descriptor_);
      use(next);
    }
    const std::string_view block(message.payload.data(), message.payload.size());
    if (block.empty()) return;  // sent for the file's sake
    const int error = write_lines(block);
    if (error != 0) failed_.fetch_add(1, std::memory_order_relaxed);
    report(error);
  }
  void flush_() override {}

  void use(int descriptor) noexcept {
    struct stat status{};
    descriptor_ = descriptor;
    is_file_ = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
    torn_ = false;
  }

  // Both return the error, or 0. What a failed write has torn is ended first, so that the lines that follow are whole.
  int write_lines(std::string_view block) {
    const int error = torn_ ? write_all("\n") : 0;
    return error != 0 ? error : write_all(block);
  }
  int write_all(std::string_view bytes) {
    while (!bytes.empty()) {
      // A pipe that is ready takes that much without waiting; it may be somebody else's too, so it is not made
      // non-blocking.
      const std::size_t most = is_file_ ? bytes.size() : std::min<std::size_t>(bytes.size(), PIPE_BUF);
      if (!is_file_ && !wait_until_ready()) return kNobodyReads;
      const ssize_t written = ::write(descriptor_, bytes.data(), most);
      if (written < 0 && errno != EINTR && errno != EAGAIN) return errno;
      if (written <= 0) continue;
      torn_ = bytes[static_cast<std::size_t>(written) - 1] != '\n';
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return 0;
  }

  // False: it is time to end.
  [[nodiscard]] bool wait_until_ready() const noexcept {
    while (clock_.now() < end_by_.load()) {
      pollfd wait{descriptor_, POLLOUT, 0};
      const int ready = ::poll(&wait, 1, kLookMs);
      if (ready > 0 || (ready < 0 && errno != EINTR)) return true;  // an error is for write() to tell
    }
    return false;
  }

  // Once, however many blocks fail; and once when it works again.
  void report(int error) {
    if ((error != 0) == failing_) return;
    failing_ = error != 0;
    if (failing_) {
      base::log(LogLevel::error,
                "cannot write to " + name_ + ": " + reason(error) + "; lines are lost until that works");
    } else {
      base::log(LogLevel::info, "writing to " + name_ + " works again");
    }
  }

  const std::string name_;
  const Clock& clock_;
  int descriptor_ = -1;
  bool is_file_ = false;
  bool torn_ = false;  // the last byte written is not the end of a line
  bool failing_ = false;
  std::atomic<int> next_{-1};
  std::atomic<Deadline> end_by_{kNever};
  std::atomic<std::uint64_t> failed_{0};
};

std::unique_ptr<LogFile> LogFile::open(std::string path, const Clock& clock, std::size_t blocks_max,
                                       std::string& problem) {
  const int descriptor = open_to_append(path);
  if (descriptor < 0) {
    problem = "cannot open " + name_of(path) + " for writing: " + reason(errno);
    return nullptr;
  }
  return std::unique_ptr<LogFile>(new LogFile(std::move(path), descriptor, clock, blocks_max));
}

LogFile::LogFile(std::string path, int descriptor, const Clock& clock, std::size_t blocks_max)
    : path_(std::move(path)),
      clock_(clock),
      sink_(std::make_shared<Sink>(name_of(path_), descriptor, clock)),
      thread_(std::make_shared<spdlog::details::thread_pool>(blocks_max, 1)),
      writing_(thread_),
      logger_(std::make_shared<spdlog::async_logger>("log file", sink_, thread_,
                                                     spdlog::async_overflow_policy::overrun_oldest)) {}

LogFile::~LogFile() {
  finish();
}

void LogFile::write(std::string_view block) {
  const auto thread = writing_.lock();
  if (!thread) return;
  logger_->log(spdlog::level::info, spdlog::string_view_t(block.data(), block.size()));
  warn_of(thread->overrun_counter());
}

// At most once a minute.
void LogFile::warn_of(std::uint64_t overrun) {
  if (overrun == warned_of_.load(std::memory_order_relaxed)) return;
  const TimePoint now = clock_.now();
  TimePoint quiet_until = quiet_until_.load();
  if (now < quiet_until || !quiet_until_.compare_exchange_strong(quiet_until, now + kDroppedSaidEvery)) return;
  warned_of_.store(overrun, std::memory_order_relaxed);
  log(LogLevel::warning, name_of(path_) + " takes less than is logged: " + std::to_string(overrun) +
                             " blocks of lines were dropped so far");
}

std::string LogFile::reopen() {
  const auto thread = writing_.lock();
  if (path_.empty() || !thread) return {};
  const int descriptor = open_to_append(path_);
  if (descriptor < 0) return "cannot open " + name_of(path_) + " anew: " + reason(errno);
  sink_->go_on_in(descriptor);
  logger_->log(spdlog::level::info, spdlog::string_view_t());  // so that it does not take a request to notice
  return {};
}

void LogFile::finish() noexcept {
  if (!thread_) return;
  sink_->end_by(clock_.now() + kLogFileEndTime);
  overrun_at_end_ = thread_->overrun_counter();
  thread_.reset();  // joins once the queue is empty
}

std::uint64_t LogFile::dropped() const {
  const auto thread = writing_.lock();
  return sink_->failed() + (thread ? thread->overrun_counter() : overrun_at_end_.load());
}

}  // namespace lb::base
