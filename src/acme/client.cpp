#include "acme/client.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "acme/jws.hpp"
#include "acme/text.hpp"

namespace lb::acme {
namespace {

namespace json = boost::json;

constexpr std::string_view kPending = "pending";
constexpr std::string_view kProcessing = "processing";
constexpr std::string_view kReady = "ready";
constexpr std::string_view kValid = "valid";

constexpr unsigned kOk = 200;
constexpr unsigned kMultipleChoices = 300;

// What an authority that cannot be asked, or does not know us, would say to every domain.
Problem of_authority(Problem problem) {
  problem.scope = Problem::Scope::authority;
  return problem;
}

Problem cannot_ask(const base::Error& error) {
  const std::string_view why = error.detail.empty() ? base::to_string(error.kind) : error.detail;
  return of_authority({"the authority cannot be asked: " + std::string(why)});
}

// The order in which they are tried: the first needs nothing that TLS would have to know of.
std::vector<std::string_view> kinds_of(const Settings& settings) {
  std::vector<std::string_view> kinds;
  if (settings.http_01) kinds.push_back(kHttp01);
  if (settings.tls_alpn_01) kinds.push_back(kTlsAlpn01);
  return kinds;
}

json::array contact_of(const std::string& email) {
  json::array contact;
  if (!email.empty()) contact.emplace_back("mailto:" + email);
  return contact;
}

std::chrono::seconds next_poll_pause(std::chrono::seconds asked, std::chrono::seconds usual) {
  if (asked.count() <= 0) return usual;
  return std::min(asked, kRetryAfterMax);
}

}  // namespace

// What belongs to one order.
struct Client::Session {
  std::string domain;
  Settings settings;
  std::shared_ptr<const Storage> storage;
  base::Deadline deadline;
  Directory directory{};
  std::optional<Key> key{};  // of the account
  std::string account{};     // its address; empty: the key is told instead
  std::string nonce{};       // for the next request; each is used once
};

// An order whose domain is proved to be ours.
struct Client::Proved {
  std::string url;
  Order order;
  std::chrono::seconds pause{0};
};

Client::Client(net::Executor executor, net::DeadlineWheel& wheel, Http& http, Challenges& challenges)
    : wheel_(wheel), http_(http), challenges_(challenges), pause_(std::move(executor), wheel) {}

void Client::stop() {
  stopped_ = true;
  pause_.wake();
}

net::Awaitable<Outcome<Certificate>> Client::obtain(std::string domain, Settings settings,
                                                    std::shared_ptr<const Storage> storage) {
  const std::vector<std::string_view> kinds = kinds_of(settings);
  Session session{std::move(domain), std::move(settings), std::move(storage), wheel_.after(kOrderTime)};
  std::optional<Problem> problem = co_await begin(session);
  if (problem) co_return std::move(*problem);
  std::string said;
  for (const std::string_view kind : kinds) {
    Outcome<Proved> proved = co_await order_and_prove(session, kind);
    if (proved) co_return co_await finish(session, *proved);
    problem = std::move(proved.problem());
    if (!problem->other_way) co_return std::move(*problem);
    // One way did not do: at once the other.
    said += (said.empty() ? "" : "; ") + problem->text;
  }
  if (!problem) co_return Problem{"neither http-01 nor tls-alpn-01 is possible"};
  problem->text = std::move(said);
  co_return std::move(*problem);
}

// The directory and the account.
net::Awaitable<std::optional<Problem>> Client::begin(Session& session) {
  HttpRequest request{.method = "GET", .url = session.settings.directory};
  Outcome<HttpAnswer> answer = co_await send(session, std::move(request));
  if (!answer) co_return of_authority(std::move(answer.problem()));
  if (answer->status != kOk) co_return of_authority(read_refusal(*answer));
  Outcome<Directory> directory = read_directory(answer->body);
  if (!directory) co_return std::move(directory.problem());
  session.directory = std::move(*directory);
  Outcome<Key> key = session.storage->account_key();
  if (!key) co_return of_authority(std::move(key.problem()));
  session.key = std::move(*key);
  co_return co_await find_account(session);
}

net::Awaitable<std::optional<Problem>> Client::find_account(Session& session) {
  std::optional<Account> account = session.storage->account(session.settings.directory);
  if (!account) co_return co_await make_account(session);
  session.account = account->url;
  if (account->email == session.settings.email) co_return std::nullopt;
  json::object update;
  update["contact"] = contact_of(session.settings.email);
  const Outcome<HttpAnswer> answer = co_await post(session, account->url, json::serialize(update));
  if (!answer && answer.problem().type == "accountDoesNotExist") co_return co_await make_account(session);
  if (!answer) co_return of_authority(answer.problem());
  account->email = session.settings.email;
  co_return session.storage->save_account(*account);
}

// Of a key that the authority knows already it tells the account there is (section 7.3).
net::Awaitable<std::optional<Problem>> Client::make_account(Session& session) {
  session.account.clear();
  json::object account;
  account["termsOfServiceAgreed"] = true;
  if (!session.settings.email.empty()) account["contact"] = contact_of(session.settings.email);
  const Outcome<HttpAnswer> answer = co_await post(session, session.directory.new_account, json::serialize(account));
  if (!answer) co_return of_authority(answer.problem());
  if (!is_url(answer->location)) {
    co_return of_authority({"the authority does not say where the new account is"});
  }
  session.account = answer->location;
  const Account made{session.account, session.settings.directory, session.settings.email};
  std::optional<Problem> problem = session.storage->save_account(made);
  if (problem) co_return of_authority(std::move(*problem));
  co_return std::nullopt;
}

net::Awaitable<Outcome<HttpAnswer>> Client::new_order(Session& session) {
  json::object identifier;
  identifier["type"] = "dns";
  identifier["value"] = session.domain;
  json::array identifiers;
  identifiers.push_back(std::move(identifier));
  json::object order;
  order["identifiers"] = std::move(identifiers);
  const std::string payload = json::serialize(order);
  Outcome<HttpAnswer> answer = co_await post(session, session.directory.new_order, payload);
  if (answer || answer.problem().type != "accountDoesNotExist") co_return answer;
  // The account that we remember is gone, as after the new beginning of an authority for tests.
  std::optional<Problem> problem = co_await make_account(session);
  if (problem) co_return std::move(*problem);
  co_return co_await post(session, session.directory.new_order, payload);
}

net::Awaitable<Outcome<Client::Proved>> Client::order_and_prove(Session& session, std::string_view kind) {
  const Outcome<HttpAnswer> answer = co_await new_order(session);
  if (!answer) co_return answer.problem();
  Outcome<Order> order = read_order(answer->body);
  if (!order) co_return std::move(order.problem());
  if (!is_url(answer->location)) co_return of_authority({"the authority does not say where the new order is"});
  Proved proved{answer->location, std::move(*order), answer->retry_after};
  // One that is not pending is proved already: an authority remembers for a while.
  if (proved.order.status != kPending) co_return proved;
  for (const std::string& url : proved.order.authorizations) {
    std::optional<Problem> problem = co_await prove(session, url, kind);
    if (problem) co_return std::move(*problem);
  }
  co_return proved;
}

Challenges::Held Client::hold(Session& session, const Challenge& challenge) {
  const std::string authorization = session.key->authorization_of(challenge.token);
  if (challenge.type == kHttp01) return challenges_.hold_http(challenge.token, authorization);
  const std::time_t now = wheel_.clock().wall_seconds();
  return challenges_.hold_alpn(session.domain, make_alpn_certificate(session.domain, authorization, now));
}

net::Awaitable<std::optional<Problem>> Client::prove(Session& session, const std::string& url, std::string_view kind) {
  const Outcome<HttpAnswer> answer = co_await post(session, url, {});
  if (!answer) co_return answer.problem();
  Outcome<Authorization> authorization = read_authorization(answer->body);
  if (!authorization) co_return std::move(authorization.problem());
  if (authorization->status == kValid) co_return std::nullopt;
  const auto& challenges = authorization->challenges;
  const auto found = std::ranges::find(challenges, kind, &Challenge::type);
  if (authorization->status != kPending || found == challenges.end()) {
    Problem problem{"the authority does not offer " + std::string(kind) + " (the authorization is " +
                    authorization->status + ")"};
    problem.other_way = true;
    co_return problem;
  }
  const Challenges::Held held = hold(session, *found);
  const Outcome<HttpAnswer> begun = co_await post(session, found->url, "{}");
  if (!begun) co_return begun.problem();
  co_return co_await await_verdict(session, url, kind, begun->retry_after);
}

net::Awaitable<std::optional<Problem>> Client::await_verdict(Session& session, const std::string& url,
                                                             std::string_view kind, std::chrono::seconds first_pause) {
  std::chrono::seconds usual = kPollPause;
  std::chrono::seconds asked = first_pause;
  for (int poll = 0; poll < kPollsMax; ++poll) {
    std::optional<Problem> problem = co_await pause_for(session, next_poll_pause(asked, usual));
    if (problem) co_return std::move(*problem);
    const Outcome<HttpAnswer> answer = co_await post(session, url, {});
    if (!answer) co_return answer.problem();
    Outcome<Authorization> authorization = read_authorization(answer->body);
    if (!authorization) co_return std::move(authorization.problem());
    if (authorization->status == kValid) co_return std::nullopt;
    if (authorization->status != kPending && authorization->status != kProcessing) {
      const auto& challenges = authorization->challenges;
      const auto found = std::ranges::find(challenges, kind, &Challenge::type);
      const bool says_why = found != challenges.end() && !found->problem.empty();
      Problem refused{std::string(kind) +
                      " failed: " + (says_why ? found->problem : "the authorization is " + authorization->status)};
      refused.other_way = true;
      co_return refused;
    }
    usual = std::min(2 * usual, kPollPauseMax);
    asked = answer->retry_after;
  }
  Problem problem{"the authority does not come to an end with " + std::string(kind)};
  problem.other_way = true;
  co_return problem;
}

net::Awaitable<Outcome<Order>> Client::await_order(Session& session, const std::string& url, std::string_view until,
                                                   std::chrono::seconds first_pause) {
  std::chrono::seconds usual = kPollPause;
  std::chrono::seconds asked = first_pause;
  for (int poll = 0; poll < kPollsMax; ++poll) {
    std::optional<Problem> problem = co_await pause_for(session, next_poll_pause(asked, usual));
    if (problem) co_return std::move(*problem);
    const Outcome<HttpAnswer> answer = co_await post(session, url, {});
    if (!answer) co_return answer.problem();
    Outcome<Order> order = read_order(answer->body);
    if (!order || order->status == until || order->status == kValid) co_return order;
    if (order->status != kPending && order->status != kProcessing && order->status != kReady) {
      co_return Problem{"the authority gives up: " +
                        (order->problem.empty() ? "the order is " + order->status : order->problem)};
    }
    usual = std::min(2 * usual, kPollPauseMax);
    asked = answer->retry_after;
  }
  co_return Problem{"the authority does not come to an end with the order"};
}

net::Awaitable<Outcome<Certificate>> Client::finish(Session& session, const Proved& proved) {
  if (proved.order.status != kReady) {
    const Outcome<Order> ready = co_await await_order(session, proved.url, kReady, proved.pause);
    if (!ready) co_return ready.problem();
  }
  const Key key = Key::make();
  json::object payload;
  payload["csr"] = base64url(certificate_request(key, session.domain));
  const Outcome<HttpAnswer> answer = co_await post(session, proved.order.finalize, json::serialize(payload));
  if (!answer) co_return answer.problem();
  Outcome<Order> order = read_order(answer->body);
  if (order && order->status != kValid) {
    order = co_await await_order(session, proved.url, kValid, answer->retry_after);
  }
  if (!order) co_return std::move(order.problem());
  if (order->certificate.empty()) co_return Problem{"the authority does not say where the certificate is"};
  const Outcome<HttpAnswer> chain = co_await post(session, order->certificate, {});
  if (!chain) co_return chain.problem();
  Outcome<Certificate> certificate = read_certificate(chain->body, key, session.domain);
  if (!certificate) {
    co_return Problem{"what the authority gives cannot be used: " + certificate.problem().text};
  }
  if (certificate->not_after <= wheel_.clock().wall_seconds()) {
    co_return Problem{"the authority gives a certificate that is over already; is the clock right?"};
  }
  co_return certificate;
}

net::Awaitable<Outcome<HttpAnswer>> Client::post(Session& session, std::string url, std::string payload) {
  Problem problem;
  for (int tries = 0; tries < kNonceTriesMax; ++tries) {
    if (session.nonce.empty()) {
      std::optional<Problem> none = co_await fetch_nonce(session);
      if (none) co_return std::move(*none);
    }
    const std::string nonce = std::exchange(session.nonce, {});
    HttpRequest request{.method = "POST", .url = url, .content_type = "application/jose+json"};
    request.body = signed_request(*session.key, session.account, nonce, url, payload);
    Outcome<HttpAnswer> answer = co_await send(session, std::move(request));
    if (!answer) co_return answer;
    if (answer->status >= kOk && answer->status < kMultipleChoices) co_return answer;
    problem = read_refusal(*answer);
    // Its answer has brought a nonce that it takes.
    if (problem.type != "badNonce") co_return problem;
  }
  co_return of_authority(std::move(problem));
}

net::Awaitable<std::optional<Problem>> Client::fetch_nonce(Session& session) {
  HttpRequest request{.method = "HEAD", .url = session.directory.new_nonce};
  const Outcome<HttpAnswer> answer = co_await send(session, std::move(request));
  if (!answer) co_return answer.problem();
  if (answer->status < kOk || answer->status >= kMultipleChoices) co_return of_authority(read_refusal(*answer));
  if (session.nonce.empty()) co_return of_authority({"the authority gives no nonce"});
  co_return std::nullopt;
}

net::Awaitable<Outcome<HttpAnswer>> Client::send(Session& session, HttpRequest request) {
  if (stopped_) co_return Problem{"the balancer stops"};
  const base::Deadline deadline = std::min(session.deadline, wheel_.after(kAnswerTime));
  if (wheel_.now() >= session.deadline) co_return of_authority({"the authority takes too long"});
  base::Result<HttpAnswer> answer = co_await http_.send(std::move(request), deadline);
  if (stopped_) co_return Problem{"the balancer stops"};
  if (!answer) co_return cannot_ask(answer.error());
  if (answer->body.size() > kAnswerBytesMax) co_return of_authority({"an answer of the authority is too large"});
  const std::string& nonce = answer->replay_nonce;
  if (nonce.size() <= kNonceBytesMax && is_base64url(nonce)) session.nonce = nonce;
  co_return std::move(*answer);
}

net::Awaitable<std::optional<Problem>> Client::pause_for(Session& session, std::chrono::seconds time) {
  if (wheel_.after(time) >= session.deadline) {
    Problem problem{"the authority asks to come back in " + std::to_string(time.count()) + " seconds"};
    problem.retry_after = time;
    co_return problem;
  }
  if (!stopped_) co_await pause_.until(wheel_.after(time));
  if (stopped_) co_return Problem{"the balancer stops"};
  co_return std::nullopt;
}

}  // namespace lb::acme
