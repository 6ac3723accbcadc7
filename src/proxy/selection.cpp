#include "proxy/selection.hpp"

#include <algorithm>
#include <utility>

namespace lb::proxy {

Selection::Selection(ExchangeContext& context, Request& request, Recording& recording) noexcept
    : context_(context), request_(request), recording_(recording), gate_(context.executor, context.wheel) {}

void Selection::reset() noexcept {
  pauses_ = 0;
  starved_ = last_resort_ = false;
}

upstream::Pick Selection::next() {
  permit_.give_back();
  upstream::Pick pick;
  if (request_.own->pinned) pick = pick_pinned();
  if (!pick && !starved_) pick = pick_in_turn();
  if (pick && !pick.last_resort) permit_.take(pick, queue());
  return pick;
}

net::Awaitable<upstream::Pick> Selection::wait_for(upstream::Pick pick) {
  if (starved_) {
    co_await pause(context_.wheel.after(base::kRetryPause));
    pick = pick_in_turn();
  }
  if (!pick && !pick.busy && !request_.tried.empty()) {
    // All were tried: one comes again after a short pause, longer each time, so that a backend that restarts has a
    // moment; with jitter, so that the requests of a crowd do not come again in step.
    const base::Duration length = base::kRetryPause * (1 << std::min(pauses_++, 5U));
    const auto jitter =
        static_cast<std::int64_t>(context_.random.below(static_cast<std::uint64_t>(length.count()) + 1));
    const base::Deadline until = context_.wheel.after(length / 2 + base::Duration(jitter));
    if (until >= last_resort_deadline_ && last_resort_) co_return upstream::Pick{};
    co_await pause(until);
    request_.tried.clear();
    pick = pick_in_turn();
  }
  if (pick.busy) pick = co_await wait_for_room();
  if (pick && pick.last_resort && !last_resort_) {
    // With every backend down, one connect timeout is all that a client is made to wait for the verdict.
    last_resort_ = true;
    last_resort_deadline_ = context_.wheel.after(request_.plan->settings.connect_timeout);
  }
  if (pick) permit_.take(pick, queue());
  co_return pick;
}

// If the newest plan does not know the service any more, the request keeps its own. The record names endpoints of the
// plans before, too: they live as long as the request.
void Selection::use_newest_plan() {
  if (request_.plan == context_.plan) return;
  const Service* const service = context_.plan->find(*request_.service->state);
  if (service == nullptr) return;
  recording_.keep(std::move(request_.plan));
  request_.plan = context_.plan;
  request_.service = service;
}

WaitQueue& Selection::queue() const noexcept {
  return request_.service->state->of_worker(context_.recorder.worker()).waiting;
}

// A place for which others wait is theirs; a backend without a limit has room for all.
upstream::Pick Selection::pick_in_turn() {
  use_newest_plan();
  request_.pinned_plan.reset();
  const auto scope = queue().is_anybody_in_line() ? upstream::PickScope::unlimited : upstream::PickScope::all;
  // Time enough for what policies ask of it, and read already.
  const base::TimePoint now = request_.tried.empty() ? recording_.started() : context_.wheel.now();
  return pick_for(seeker(now, scope));
}

// The client's own backend, if that may get requests at all; else another, as if it had none.
upstream::Pick Selection::pick_for(const upstream::Seeker& seeker) {
  const Service& service = *request_.service;
  if (!request_.sticky.empty() && service.sticky) {
    const auto own = service.sticky->find(request_.sticky);
    if (own) {
      if (const upstream::Pick pick = service.members->pick_own(*own, seeker)) return pick;
    }
  }
  return service.members->pick(seeker);
}

upstream::Seeker Selection::seeker(base::TimePoint now, upstream::PickScope scope) noexcept {
  return {.tried = request_.tried,
          .now = now,
          .random = context_.random,
          .key = request_.key,
          .repeatable =
              request_.is_idempotent() && request_.body_kind == http::BodyKind::none && !request_.binds_connection,
          .among = scope,
          .record = context_.recorder.wants_texts() ? &recording_.record() : nullptr};
}

// The backend whose connection is this client's own, if that may get the request. A new plan passes a connection by:
// what it was logged in for is still there.
upstream::Pick Selection::pick_pinned() {
  PinnedPtr& pinned = request_.own->pinned;
  upstream::Endpoint& endpoint = *pinned->endpoint;
  const bool usable = endpoint.is_up() && endpoint.is_active() && !endpoint.is_removed() &&
                      context_.transport.keeps(endpoint, pinned->chosen);
  const std::uint32_t in_flight = usable ? endpoint.acquire() : 0;
  if (in_flight == 0) {
    if (!usable) pinned.reset();
    return {};
  }
  use_newest_plan();
  request_.pinned_plan = pinned->plan;
  recording_.keep(pinned->plan);
  return {.endpoint = &endpoint, .in_flight = in_flight};
}

net::Awaitable<void> Selection::pause(base::Deadline until) {
  gate_.reset();
  co_await gate_.until(until);
}

// Every backend that could be picked has as many exchanges as it takes. Waits for its turn, for a bounded while.
net::Awaitable<upstream::Pick> Selection::wait_for_room() {
  const base::Error before = request_.error;
  request_.error = {base::ErrorKind::backends_busy, base::Side::internal, "every backend is at its connection limit"};
  if (queue().waiting() >= request_.plan->settings.queue_max) co_return upstream::Pick{};
  const base::Deadline deadline = context_.wheel.after(request_.plan->settings.queue_timeout);
  // A client that leaves gives its place in the line up, as far as its leaving can be told from the rest of its body.
  const bool watched = request_.client->body_ended();
  if (watched) request_.client->watch(message::Incoming::OnGone::to<&Selection::client_gone>(*this));
  using Where = WaitQueue::Where;
  const Where where = request_.tried.empty() ? Where::in_line : Where::beside;
  gate_.reset();
  bool called = !queue().is_anybody_in_line();  // where others wait already, they are served first
  queue().enter(gate_, where);
  upstream::Pick pick{.busy = true};
  for (;; called = true) {
    const bool turn = called && queue().is_its_turn(gate_, where);
    use_newest_plan();
    if (turn) pick = pick_for(seeker(context_.wheel.now(), upstream::PickScope::all));
    if (!pick.busy || request_.client_state != ClientState::there || context_.wheel.now() >= deadline) break;
    const bool polls = queue().is_its_turn(gate_, where);
    co_await gate_.until(polls ? std::min(deadline, context_.wheel.after(base::kQueueLook)) : deadline);
  }
  queue().leave(gate_, where);
  if (watched) co_await request_.client->stop_watching();
  if (request_.client_state != ClientState::there) {
    const bool left = request_.client_state == ClientState::left;
    request_.error = {left ? base::ErrorKind::closed : base::ErrorKind::cancelled, base::Side::downstream,
                      request_.end_of_client()};
    if (pick) permit_.take(pick, queue());
    permit_.give_back();
    co_return upstream::Pick{};
  }
  if (!pick.busy) request_.error = before;
  co_return pick;
}

void Selection::client_gone(base::ErrorKind how) noexcept {
  request_.client_state = how == base::ErrorKind::cancelled ? ClientState::reset_here : ClientState::left;
  gate_.wake();
}

bool Selection::others_left() {
  if (pauses_ > 0) return false;
  use_newest_plan();
  return std::ranges::any_of(request_.service->members->endpoints(), [this](const auto& endpoint) {
    return endpoint->is_active() && std::ranges::find(request_.tried, endpoint->slot()) == request_.tried.end();
  });
}

base::Deadline Selection::connect_deadline(const upstream::Pick& pick) const noexcept {
  const base::Deadline own = context_.wheel.after(request_.plan->settings.connect_timeout);
  if (!pick.last_resort) return own;
  // Each of those that are left gets its share, so that one that swallows packets does not hide one that has come back.
  const base::TimePoint now = context_.wheel.now();
  const std::size_t count = request_.service->members->size();
  const auto left = static_cast<std::int64_t>(count - std::min(request_.tried.size(), count - 1));
  return std::min(own, now + std::max(last_resort_deadline_ - now, base::TimePoint::duration(0)) / left);
}

}  // namespace lb::proxy
