// How the proxy and its health checks reach the simulated backends.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "net/pause.hpp"
#include "sim/backend.hpp"
#include "upstream/checker.hpp"
#include "upstream/transport.hpp"

namespace lb::sim {

using Backends = std::vector<std::unique_ptr<Backend>>;

// By their names, as a resolver does it.
[[nodiscard]] Backend& backend_of(const Backends& backends, const upstream::Endpoint& endpoint);

class Transport final : public upstream::Transport {
 public:
  Transport(Stage& stage, const Backends& backends) : stage_(stage), backends_(backends) {}

  [[nodiscard]] net::Awaitable<base::Result<net::StreamPtr>> connect(const upstream::Endpoint& endpoint,
                                                                     upstream::AddressChoice& choice,
                                                                     base::Deadline deadline,
                                                                     std::string_view /*preface*/) override;
  // No connect finds a descriptor.
  void set_starved(bool starved) noexcept { starved_ = starved; }
  [[nodiscard]] bool starved() const noexcept { return starved_; }

 private:
  Stage& stage_;
  const Backends& backends_;
  bool starved_ = false;
};

class Checker final : public upstream::Checker {
 public:
  Checker(Stage& stage, const Backends& backends, const Transport& transport)
      : stage_(stage), backends_(backends), transport_(transport) {}

  net::Awaitable<upstream::CheckResult> check(std::shared_ptr<upstream::Endpoint> endpoint,
                                              const upstream::HttpCheck* http, base::Deadline deadline) override;

 private:
  Stage& stage_;
  const Backends& backends_;
  const Transport& transport_;
};

}  // namespace lb::sim
