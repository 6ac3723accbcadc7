// Asks an authority for a certificate: RFC 8555 from the directory to the chain.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "acme/answers.hpp"
#include "acme/challenges.hpp"
#include "acme/http.hpp"
#include "acme/settings.hpp"
#include "acme/storage.hpp"
#include "net/pause.hpp"

namespace lb::acme {

// One thread, one order at a time.
class Client {
 public:
  // All of these outlive the client.
  Client(net::Executor executor, net::DeadlineWheel& wheel, Http& http, Challenges& challenges);

  // Proves that the domain is ours, in one way or the other, and gets its certificate, with a new key. The storage is
  // locked by the caller; the account is kept there, the certificate is not. Takes kOrderTime at most.
  [[nodiscard]] net::Awaitable<Outcome<Certificate>> obtain(std::string domain, Settings settings,
                                                            std::shared_ptr<const Storage> storage);

  // Ends obtain(), when the question that is under way has been answered.
  void stop();

 private:
  struct Session;
  struct Proved;

  net::Awaitable<std::optional<Problem>> begin(Session& session);
  net::Awaitable<std::optional<Problem>> find_account(Session& session);
  net::Awaitable<std::optional<Problem>> make_account(Session& session);
  net::Awaitable<Outcome<Proved>> order_and_prove(Session& session, std::string_view kind);
  net::Awaitable<Outcome<HttpAnswer>> new_order(Session& session);
  net::Awaitable<std::optional<Problem>> prove(Session& session, const std::string& url, std::string_view kind);
  net::Awaitable<std::optional<Problem>> await_verdict(Session& session, const std::string& url, std::string_view kind,
                                                       std::chrono::seconds first_pause);
  net::Awaitable<Outcome<Order>> await_order(Session& session, const std::string& url, std::string_view until,
                                             std::chrono::seconds first_pause);
  net::Awaitable<Outcome<Certificate>> finish(Session& session, const Proved& proved);

  // An empty payload: POST-as-GET. An answer that is no success is a problem.
  net::Awaitable<Outcome<HttpAnswer>> post(Session& session, std::string url, std::string payload);
  net::Awaitable<std::optional<Problem>> fetch_nonce(Session& session);
  net::Awaitable<Outcome<HttpAnswer>> send(Session& session, HttpRequest request);
  // A problem: it would not be over in time.
  net::Awaitable<std::optional<Problem>> pause_for(Session& session, std::chrono::seconds time);
  [[nodiscard]] Challenges::Held hold(Session& session, const Challenge& challenge);

  net::DeadlineWheel& wheel_;
  Http& http_;
  Challenges& challenges_;
  net::Pause pause_;
  bool stopped_ = false;
};

}  // namespace lb::acme
