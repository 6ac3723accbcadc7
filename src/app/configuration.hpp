// The configuration in force, and what puts another one in its place.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/control.hpp"
#include "app/access_logs.hpp"
#include "app/backends.hpp"
#include "config/config.hpp"
#include "config/config_error.hpp"
#include "net/worker.hpp"

namespace lb::app {

// What reading the file again undoes of what the operator has changed by the admin interface, a line for each: `before`
// is what the file said when it was last read, `in_force` what the operator has made of it, `now` what the file says.
[[nodiscard]] std::vector<std::string> undone_by_reading(const std::vector<config::Backend>& before,
                                                         const std::vector<config::Backend>& in_force,
                                                         const std::vector<config::Backend>& now);

// Control thread. Changes take effect at once, one after the other; what they bring is reported when the backends that
// are new have been checked.
class Configuration {
 public:
  // Makes it anew, from the same file and flags.
  using ReadAgain = std::function<config::Checked<config::Config>()>;

  struct Reloads {
    std::uint64_t successes = 0;
    std::uint64_t failures = 0;
    std::optional<admin::ReloadRecord> last;
    std::optional<base::WallTime> last_success;  // of what is in force
  };

  // `in_force` is called when another one is, and not for this one. `read_again`: null where there is no file. The
  // others outlive it.
  Configuration(config::Config config, ReadAgain read_again, net::Worker& control, Backends& backends,
                AccessLogs& access_logs, std::function<void(const config::Config&)> in_force);

  [[nodiscard]] const config::Config& now() const noexcept { return config_; }
  // The backends as the file had them when it was last read: the operator may have changed them since.
  [[nodiscard]] const std::vector<config::Backend>& backends_of_file() const noexcept { return file_backends_; }
  [[nodiscard]] bool has_file() const noexcept { return read_again_ != nullptr; }
  [[nodiscard]] const Reloads& reloads() const noexcept { return reloads_; }

  // Reads the file again; not before begin().
  void request_reload(std::string_view reason);
  // The server serves: what was asked for is done from now on, until stop().
  void begin();
  void stop() noexcept { stopped_ = true; }

  // Reads the file again, at once, and returns what came of it when the backends that are new have been checked.
  [[nodiscard]] net::Awaitable<admin::ReloadRecord> read_again();
  // Puts this one in force; it was checked. Returns a summary for people when its new backends have been checked.
  [[nodiscard]] net::Awaitable<std::string> apply(config::Config config);

  // What of the operator's orders holds, for those who read the file.
  void log_administration() const;

 private:
  net::Awaitable<void> reload();
  net::Awaitable<admin::ReloadRecord> put_in_force(config::Config config, admin::ReloadRecord record,
                                                   std::uint64_t number);

  config::Config config_;
  std::vector<config::Backend> file_backends_;
  ReadAgain read_again_;
  net::Worker& control_;
  Backends& backends_;
  AccessLogs& access_logs_;
  std::function<void(const config::Config&)> in_force_;
  Reloads reloads_;
  bool serving_ = false;
  bool stopped_ = false;
  bool reload_asked_ = false;  // before it served
  unsigned under_way_ = 0;     // readings that are not reported yet
  // Of readings, in their order: one may be reported after one that was begun later.
  std::uint64_t begun_ = 0;
  std::uint64_t last_reported_ = 0;
  std::uint64_t last_succeeded_ = 0;
};

}  // namespace lb::app
