// What the operator may see and do, as the admin interface asks for it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "admin/control.hpp"
#include "app/access_logs.hpp"
#include "app/backends.hpp"
#include "app/configuration.hpp"
#include "app/server_state.hpp"
#include "app/workers.hpp"
#include "net/async_mutex.hpp"

namespace lb::app {

// Control thread.
class Operator final : public admin::Control {
 public:
  // All of these live as long as it is asked anything.
  Operator(net::Worker& control, const ServerState& state, const Workers& workers, inbound::Admissions& admissions,
           Backends& backends, Configuration& configuration, const AccessLogs& access_logs,
           const Certificates& certificates, const AutomaticCertificates& automatic)
      : control_(control),
        state_(state),
        workers_(workers),
        admissions_(admissions),
        backends_(backends),
        configuration_(configuration),
        access_logs_(access_logs),
        certificates_(certificates),
        automatic_(automatic),
        checks_(control.executor()) {}

  [[nodiscard]] admin::Snapshot snapshot() const override;
  [[nodiscard]] std::string not_ready() const override;

  [[nodiscard]] net::Awaitable<admin::Outcome> administer(std::string url, upstream::Administration wanted) override;
  [[nodiscard]] net::Awaitable<admin::Outcome> add(admin::NewBackend backend) override;
  [[nodiscard]] net::Awaitable<admin::Outcome> remove(std::string url) override;
  [[nodiscard]] net::Awaitable<admin::Outcome> weigh(std::string url, std::int64_t weight) override;
  [[nodiscard]] net::Awaitable<admin::Outcome> check(std::string url) override;
  [[nodiscard]] net::Awaitable<admin::Outcome> reload() override;

  [[nodiscard]] net::Worker& worker() noexcept override { return control_; }
  std::size_t post_to_workers(std::function<void(const telemetry::Recorder&)> ask) override;

 private:
  struct Found {
    std::size_t index = 0;  // in the configuration
    std::shared_ptr<upstream::Endpoint> endpoint{};
    admin::Outcome refusal{};  // where there is no endpoint
  };

  // By any spelling of its URL.
  [[nodiscard]] Found find(const std::string& url) const;
  net::Awaitable<void> check_before_traffic(const std::shared_ptr<upstream::Endpoint>& endpoint);
  void disable(const std::shared_ptr<upstream::Endpoint>& endpoint);
  [[nodiscard]] admin::BackendSnapshot snapshot_of(std::size_t index) const;

  net::Worker& control_;
  const ServerState& state_;
  const Workers& workers_;
  inbound::Admissions& admissions_;
  Backends& backends_;
  Configuration& configuration_;
  const AccessLogs& access_logs_;
  const Certificates& certificates_;
  const AutomaticCertificates& automatic_;
  net::AsyncMutex checks_;
};

}  // namespace lb::app
