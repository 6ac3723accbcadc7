#include "support/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace lb::support {
namespace {

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Pipe make_pipe() {
  std::array<int, 2> ends{-1, -1};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

// The environment for the child: as ours, but a sanitizer's report has an exit status of its own.
std::vector<std::string> make_environment() {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!text.starts_with("ASAN_OPTIONS=") && !text.starts_with("UBSAN_OPTIONS=") &&
        !text.starts_with("TSAN_OPTIONS=")) {
      environment.emplace_back(text);
    }
  }
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}) {
    const char* given = std::getenv(name);
    environment.push_back(std::string(name) + "=" + (given != nullptr ? std::string(given) + ":" : "") +
                          "exitcode=" + std::to_string(kSanitizerStatus) + ":print_stacktrace=1");
  }
  return environment;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

bool has_sanitizer_report(const std::string& text) {
  for (const char* mark :
       {"ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", ": runtime error: "}) {
    if (text.find(mark) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

std::string binary_path() {
  const char* const other = std::getenv("LB_TEST_BINARY");  // NOLINT(concurrency-mt-unsafe): nobody sets variables
  return other != nullptr ? other : LB_BINARY;
}

Process::Process(const std::vector<std::string>& arguments, int given_out) {
  Pipe out = make_pipe();
  Pipe err = make_pipe();
  std::vector<std::string> words{binary_path()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const std::vector<char*> argv = pointers_to(words);
  std::vector<std::string> variables = make_environment();
  const std::vector<char*> envp = pointers_to(variables);

  pid_ = ::fork();
  if (pid_ == 0) {
    // Other threads' locks may be held here: system calls only.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(given_out >= 0 ? given_out : out.write.get(), STDOUT_FILENO);
    ::dup2(err.write.get(), STDERR_FILENO);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  EXPECT_GT(pid_, 0) << "cannot start " << binary_path();
  out_pipe_ = std::move(out.read);
  err_pipe_ = std::move(err.read);
  reader_ = std::thread([this] { capture(); });
}

Process::~Process() {
  if (!status_ && pid_ > 0) {
    // The first signal drains, each further one ends at once; equal signals that pend together are one to the kernel.
    const Deadline deadline = within();
    do {
      signal(SIGTERM);
    } while (!wait_exit(std::min(deadline, within(Duration(100)))) && now() < deadline);
    if (!status_) {
      ADD_FAILURE() << "the balancer did not end on SIGTERM; its log:\n" << err();
      signal(SIGKILL);
      static_cast<void>(wait_exit());
    }
  }
  if (reader_.joinable()) reader_.join();
  // A further SIGTERM may meet a process whose handler is gone already, in the last moments of its end.
  const bool ended_by_us = status_ == 128 + SIGKILL || status_ == 128 + SIGTERM;
  const bool bad_end = status_ && (*status_ == kSanitizerStatus || (*status_ > 128 && !ended_by_us));
  if (bad_end || has_sanitizer_report(err_)) {
    ADD_FAILURE() << "the balancer ended with status " << status_.value_or(-1) << "; its log:\n" << err_;
  } else if (testing::Test::HasFailure()) {
    std::printf("the balancer's log:\n%s\n", err_.c_str());
  }
}

void Process::signal(int number) const {
  if (pid_ > 0 && !status_) ::kill(pid_, number);
}

std::optional<int> Process::wait_exit(Deadline deadline) {
  // Both pipes end when the process does: waiting for that needs no polling of its state.
  std::unique_lock lock(mutex_);
  if (!printed_.wait_until(lock, deadline, [this] { return captured_; })) return std::nullopt;
  if (!status_) {
    int state = 0;
    while (::waitpid(pid_, &state, 0) < 0 && errno == EINTR) {
    }
    status_ = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  }
  return status_;
}

void Process::capture() {
  std::array<pollfd, 2> waits{pollfd{out_pipe_.get(), POLLIN, 0}, pollfd{err_pipe_.get(), POLLIN, 0}};
  std::array<char, 4096> bytes;
  while (waits[0].fd >= 0 || waits[1].fd >= 0) {
    if (::poll(waits.data(), waits.size(), -1) < 0) continue;
    for (std::size_t i = 0; i < waits.size(); ++i) {
      if (waits[i].fd < 0 || waits[i].revents == 0) continue;
      const ssize_t got = ::read(waits[i].fd, bytes.data(), bytes.size());
      if (got < 0 && errno == EINTR) continue;
      const std::scoped_lock lock(mutex_);
      if (got <= 0) {
        waits[i].fd = -1;  // poll() leaves it out from now on
      } else {
        (i == 0 ? out_ : err_).append(bytes.data(), static_cast<std::size_t>(got));
        printed_.notify_all();
      }
    }
  }
  const std::scoped_lock lock(mutex_);
  captured_ = true;
  printed_.notify_all();
}

std::string Process::out() const {
  const std::scoped_lock lock(mutex_);
  return out_;
}

std::string Process::err() const {
  const std::scoped_lock lock(mutex_);
  return err_;
}

std::optional<std::string> Process::find_line(const std::string& printed, std::string_view text, std::size_t from) {
  const std::size_t at = printed.find(text, from);
  if (at == std::string::npos) return std::nullopt;
  const std::size_t end = printed.find('\n', at);
  if (end == std::string::npos) return std::nullopt;
  const std::size_t before = at == 0 ? std::string::npos : printed.rfind('\n', at - 1);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  return printed.substr(begin, end - begin);
}

std::optional<std::string> Process::wait_for_line(const std::string& printed, std::string_view text, std::size_t from,
                                                  Deadline deadline) const {
  std::unique_lock lock(mutex_);
  std::optional<std::string> line;
  printed_.wait_until(lock, deadline, [&] { return (line = find_line(printed, text, from)).has_value() || captured_; });
  return line;
}

std::optional<std::string> Process::wait_for_log(std::string_view text, std::size_t from, Deadline deadline) const {
  return wait_for_line(err_, text, from, deadline);
}

std::optional<std::string> Process::wait_for_out(std::string_view text, Deadline deadline) const {
  return wait_for_line(out_, text, 0, deadline);
}

Finished run_binary(const std::vector<std::string>& arguments) {
  Process process(arguments);
  const auto status = process.wait_exit();
  EXPECT_TRUE(status) << "the binary did not end by itself";
  return {status.value_or(-1), process.out(), process.err()};
}

TemporaryDirectory::TemporaryDirectory() {
  path_ = (std::filesystem::temp_directory_path() / "lb-e2e-XXXXXX").string();
  EXPECT_NE(::mkdtemp(path_.data()), nullptr);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryDirectory::write(const std::string& name, std::string_view text) const {
  const std::string file = path_ + "/" + name;
  std::ofstream(file, std::ios::binary) << text;
  return file;
}

}  // namespace lb::support
