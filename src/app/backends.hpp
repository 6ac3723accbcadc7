// What the control thread knows and does about the backends of all services, and the plans that it makes of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/automatic_certificates.hpp"
#include "app/certificates.hpp"
#include "app/workers.hpp"
#include "config/config.hpp"
#include "net/worker.hpp"
#include "proxy/plan.hpp"
#include "upstream/cluster.hpp"
#include "upstream/health_monitor.hpp"
#include "upstream/health_recorder.hpp"
#include "upstream/outlier_detector.hpp"
#include "upstream/registry.hpp"
#include "upstream/resolver_cache.hpp"

namespace lb::app {

// Whatever changes which backends there are makes a new plan for the workers, at once: nothing waits for the first
// checks of what is new but the backends that are checked. Control thread.
class Backends {
 public:
  using Change = upstream::Cluster::Change;

  // The configuration was checked, and its certificates are loaded. All of these outlive it.
  Backends(net::Worker& control, Workers& workers, const Certificates& certificates,
           const AutomaticCertificates& automatic, const config::Config& config);

  // What the configuration says holds from now on; what is new in it gets no requests before check_and_admit(). If all
  // is new, the workers go on with what they have until then.
  Change configure(const config::Config& config);
  // Looks these up and checks them for a while, and gives them requests then, whatever came of it.
  [[nodiscard]] net::Awaitable<void> check_and_admit(std::vector<upstream::EndpointPtr> added);

  // Once the workers are made: they know nothing of the endpoints yet.
  void tell_how_to_connect() const;
  // Checks each when it is due, from now on.
  void begin_to_watch();
  // The server stops: nothing is looked up or checked again because of what requests or lookups say.
  void stop_following() {
    watching_ = false;
    outlier_pause_.wake();
  }
  // Checks end as soon as they can.
  void stop();
  // Lookups do not keep the event loop from ending any more.
  void abandon_lookups() { resolver_.stop(); }

  [[nodiscard]] const proxy::PlanPtr& plan() const noexcept { return plan_; }
  [[nodiscard]] upstream::HealthRecorder& health() noexcept { return health_; }
  // All of them, each at the place that it has in the configuration.
  [[nodiscard]] const std::vector<upstream::EndpointPtr>& all() const noexcept { return cluster_.endpoints(); }
  // Whose turn it is, and from now on.
  [[nodiscard]] const upstream::Endpoint& next() const noexcept;
  void continue_at(const upstream::Endpoint& endpoint) noexcept;

  // Checks these at once, within the time that a check may take.
  [[nodiscard]] net::Awaitable<void> check(std::vector<upstream::EndpointPtr> endpoints);
  // When the endpoint is checked next; see HealthMonitor.
  [[nodiscard]] base::Deadline next_check(const upstream::Endpoint& endpoint) const noexcept {
    return monitor_.next_check(endpoint);
  }
  // What was ordered or learned of some of them changes when they are to be checked.
  void reconsider_checks() { monitor_.reconsider(); }
  // Closes the idle connections to the endpoint.
  void drop_idle(const upstream::EndpointPtr& endpoint) const;

  // A worker could not connect to the endpoint in this slot, which may have moved. Any thread.
  void note_connect_failed(std::uint32_t slot) noexcept;

 private:
  // Looks for outliers for as long as that is asked for.
  net::Awaitable<void> look_for_outliers();
  void secure(const config::Config& config);
  void tell_how_to_connect(const upstream::EndpointPtr& endpoint) const;
  void publish();
  [[nodiscard]] std::shared_ptr<const proxy::Stickiness> stickiness(const upstream::Members& members) const;
  void publish_addresses(std::uint32_t slot, const upstream::AddressSetPtr& addresses);
  void refresh_address(std::uint32_t slot);
  [[nodiscard]] base::Duration check_timeout() const noexcept { return health_settings_->timeout; }

  net::Worker& control_;
  Workers& workers_;
  const Certificates& certificates_;
  const AutomaticCertificates& automatic_;
  upstream::Registry registry_;
  upstream::HealthRecorder health_;
  upstream::Resolver resolver_;
  upstream::ResolverCache cache_;
  upstream::NetworkChecker checker_;
  upstream::HealthMonitor monitor_;
  upstream::OutlierDetector outliers_{health_};
  upstream::Cluster cluster_{registry_};
  proxy::ServiceStatePtr state_;
  proxy::Settings settings_;
  proxy::ServiceSettings service_settings_;
  std::string sticky_cookie_;
  std::string sticky_secret_;
  std::string drawn_secret_;
  upstream::HealthSettingsPtr health_settings_;
  proxy::PlanPtr plan_;
  net::Pause outlier_pause_;
  // How an endpoint is connected to.
  struct Secured {
    bool secure = false;      // by TLS
    tls::ClientPtr client{};  // null: its files cannot be used, and it fails
    std::string host{};
    friend bool operator==(const Secured&, const Secured&) = default;
  };
  std::vector<Secured> secured_;  // by slot
  bool watching_ = false;
};

}  // namespace lb::app
