#include "upstream/checker.hpp"

#include <algorithm>

#include "net/child_task.hpp"
#include "upstream/http_check.hpp"

namespace lb::upstream {

using Verdict = CheckResult::Verdict;

net::Awaitable<CheckResult> NetworkChecker::check(std::shared_ptr<Endpoint> endpoint, const HttpCheck* http,
                                                  base::Deadline deadline) {
  // While all is well, the cache follows the name by itself.
  const auto ask = endpoint->state() == HealthState::up ? ResolverCache::Ask::if_unknown : ResolverCache::Ask::again;
  AddressSetPtr addresses = co_await cache_.look_up(endpoint, deadline, ask);
  CheckResult result = co_await check_all(*endpoint, http, addresses, deadline);
  if (result.verdict != Verdict::failed || ask == ResolverCache::Ask::again) co_return result;
  const AddressSetPtr newer = co_await cache_.look_up(endpoint, deadline, ResolverCache::Ask::again);
  if (newer != addresses) result = co_await check_all(*endpoint, http, newer, deadline);
  co_return result;
}

// Each at the same time, so that one that swallows packets leaves the others all of it.
net::Awaitable<CheckResult> NetworkChecker::check_all(const Endpoint& endpoint, const HttpCheck* http,
                                                      AddressSetPtr addresses, base::Deadline deadline) {
  const std::vector<AddressPtr>& list = addresses->list;
  if (list.empty()) co_return CheckResult{Verdict::failed, "the name has no address"};
  std::vector<CheckResult> results(list.size());
  if (list.size() == 1) {
    co_await check_part(endpoint, http, list.front()->where, deadline, results.front());
    co_return std::move(results.front());
  }
  std::vector<std::unique_ptr<net::ChildTask>> checks;
  for (std::size_t i = 0; i < list.size(); ++i) {
    checks.push_back(std::make_unique<net::ChildTask>(executor_));
    checks.back()->start(check_part(endpoint, http, list[i]->where, deadline, results[i]));
  }
  for (const auto& check : checks) co_await check->join();
  CheckResult all{Verdict::failed, results.front().reason};
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (results[i].verdict == Verdict::passed) all.verdict = Verdict::passed;
    if (results[i].verdict == Verdict::unknown && all.verdict == Verdict::failed) {
      all = {Verdict::unknown, results[i].reason, std::move(all.parts)};
    }
    if (results[i].verdict == Verdict::unknown) continue;
    all.parts.push_back({list[i], results[i].verdict == Verdict::passed, std::move(results[i].reason)});
  }
  if (all.verdict == Verdict::passed) all.reason.clear();
  co_return all;
}

net::Awaitable<void> NetworkChecker::check_part(const Endpoint& endpoint, const HttpCheck* http,
                                                const net::Tcp::endpoint& where, base::Deadline deadline,
                                                CheckResult& result) {
  const std::uint32_t slot = endpoint.slot();
  const std::shared_ptr<net::Connector> own = slot < connectors_.size() ? connectors_[slot] : nullptr;
  net::Connector& connector = own ? *own : plain_;
  const std::shared_ptr<const std::string> preface = preface_;
  auto stream = co_await connector.connect(where, deadline, *preface);
  if (!stream) {
    const bool ours = stream.error().kind == base::ErrorKind::no_resources;
    result = {ours ? Verdict::unknown : Verdict::failed, std::string(stream.error().detail)};
    co_return;
  }
  result = {Verdict::passed, {}};
  if (http == nullptr) co_return;
  std::string reason = co_await check_http(std::move(*stream), blocks_, *http, endpoint, deadline);
  if (!reason.empty()) result = {Verdict::failed, std::move(reason)};
}

}  // namespace lb::upstream
