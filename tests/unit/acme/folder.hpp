// A folder of a test, and a world whose two clocks go together.
#pragma once

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <system_error>

#include <gtest/gtest.h>

#include "net/deadline_wheel.hpp"
#include "net/task_group.hpp"

namespace lb::acme::test {

class Folder {
 public:
  Folder() : path_(testing::TempDir() + "lb-acme-XXXXXX") { EXPECT_NE(::mkdtemp(path_.data()), nullptr); }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline unsigned mode_of(const std::string& path) {
  struct stat found{};
  EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
  return found.st_mode & 07777U;
}

// Stands still until it is turned.
class TurnedClock final : public base::Clock {
 public:
  [[nodiscard]] base::TimePoint now() const noexcept override {
    return base::TimePoint(since_ + std::chrono::hours(1));
  }
  [[nodiscard]] std::time_t wall_seconds() const noexcept override {
    return kBegin + std::chrono::duration_cast<std::chrono::seconds>(since_).count() + set_by;
  }
  [[nodiscard]] base::WallTime wall_now() const noexcept override {
    return std::chrono::system_clock::from_time_t(wall_seconds());
  }
  void turn(base::Duration by) noexcept { since_ += by; }

  static constexpr std::time_t kBegin = 1'800'000'000;  // in 2027
  std::time_t set_by = 0;

 private:
  base::Duration since_{0};
};

struct World {
  void run() {
    io.restart();
    io.poll();
  }
  // In steps of a second: what is waited for here takes hours.
  void pass(std::chrono::seconds time) {
    run();
    for (; time.count() > 0; --time) {
      clock.turn(std::chrono::seconds(1));
      wheel.advance();
      run();
    }
  }
  [[nodiscard]] std::time_t now() const noexcept { return clock.wall_seconds(); }

  TurnedClock clock;
  net::asio::io_context io{1};
  net::DeadlineWheel wheel{clock};
  net::TaskGroup tasks{io.get_executor()};
};

}  // namespace lb::acme::test
