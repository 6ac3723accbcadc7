#include "proxy/exchange.hpp"

#include <algorithm>
#include <string>

#include <boost/container/small_vector.hpp>

#include "base/limits.hpp"
#include "http/authentication.hpp"
#include "http/cookies.hpp"
#include "net/address_text.hpp"
#include "net/forwarded_for.hpp"
#include "net/proxy_header.hpp"

namespace lb::proxy {

using Outcome = Attempt::Outcome;

namespace {

// The client's address, where a trusted proxy says whom it asks for.
std::string client_behind(const message::Peer& peer, const http::RequestHead& head, const net::NetworkSet& trusted) {
  const auto address = net::parse_address(peer.address);
  boost::container::small_vector<std::string_view, 4> fields;
  for (const http::Field& field : head.fields) {
    if (field.id == http::FieldId::x_forwarded_for) fields.push_back(field.value);
  }
  if (!address || fields.empty()) return peer.address;
  return net::client_of(peer.address, *address, fields, trusted);
}

// What tells a backend who the client is: of a client behind a proxy that names it, the port is not known.
std::string header_of(const message::Peer& peer, const std::string& client, ProxyHeader version) {
  net::Tcp::endpoint source = peer.source;
  if (client != peer.address) source = {net::parse_address(client).value_or(source.address()), 0};
  return version == ProxyHeader::v1 ? net::proxy_header_v1(source, peer.destination)
                                    : net::proxy_header_v2(source, peer.destination);
}

}  // namespace

Exchange::Exchange(ExchangeContext& context) : context_(context) {}

void Exchange::rest() noexcept {
  request_.replay.release();
  request_.plan.reset();
  request_.pinned_plan.reset();
  request_.service = nullptr;
  recording_.forget_plans();
  blame_.clear();
  attempt_.rest();
  request_.client = nullptr;
  request_.own = nullptr;
}

net::Awaitable<bool> Exchange::run(message::Incoming& client, OwnConnections& own) {
  request_.client = &client;
  request_.own = &own;
  request_.plan = context_.plan;
  request_.service = &request_.plan->services.front();
  if (const auto prepared = prepare(); !prepared) {
    request_.error = prepared.error();
    co_return co_await refuse();
  }
  if (request_.forwarded.goes_no_further) co_return co_await answer_as_last();
  if (own_page_) co_return co_await answer_itself();
  for (upstream::Pick pick;;) {
    // A stale connection is no fault of its backend, which gets the request again on a new one.
    if (!stale_connection_) {
      pick = selection_.next();
      if (!pick || pick.last_resort) pick = co_await selection_.wait_for(pick);
      if (!pick) co_return co_await refuse();
    }
    const auto connect = stale_connection_ ? Attempt::Connect::fresh : Attempt::Connect::idle_or_new;
    const Outcome outcome = co_await attempt_.run(pick, connect, selection_.connect_deadline(pick));
    if (outcome == Outcome::failed && may_try_again(pick)) continue;
    selection_.give_back();
    if (outcome == Outcome::failed) co_return co_await refuse();
    conclude(base::LogLevel::debug, pick.endpoint->url());
    co_return outcome == Outcome::answered;
  }
}

// Everything that is needed of the request, before its bytes make way for its body.
base::Result<void> Exchange::prepare() {
  message::Incoming& client = *request_.client;
  const http::RequestHead& head = client.request();
  request_.client_state = ClientState::there;
  request_.method = head.method;
  request_.body_kind = client.framing().kind;
  request_.error_format = ErrorFormat::text;
  for (const http::Field& field : head.fields) {
    if (field.id == http::FieldId::accept && field.value.find("application/json") != std::string_view::npos) {
      request_.error_format = ErrorFormat::json;
    }
  }
  request_.replay.reset(request_.service->settings.replay_bytes);
  request_.binds_connection = http::authenticates_connection(head.fields);
  request_.error = {base::ErrorKind::no_backend, base::Side::internal, "no backend to try"};
  recording_.begin(client, request_.plan->settings.request_ids);
  if (const auto& trusted = request_.plan->settings.trusted_proxies) {
    recording_.record().client = client_behind(client.peer(), head, *trusted);
  }
  if (context_.recorder.wants_texts()) recording_.keep_texts(head);
  retries().record_request(request_.service->settings.retry_budget_percent);
  blame_.clear();
  const Service& service = *request_.service;
  request_.key = service.settings.hash_on ? hash_key(*service.settings.hash_on, head, recording_.record().client) : 0;
  const base::Duration stall = service.settings.stall;
  const bool looks = stall.count() != 0 && service.members->size() > 1;
  request_.first_look = looks ? std::max(stall / base::kStallLooks, base::kStallLookMin) : Request::kLookNever;
  request_.sticky.clear();
  if (service.sticky) request_.sticky = http::cookie_value(head.fields, service.sticky->name());
  request_.proxy_header.clear();
  if (service.settings.proxy_header != ProxyHeader::off) {
    request_.proxy_header = header_of(client.peer(), recording_.record().client, service.settings.proxy_header);
  }
  request_.tried.clear();
  selection_.reset();
  attempt_.reset();
  failed_ = forwarded_ = 0;
  stale_connection_ = at_fault_ = false;

  http::ForwardedRequest& forwarded = request_.forwarded;
  const message::Credentials* const credentials = client.peer().credentials.get();
  const bool misdirected = credentials != nullptr && !credentials->may_ask(http::host_of(head));
  own_page_.reset();
  const auto& pages = request_.plan->settings.own_pages;
  if (pages != nullptr && pages->any()) own_page_ = pages->find(head);
  const http::ForwardingRules rules{.client_address = client.peer().address,
                                    .scheme = client.peer().scheme,
                                    .own_cookie = service.sticky ? service.sticky->name() : std::string_view(),
                                    .client_subject = credentials ? credentials->subject() : std::string_view(),
                                    .client_sha256 = credentials ? credentials->sha256() : std::string_view()};
  const auto written = http::write_forwarded_request(head, client.framing(), client.options(), rules, forwarded);
  client.consume_head();
  recording_.identify(forwarded);
  if (!forwarded.host_missing) forwarded.head += "\r\n";  // whole, for every backend
  if (!written) return base::Error{written.error().kind, base::Side::downstream, written.error().detail};
  if (misdirected) {
    return base::Error{base::ErrorKind::misdirected, base::Side::downstream,
                       "the connection was made for the host of another certificate"};
  }
  return {};
}

// Settles who is to blame for the attempt that failed, and whether there is another.
bool Exchange::may_try_again(const upstream::Pick& pick) {
  const base::Error& error = request_.error;
  if (error.side == base::Side::downstream) return false;
  const FailedAttempt& failure = attempt_.failure();
  const Verdict verdict = decide(failure);
  stale_connection_ = failure.at == FailedAt::stale;
  if (stale_connection_) return verdict != Verdict::give_up;
  const bool starved = error.kind == base::ErrorKind::no_resources;
  selection_.note_starved(starved);
  if (starved) {
    // Out of descriptors, which is nobody's fault but ours: idle connections give theirs up, and the request waits for
    // one as long as it would for a connection.
    context_.pool.drop_idle();
    return verdict == Verdict::again &&
           context_.wheel.now() - recording_.started() < request_.plan->settings.connect_timeout;
  }
  selection_.note_tried(*pick.endpoint);
  if (failure.at == FailedAt::stalled) {
    log_failed_attempt(*pick.endpoint);
    return verdict != Verdict::give_up;  // no attempt is used up, and no retry
  }
  const bool is_fault = failure.at != FailedAt::over_limits && failure.at != FailedAt::not_processed;
  if (error.side == base::Side::upstream && is_fault) {
    blame_.charge(*pick.endpoint, attempt_.chosen(), failure.at, error);
  }
  if (failure.at == FailedAt::nothing_sent) ask_for_lookup(*pick.endpoint);
  log_failed_attempt(*pick.endpoint);
  if (verdict == Verdict::give_up) return false;
  if (blame_.lies_with_request()) {
    blame_.take_back();
    at_fault_ = true;
    request_.error.detail = "failed in the same way at two backends that serve others well";
    return false;
  }
  return is_another_allowed(failure.at);
}

void Exchange::log_failed_attempt(const upstream::Endpoint& endpoint) const {
  if (!base::log_enabled(base::LogLevel::debug)) return;
  base::log(base::LogLevel::debug, "attempt at " + endpoint.url() + " failed: " + std::string(request_.error.detail));
}

void Exchange::ask_for_lookup(upstream::Endpoint& endpoint) {
  if (context_.on_connect_failed && endpoint.take_lookup_turn(context_.wheel.now())) {
    context_.on_connect_failed(endpoint.slot());
  }
}

RetryBudget& Exchange::retries() const noexcept {
  return request_.service->state->of_worker(context_.recorder.worker()).retries;
}

// By number, and by the budget of all requests.
bool Exchange::is_another_allowed(FailedAt at) {
  ++failed_;
  if (!took_no_work(at)) ++forwarded_;
  // A backend that could not be reached, or took nothing, forwarded nothing: others are still worth a try, up to a
  // bound, or the requests of an outage would connect to everybody there is.
  const unsigned most = request_.service->settings.attempts;
  const bool knocks = failed_ - forwarded_ < base::kKnocksMax;
  const bool more = knocks && (failed_ < most || (most > 1 && forwarded_ < most && selection_.others_left()));
  if (!more || took_no_work(at)) return more;  // what no backend has worked on is no load on it
  if (retries().spend()) return true;
  context_.recorder.counters().retries_denied.add();
  if (retries().is_news(context_.wheel.now())) {
    base::log(base::LogLevel::warning, "the retry budget is spent: requests that fail are not repeated for now");
  }
  return false;
}

// Instead of a backend's answer: what request_.error says.
net::Awaitable<bool> Exchange::refuse() {
  const base::Error error = request_.error;
  bool told = false;
  if (is_unanswerable(error)) {
    request_.client->reset();
    const bool ours = error.kind == base::ErrorKind::cancelled;
    recording_.ends(ours ? telemetry::Ending::balancer : telemetry::Ending::client, error.detail);
  } else {
    recording_.refuses(at_fault_ ? telemetry::Refusal::request_at_fault : refusal_of(error), error.detail);
    told = co_await send(make_error_answer(error, request_.error_format, at_fault_ ? error.detail : std::string_view()),
                         true);
  }
  const bool severe = recording_.record().status >= 500;
  conclude(severe ? base::LogLevel::warning : base::LogLevel::debug, error.detail);
  co_return told;
}

// With a page of the balancer's own.
net::Awaitable<bool> Exchange::answer_itself() {
  const message::OwnAnswer page = std::move(*own_page_);
  const bool told = co_await send(page, false);
  conclude(base::LogLevel::debug, "answered by the balancer itself");
  co_return told;
}

// What was to go no further than here: OPTIONS learns what is allowed; TRACE would have to be reflected.
net::Awaitable<bool> Exchange::answer_as_last() {
  if (request_.method != http::Method::options) {
    request_.error = {base::ErrorKind::method_not_allowed, base::Side::downstream, "TRACE that ends here"};
    co_return co_await refuse();
  }
  recording_.record().refusal = telemetry::Refusal::last_hop;
  const bool told = co_await send(make_options_answer(), false);
  conclude(base::LogLevel::debug, "answered as the last hop");
  co_return told;
}

net::Awaitable<void> Exchange::refuse_unread(message::Incoming& client, const base::Error& error) {
  request_.client = &client;
  if (is_unanswerable(error)) co_return;
  recording_.begin(client, context_.plan->settings.request_ids);
  recording_.identify();
  recording_.refuses(refusal_of(error), error.detail);
  static_cast<void>(co_await send(make_error_answer(error, ErrorFormat::text), true));
  recording_.conclude();
  if (base::log_enabled(base::LogLevel::debug)) {
    base::log(base::LogLevel::debug,
              client.peer().address + " " + std::to_string(status_of(error).status) + ": " + std::string(error.detail));
  }
}

// `tell_id`: if the client does not know it. True: it has the answer.
net::Awaitable<bool> Exchange::send(const message::OwnAnswer& answer, bool tell_id) {
  const bool tells = tell_id && recording_.tells_id();
  const auto sent = co_await request_.client->send_own_answer(answer, recording_.marks(tells));
  recording_.own_answer(answer.status, sent);
  co_return sent.has_value();
}

// The request has ended. `what`: who answered it, or why nobody did.
void Exchange::conclude(base::LogLevel level, std::string_view what) {
  recording_.conclude();
  if (!base::log_enabled(level)) return;
  const telemetry::RequestRecord& record = recording_.record();
  // The request line was checked to hold visible ASCII alone.
  const std::string_view head = request_.forwarded.head;
  const auto took = std::chrono::duration_cast<base::Duration>(record.total);
  base::log(level, record.client + " \"" + std::string(head.substr(0, head.find('\r'))) + "\" " +
                       std::to_string(record.status) + " " + std::string(what) + " after " + std::to_string(failed_) +
                       " failed attempts, " + std::to_string(took.count()) + " ms");
}

}  // namespace lb::proxy
