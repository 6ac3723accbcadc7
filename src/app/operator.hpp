// What the operator may see and do, as the admin interface asks for it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "admin/control.hpp"
#include "app/server.hpp"

namespace lb::app {

// Lives as long as the server, on its control thread.
class Server::Operator final : public admin::Control {
 public:
  explicit Operator(Server& server) : server_(server), checks_(server.control_.executor()) {}

  [[nodiscard]] admin::Snapshot snapshot() const override;
  [[nodiscard]] std::string not_ready() const override;

  [[nodiscard]] net::Awaitable<admin::Outcome> administer(std::string url, upstream::Administration wanted) override;
  [[nodiscard]] net::Awaitable<admin::Outcome> add(admin::NewBackend backend) override;
  [[nodiscard]] net::Awaitable<admin::Outcome> remove(std::string url) override;
  [[nodiscard]] net::Awaitable<admin::Outcome> weigh(std::string url, std::int64_t weight) override;
  [[nodiscard]] net::Awaitable<admin::Outcome> check(std::string url) override;
  [[nodiscard]] net::Awaitable<admin::Outcome> reload() override;

  [[nodiscard]] net::Worker& worker() noexcept override { return server_.control_; }
  std::size_t post_to_workers(std::function<void(const telemetry::Recorder&)> ask) override;

 private:
  struct Found {
    std::size_t index = 0;  // among config_.backends
    std::shared_ptr<upstream::Endpoint> endpoint{};
    admin::Outcome refusal{};  // where there is no endpoint
  };

  // By any spelling of its URL.
  [[nodiscard]] Found find(const std::string& url) const;
  net::Awaitable<void> check_before_traffic(const std::shared_ptr<upstream::Endpoint>& endpoint);
  void disable(const std::shared_ptr<upstream::Endpoint>& endpoint);
  [[nodiscard]] admin::BackendSnapshot snapshot_of(std::size_t index) const;

  Server& server_;
  net::AsyncMutex checks_;
};

}  // namespace lb::app
