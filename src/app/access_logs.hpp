// The access log as the configuration wants it: opened, opened anew, changed while the workers write to it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "app/workers.hpp"
#include "base/log_file.hpp"
#include "config/config.hpp"
#include "net/worker.hpp"

namespace lb::app {

// Control thread.
class AccessLogs {
 public:
  // Both outlive it.
  AccessLogs(net::Worker& control, const Workers& workers) : control_(control), workers_(workers) {}

  // Makes it what the configuration says. Returns nothing, or a sentence for the user about what the machine refused:
  // everything stays as it was then.
  [[nodiscard]] std::string configure(const config::Config& config);
  // Somebody has renamed the file: goes on in a new one of its name. Does nothing where there is none.
  void reopen();
  // The workers write no more: everything is written, and the file closed.
  void finish();

  // Lines that were not written, since the start.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return lost_->load(std::memory_order_relaxed); }

 private:
  net::Worker& control_;
  const Workers& workers_;
  std::string format_ = "off";  // as in the configuration
  std::string path_;
  std::shared_ptr<base::LogFile> file_;  // none: it is off
  base::LogFile::LostLines lost_ = std::make_shared<std::atomic<std::uint64_t>>(0);
};

}  // namespace lb::app
