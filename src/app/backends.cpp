#include "app/backends.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include "app/from_config.hpp"
#include "base/limits.hpp"
#include "net/proxy_header.hpp"

namespace lb::app {
namespace {

// 256 bits: for as long as the process lives.
std::string draw_secret() {
  std::string secret;
  std::random_device random;
  for (int i = 0; i < 8; ++i) secret += std::to_string(random()) + ' ';
  return secret;
}

}  // namespace

Backends::Backends(net::Worker& control, Workers& workers, const Certificates& certificates,
                   const AutomaticCertificates& automatic, const config::Config& config)
    : control_(control),
      workers_(workers),
      certificates_(certificates),
      automatic_(automatic),
      registry_(workers.size()),
      resolver_(control.executor(), control.wheel(), make_resolver_settings(config)),
      cache_(
          control.executor(), control.wheel(), resolver_,
          [this](std::uint32_t slot, const upstream::AddressSetPtr& addresses) { publish_addresses(slot, addresses); }),
      checker_(control.executor(), control.wheel(), control.blocks(), cache_),
      monitor_(control.executor(), control.wheel(), control.tasks(), health_, checker_, std::random_device()()),
      state_(proxy::ServiceState::make(
          workers.size(),
          [this](std::size_t worker, std::function<void()> run) { workers_.post(worker, std::move(run)); })),
      drawn_secret_(draw_secret()),
      outlier_pause_(control.executor(), control.wheel()) {
  health_.on_down([this] { control_.post([this] { monitor_.reconsider(); }); });
  cluster_.admit(configure(config).added, control_.wheel().now());  // there is nothing yet that could go on instead
  publish();
}

Backends::Change Backends::configure(const config::Config& config) {
  settings_ = make_proxy_settings(config);
  settings_.own_pages = automatic_.pages();
  service_settings_ = make_service_settings(config);
  sticky_cookie_ = config.balance.sticky_cookie;
  sticky_secret_ = config.balance.sticky_secret;
  health_settings_ = std::make_shared<const upstream::HealthSettings>(make_health_settings(config.health));
  resolver_.configure(make_resolver_settings(config));
  Change change = cluster_.replace(make_backend_specs(config), make_thresholds(config.health),
                                   {.policy = make_policy(config), .slow_start = config.balance.slow_start});
  secure(config);
  checker_.begin_with(config.proxy_protocol == "v1"   ? net::proxy_header_v1_unknown()
                      : config.proxy_protocol == "v2" ? net::proxy_header_v2_local()
                                                      : std::string());
  std::vector<upstream::HealthMonitor::Watch> watched;
  for (const auto& endpoint : cluster_.endpoints()) watched.push_back({endpoint, health_settings_});
  monitor_.watch(watched);
  if (config.balance.stall.count() == 0) {
    for (const auto& endpoint : cluster_.endpoints())
      static_cast<void>(endpoint->resume(upstream::Suspension::stalled));
  }
  outliers_.configure(make_outlier_settings(config.outliers));
  outliers_.watch(cluster_.endpoints());
  outlier_pause_.wake();
  // What is being checked since an earlier change takes over if that change's other backends are gone now.
  if (change.added.empty() && cluster_.awaits_all()) cluster_.admit(cluster_.endpoints(), control_.wheel().now());
  publish();
  return change;
}

// How each is connected to. The workers hear of it before they hear of the plan.
void Backends::secure(const config::Config& config) {
  for (std::size_t i = 0; i < config.backends.size(); ++i) {
    const upstream::EndpointPtr& endpoint = cluster_.endpoints()[i];
    const std::uint32_t slot = endpoint->slot();
    if (slot >= secured_.size()) secured_.resize(slot + 1);
    Secured wanted;
    wanted.secure = config.backends[i].tls;
    if (wanted.secure) {
      wanted.client = certificates_.client();
      wanted.host = certified_name(config, config.backends[i]);
    }
    if (secured_[slot] == wanted) continue;
    secured_[slot] = wanted;
    tell_how_to_connect(endpoint);
    std::shared_ptr<net::Connector> own;
    if (wanted.secure) {
      own = std::make_shared<tls::Connector>(checker_.connector(), wanted.client, wanted.host, control_.blocks());
    }
    checker_.set_connector(slot, std::move(own));
  }
}

void Backends::tell_how_to_connect(const upstream::EndpointPtr& endpoint) const {
  workers_.post_each([endpoint, how = secured_[endpoint->slot()]](WorkerUnit& unit) {
    unit.set_tls(endpoint->slot(), how.secure, how.client, how.host);
    unit.drop_idle(*endpoint);
  });
}

void Backends::tell_how_to_connect() const {
  for (const auto& endpoint : cluster_.endpoints()) tell_how_to_connect(endpoint);
}

// NOLINTNEXTLINE: by value, for the coroutine outlives its caller's arguments
net::Awaitable<void> Backends::check_and_admit(std::vector<upstream::EndpointPtr> added) {
  if (added.empty()) co_return;
  co_await monitor_.check_now(added, std::min(base::kFirstRoundTime, check_timeout()));
  monitor_.reconsider();  // those that failed are due sooner
  cluster_.admit(added, control_.wheel().now());
  publish();
}

void Backends::publish() {
  const upstream::MembersPtr& members = cluster_.publish();
  if (!members) return;
  auto plan = std::make_shared<proxy::Plan>();
  plan->settings = settings_;
  plan->services.push_back({"default", service_settings_, members, state_, stickiness(*members)});
  plan_ = std::move(plan);
  workers_.post_each([plan = plan_](WorkerUnit& unit) { unit.set_plan(plan); });
}

std::shared_ptr<const proxy::Stickiness> Backends::stickiness(const upstream::Members& members) const {
  if (sticky_cookie_.empty()) return nullptr;
  const std::string& secret = sticky_secret_.empty() ? drawn_secret_ : sticky_secret_;
  return std::make_shared<const proxy::Stickiness>(sticky_cookie_, secret, members);
}

const upstream::Endpoint& Backends::next() const noexcept {
  const upstream::Members& members = *cluster_.members();
  return members[members.next()];
}

void Backends::continue_at(const upstream::Endpoint& endpoint) noexcept {
  const auto& endpoints = cluster_.members()->endpoints();
  const auto found = std::ranges::find(endpoints, &endpoint, &upstream::EndpointPtr::get);
  if (found == endpoints.end()) return;
  cluster_.members()->continue_at(static_cast<std::uint32_t>(found - endpoints.begin()));
}

// NOLINTNEXTLINE: by value, for the coroutine outlives its caller's arguments
net::Awaitable<void> Backends::check(std::vector<upstream::EndpointPtr> endpoints) {
  co_await monitor_.check_now(std::move(endpoints), check_timeout());
}

void Backends::drop_idle(const upstream::EndpointPtr& endpoint) const {
  workers_.post_each([endpoint](WorkerUnit& unit) { unit.drop_idle(*endpoint); });
}

void Backends::begin_to_watch() {
  watching_ = true;
  control_.tasks().spawn(monitor_.run());
  control_.tasks().spawn(look_for_outliers());
}

net::Awaitable<void> Backends::look_for_outliers() {
  while (watching_) {
    outliers_.look(control_.wheel().now());
    outlier_pause_.reset();
    co_await outlier_pause_.until(outliers_.looks() ? control_.wheel().after(outliers_.interval()) : base::kNever);
  }
}

void Backends::stop() {
  watching_ = false;
  outlier_pause_.wake();
  monitor_.stop();
}

void Backends::publish_addresses(std::uint32_t slot, const upstream::AddressSetPtr& addresses) {
  workers_.post_each([slot, addresses](WorkerUnit& unit) { unit.set_addresses(slot, addresses); });
  // A backend that is down may have come back somewhere else.
  const upstream::EndpointPtr endpoint = registry_.at(slot);
  if (!watching_ || addresses->list.empty() || !endpoint || endpoint->is_up()) return;
  if (!endpoint->is_disabled()) control_.tasks().spawn(monitor_.check_now({endpoint}, check_timeout()));
}

void Backends::note_connect_failed(std::uint32_t slot) noexcept {
  control_.post([this, slot] { refresh_address(slot); });
}

void Backends::refresh_address(std::uint32_t slot) {
  const upstream::EndpointPtr endpoint = registry_.at(slot);
  if (endpoint && watching_) cache_.refresh(endpoint);
}

}  // namespace lb::app
