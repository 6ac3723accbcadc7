// What -check says about the backends: each is looked up and connected to once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "app/certificates.hpp"
#include "config/config.hpp"
#include "net/worker.hpp"
#include "upstream/checker.hpp"

namespace lb::app {

struct BackendReport {
  std::string url{};
  unsigned weight = 1;
  net::Addresses addresses{};
  upstream::CheckResult result{};
  std::chrono::nanoseconds took{0};
};

class BackendCheck {
 public:
  // The configuration was checked, and its certificates are loaded.
  BackendCheck(const config::Config& config, const Certificates& certificates);
  BackendCheck(const BackendCheck&) = delete;
  BackendCheck& operator=(const BackendCheck&) = delete;

  // Checks all of them at once, as the running balancer does, each within health.timeout. In the order of the
  // configuration. Once, on the calling thread.
  [[nodiscard]] const std::vector<BackendReport>& run();

 private:
  net::Awaitable<void> check_one(std::shared_ptr<upstream::Endpoint> endpoint, BackendReport& report);

  base::Duration timeout_;
  std::shared_ptr<const upstream::HttpCheck> http_;
  net::Worker worker_;
  upstream::Resolver resolver_;
  upstream::ResolverCache cache_;
  upstream::NetworkChecker checker_;
  std::vector<std::shared_ptr<upstream::Endpoint>> endpoints_;
  std::vector<BackendReport> reports_;
};

// A table for people, and below it a line about those that do not answer, if there are any.
[[nodiscard]] std::string render(const std::vector<BackendReport>& reports);

}  // namespace lb::app
