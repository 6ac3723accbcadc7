// One health check of one endpoint.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/block_pool.hpp"
#include "net/connector.hpp"
#include "upstream/resolver_cache.hpp"

namespace lb::upstream {

struct CheckResult {
  // Of one of several addresses that could be checked.
  struct Part {
    AddressPtr address{};
    bool passed = false;
    std::string reason{};
  };
  enum class Verdict : std::uint8_t {
    passed,
    failed,
    unknown,  // our own lack of descriptors, which says nothing about the backend
  };
  Verdict verdict = Verdict::unknown;
  std::string reason;  // for people, unless passed
  std::vector<Part> parts{};
};

// A range of status codes, both ends included.
struct StatusRange {
  unsigned first = 200;
  unsigned last = 399;
};

// What an HTTP check asks for, and what it takes for an answer.
struct HttpCheck {
  std::string method = "GET";
  std::string path = "/";
  std::string host;  // for the Host field; empty: the backend's own
  std::vector<StatusRange> statuses{{200, 399}};
  std::string body;  // text that has to stand in the first 64 KiB of the answer's body; empty: any
};

// How the monitor reaches the endpoints: a seam for the tests. The monitor's thread.
class Checker {
 public:
  Checker() = default;
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;
  virtual ~Checker() = default;

  // Returns at the deadline at the latest. `http` outlives the check; null: by TCP alone.
  [[nodiscard]] virtual net::Awaitable<CheckResult> check(std::shared_ptr<Endpoint> endpoint, const HttpCheck* http,
                                                          base::Deadline deadline) = 0;
};

// Connects to the endpoint by TCP, at each of its addresses; where it is to, asks it a request, too. One that answers
// is enough. Before it is taken for failed, its name is looked up again.
class NetworkChecker : public Checker {
 public:
  // All of these outlive the checker.
  NetworkChecker(net::Executor executor, net::DeadlineWheel& wheel, net::BlockPool& blocks, ResolverCache& cache)
      : executor_(executor), wheel_(wheel), blocks_(blocks), cache_(cache), plain_(std::move(executor), wheel) {}

  // How the endpoint with this slot is connected to, instead of plainly; null: plainly.
  void set_connector(std::uint32_t slot, std::shared_ptr<net::Connector> connector) {
    if (slot >= connectors_.size()) connectors_.resize(slot + 1);
    connectors_[slot] = std::move(connector);
  }
  [[nodiscard]] net::Connector& connector() noexcept { return plain_; }
  // What the connection of each check begins with, from now on.
  void begin_with(std::string preface) { preface_ = std::make_shared<const std::string>(std::move(preface)); }

  net::Awaitable<CheckResult> check(std::shared_ptr<Endpoint> endpoint, const HttpCheck* http,
                                    base::Deadline deadline) override;

 private:
  net::Awaitable<CheckResult> check_all(const Endpoint& endpoint, const HttpCheck* http, AddressSetPtr addresses,
                                        base::Deadline deadline);
  net::Awaitable<void> check_part(const Endpoint& endpoint, const HttpCheck* http, const net::Tcp::endpoint& where,
                                  base::Deadline deadline, CheckResult& result);

  net::Executor executor_;
  net::DeadlineWheel& wheel_;
  net::BlockPool& blocks_;
  ResolverCache& cache_;
  net::TcpConnector plain_;
  std::shared_ptr<const std::string> preface_ = std::make_shared<const std::string>();
  std::vector<std::shared_ptr<net::Connector>> connectors_;  // by slot; those in use are kept alive by their users
};

}  // namespace lb::upstream
