#include "base/log_file.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
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
#include "base/log_thread.hpp"

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

std::size_t lines_in(std::string_view block) noexcept {
  return static_cast<std::size_t>(std::ranges::count(block, '\n'));
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
  Sink(std::string name, int descriptor, const Clock& clock, LostLines lost)
      : name_(std::move(name)), clock_(clock), lost_(std::move(lost)) {
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

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const int next = next_.exchange(-1);
    if (next >= 0) {
      ::close(descriptor_);
      use(next);
    }
    std::string_view block(message.payload.data(), message.payload.size());
    if (block.empty()) return;  // sent for the file's sake
    const int error = write_lines(block);
    if (error != 0) lost_->fetch_add(lines_in(block), std::memory_order_relaxed);
    report(error);
  }
  void flush_() override {}

  void use(int descriptor) noexcept {
    struct stat status{};
    descriptor_ = descriptor;
    is_file_ = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
    torn_ = false;
  }

  // Both return the error, or 0, and leave what was not written. What a failed write has torn is ended first, so that
  // the lines that follow are whole.
  int write_lines(std::string_view& block) {
    std::string_view end = torn_ ? "\n" : "";
    const int error = write_all(end);
    return error != 0 ? error : write_all(block);
  }
  int write_all(std::string_view& bytes) {
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
  const LostLines lost_;
  int descriptor_ = -1;
  bool is_file_ = false;
  bool torn_ = false;  // the last byte written is not the end of a line
  bool failing_ = false;
  std::atomic<int> next_{-1};
  std::atomic<Deadline> end_by_{kNever};
};

std::unique_ptr<LogFile> LogFile::open(Settings settings, const Clock& clock, std::string& problem) {
  const int descriptor = open_to_append(settings.path);
  if (descriptor < 0) {
    problem = "cannot open " + name_of(settings.path) + " for writing: " + reason(errno);
    return nullptr;
  }
  return std::unique_ptr<LogFile>(new LogFile(std::move(settings), descriptor, clock));
}

LogFile::LogFile(Settings settings, int descriptor, const Clock& clock)
    : settings_(std::move(settings)),
      clock_(clock),
      sink_(std::make_shared<Sink>(name_of(settings_.path), descriptor, clock, settings_.lost)),
      thread_(std::make_shared<spdlog::details::thread_pool>(settings_.blocks_max, 1)),
      writing_(thread_),
      logger_(std::make_shared<spdlog::async_logger>("log file", sink_, thread_,
                                                     spdlog::async_overflow_policy::overrun_oldest)),
      lines_of_(settings_.blocks_max) {}

LogFile::~LogFile() {
  finish();
}

void LogFile::write(std::string_view block, std::size_t lines) {
  if (const auto thread = writing_.lock()) {
    queue(*thread, block, lines);
  } else {
    settings_.lost->fetch_add(lines, std::memory_order_relaxed);
  }
}

// A full queue drops its oldest block for a new one: that is the one which came blocks_max before it.
void LogFile::queue(spdlog::details::thread_pool& thread, std::string_view block, std::size_t lines) {
  const std::lock_guard lock(mutex_);
  logger_->log(spdlog::level::info, spdlog::string_view_t(block.data(), block.size()));
  const std::size_t oldest = std::exchange(lines_of_[queued_++ % lines_of_.size()], lines);
  const std::uint64_t overrun = thread.overrun_counter();
  if (overrun != overrun_) settings_.lost->fetch_add(oldest, std::memory_order_relaxed);
  overrun_ = overrun;
  if (overrun_ != warned_of_) warn_of_lost();
}

// At most once a minute.
void LogFile::warn_of_lost() {
  const TimePoint now = clock_.now();
  if (now < quiet_until_) return;
  quiet_until_ = now + kDroppedSaidEvery;
  warned_of_ = overrun_;
  log(LogLevel::warning, name_of(settings_.path) + " takes less than is logged: " +
                             std::to_string(settings_.lost->load(std::memory_order_relaxed)) +
                             " lines were dropped so far");
}

std::string LogFile::reopen() {
  const auto thread = writing_.lock();
  if (settings_.path.empty() || !thread) return {};
  const int descriptor = open_to_append(settings_.path);
  if (descriptor < 0) return "cannot open " + name_of(settings_.path) + " anew: " + reason(errno);
  sink_->go_on_in(descriptor);
  queue(*thread, {}, 0);  // so that it does not take a request to notice
  return {};
}

void LogFile::finish() noexcept {
  if (!thread_) return;
  sink_->end_by(clock_.now() + kLogFileEndTime);
  end_log_thread(std::move(thread_));  // the blocks in its queue keep the sink, should it be left alone
}

}  // namespace lb::base
