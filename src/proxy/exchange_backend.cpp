// Exchange: which backend an attempt goes to, and on which connection.
#include <algorithm>
#include <memory>
#include <utility>

#include "proxy/exchange.hpp"

namespace lb::proxy {

// The backend of the next attempt, where `pick`, made in turn, is none yet or one that is down. None, with error_ set,
// if the request has to do without.
net::Awaitable<upstream::Pick> Exchange::choose(upstream::Pick pick) {
  if (starved_) {
    co_await pause_before_another_round(context_.wheel.after(base::kRetryPause));
    pick = pick_in_turn();
  }
  if (!pick && !pick.busy && !tried_.empty()) {
    // All were tried: one comes again after a short pause, longer each time, so that a backend that restarts has a
    // moment; with jitter, so that the requests of a crowd do not come again in step.
    const base::Duration pause = base::kRetryPause * (1 << std::min(pauses_++, 5U));
    const auto jitter = static_cast<std::int64_t>(context_.random.below(static_cast<std::uint64_t>(pause.count()) + 1));
    const base::Deadline until = context_.wheel.after(pause / 2 + base::Duration(jitter));
    if (until >= last_resort_deadline_ && last_resort_) co_return upstream::Pick{};
    co_await pause_before_another_round(until);
    tried_.clear();
    pick = pick_in_turn();
  }
  if (pick.busy) pick = co_await wait_for_room();
  if (pick && pick.last_resort && !last_resort_) {
    // With every backend down, one connect timeout is all that a client is made to wait for the verdict.
    last_resort_ = true;
    last_resort_deadline_ = context_.wheel.after(context_.settings.http.timeouts.connect);
  }
  co_return pick;
}

// The record names endpoints of the members before, too: they live as long as the request.
void Exchange::use_members(const upstream::MembersPtr& members) {
  if (members_ == members) return;
  if (members_ != nullptr) former_members_.push_back(std::move(members_));
  members_ = members;
}

// A place for which others wait is theirs; a backend without a limit has room for all.
upstream::Pick Exchange::pick_in_turn() {
  use_members(context_.members);
  return members_->pick(
      tried_, context_.waiting.is_anybody_in_line() ? upstream::Among::unlimited : upstream::Among::all, &record_);
}

// The backend whose connection is this client's own, if that may get the request. A new order of the members passes a
// connection by: what it was logged in for is still there.
upstream::Pick Exchange::pick_pinned() {
  upstream::Endpoint& endpoint = *(*pinned_)->endpoint;
  const bool usable = endpoint.is_up() && endpoint.is_active() && !endpoint.is_removed() &&
                      context_.transport.has(endpoint, (*pinned_)->chosen.id);
  const bool limited = endpoint.is_limited();
  if (!usable || (limited && !endpoint.acquire())) {
    if (!usable) pinned_->reset();
    return {};
  }
  use_members((*pinned_)->members);
  return {.endpoint = &endpoint, .acquired = limited};
}

net::Awaitable<void> Exchange::pause_before_another_round(base::Deadline until) {
  continue_gate_.reset();
  co_await continue_gate_.until(until);
}

// Every backend that could be picked has as many exchanges as it takes. Waits for its turn, for a bounded while.
net::Awaitable<upstream::Pick> Exchange::wait_for_room() {
  const base::Error before = error_;
  error_ = {base::ErrorKind::backends_busy, base::Side::internal, "every backend is at its connection limit"};
  if (context_.waiting.waiting() >= context_.settings.queue_max) co_return upstream::Pick{};
  const base::Deadline deadline = context_.wheel.after(context_.settings.queue_timeout);
  // A client that leaves gives its place in the line up, as far as its leaving can be told from the rest of its body.
  const bool watched = client_->body_ended();
  if (watched) client_->watch(message::Incoming::OnGone::to<&Exchange::client_gone>(*this));
  using Where = WaitingRoom::Where;
  const Where where = tried_.empty() ? Where::in_line : Where::beside;
  continue_gate_.reset();
  bool called = !context_.waiting.is_anybody_in_line();  // who finds others there looks only after them
  context_.waiting.enter(continue_gate_, where);
  upstream::Pick pick{.busy = true};
  for (;; called = true) {
    const bool turn = called && context_.waiting.is_its_turn(continue_gate_, where);
    use_members(context_.members);
    if (turn) pick = members_->pick(tried_, upstream::Among::all, &record_);
    if (!pick.busy || client_gone_ || context_.wheel.now() >= deadline) break;
    const bool polls = context_.waiting.is_its_turn(continue_gate_, where);
    co_await continue_gate_.until(polls ? std::min(deadline, context_.wheel.after(base::kQueueLook)) : deadline);
  }
  context_.waiting.leave(continue_gate_, where);
  if (watched) co_await client_->stop_watching();
  if (client_gone_) {
    error_ = {aborted_ ? base::ErrorKind::cancelled : base::ErrorKind::closed, base::Side::downstream, end_of_client()};
    if (pick.acquired) pick.endpoint->release();
    co_return upstream::Pick{};
  }
  if (!pick.busy) error_ = before;
  co_return pick;
}

// A connection that waits for a request: the client's own, or one from the pool.
std::unique_ptr<Exchange::Connection> Exchange::take_idle(const upstream::Pick& pick) {
  PinnedPtr& pinned = *pinned_;
  if (pinned && pinned->endpoint == pick.endpoint) {
    std::unique_ptr<Connection> connection = std::move(pinned->connection);
    chosen_ = std::move(pinned->chosen);
    pinned.reset();
    if (connection->stream().probe() == net::Probe::quiet) {
      binds_connection_ = true;
      return connection;
    }
  }
  chosen_ = context_.transport.choose(*pick.endpoint, failed_address_);
  const upstream::Look look = idempotent() ? upstream::Look::noticed : upstream::Look::at_the_socket;
  return context_.pool.take(*pick.endpoint, look, chosen_.id);
}

void Exchange::keep_idle(const upstream::Pick& pick, std::unique_ptr<Connection> connection) {
  if (!binds_connection_) {
    return connection->reuse() == http1::Reuse::at_once
               ? context_.pool.put(*pick.endpoint, std::move(connection), chosen_.id)
               : context_.probation.put(members_, *pick.endpoint, std::move(connection), chosen_.id);
  }
  if (!client_->persists()) return;  // its client's connection ends, and so does this one
  connection->rest();
  connection->stream().read_ahead();
  *pinned_ = std::make_unique<Pinned>(Pinned{members_, pick.endpoint, chosen_, std::move(connection)});
}

// A new connection; none after fail().
net::Awaitable<std::unique_ptr<Exchange::Connection>> Exchange::connect(const upstream::Pick& pick) {
  auto stream = co_await context_.transport.connect(*pick.endpoint, chosen_, connect_deadline(pick));
  if (!stream) {
    fail(FailedAt::nothing_sent, stream.error());
    failure_.request_written = false;
    co_return nullptr;
  }
  co_return std::make_unique<Connection>(std::move(*stream), context_.response_states);
}

base::Deadline Exchange::connect_deadline(const upstream::Pick& pick) const noexcept {
  const base::Deadline own = context_.wheel.after(context_.settings.http.timeouts.connect);
  if (!pick.last_resort) return own;
  // Each of those that are left gets its share, so that one that swallows packets does not hide one that has come back.
  const base::TimePoint now = context_.wheel.now();
  const std::size_t tried = std::min(tried_.size(), members_->size() - 1);
  const auto left = static_cast<std::int64_t>(members_->size() - tried);
  return std::min(own, now + std::max(last_resort_deadline_ - now, base::TimePoint::duration(0)) / left);
}

}  // namespace lb::proxy
