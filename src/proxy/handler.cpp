#include "proxy/handler.hpp"

#include <utility>

namespace lb::proxy {

namespace {

// Each exchange counts itself among the users of the plan. With a counter of the worker's own, no other worker's cache
// is disturbed.
PlanPtr own_reference(const PlanPtr& plan) {
  const auto own = std::make_shared<const PlanPtr>(plan);
  return {own, own->get()};
}

}  // namespace

Handler::Handler(net::Executor executor, net::DeadlineWheel& wheel, net::BlockPool& blocks, net::SessionSet& sessions,
                 const PlanPtr& plan, upstream::HealthRecorder& health, upstream::Transport& transport,
                 telemetry::Recorder& recorder, std::uint64_t seed)
    : sessions_(sessions),
      http_(plan->settings.http),
      response_states_(blocks, http_),
      pool_(wheel),
      probation_(wheel, pool_),
      pipes_(wheel),
      context_{executor, wheel,     response_states_, own_reference(plan), health, pool_, probation_,
               pipes_,   transport, recorder,         base::Random(seed)},
      states_(blocks, http_) {
  blocks.give_up_unused(wheel);
}

void Handler::set_plan(const PlanPtr& plan) {
  http_ = plan->settings.http;
  const PlanPtr before = std::exchange(context_.plan, own_reference(plan));
  for (const Service& service : before->services) {
    const Service* const now = plan->find(*service.state);
    const bool other_settings = now != nullptr && now->settings.pool != service.settings.pool;
    for (const auto& endpoint : service.members->endpoints()) {
      if (endpoint->is_removed()) {
        pool_.drop_idle(*endpoint);
      } else if (other_settings) {
        pool_.configure(*endpoint, now->settings.pool);
      }
    }
  }
}

Handler::ExchangePtr Handler::take_exchange() {
  ExchangePtr exchange = pooled_.take();
  return exchange ? std::move(exchange) : std::make_unique<Exchange>(context_);
}

void Handler::give_back(ExchangePtr exchange) noexcept {
  exchange->rest();
  pooled_.give_back(std::move(exchange));
}

net::Awaitable<void> Handler::serve(net::StreamPtr stream, message::Peer peer, base::Deadline first_request,
                                    net::InputBuffer* early) {
  Client client(std::move(stream), states_, sessions_, std::move(peer), first_request);
  if (early != nullptr && !early->empty()) {
    client.take_in(early->unread());
    early->reset();
  }
  OwnConnections own;
  for (;;) {
    const auto arrival = co_await client.wait_for_request();
    if (arrival == http1::Arrival::nobody) break;
    const auto request = co_await client.read_request();
    if (request && *request == http1::Arrival::nobody) break;
    ExchangePtr exchange = take_exchange();
    bool answered = false;
    if (request) {
      answered = co_await exchange->run(client, own);
    } else {
      co_await exchange->refuse_unread(client, request.error());
    }
    give_back(std::move(exchange));
    if (!answered || !client.persists()) break;
  }
  co_await client.finish(http1::Linger::if_unread);
}

net::Awaitable<void> Handler::turn_away(net::StreamPtr stream, message::Peer peer) {
  Client client(std::move(stream), states_, sessions_, std::move(peer));
  Exchange exchange(context_);
  co_await exchange.refuse_unread(
      client, {base::ErrorKind::connection_limit, base::Side::internal, "connection limit reached"});
  co_await client.finish(http1::Linger::always);  // its request is on the way
}

}  // namespace lb::proxy
