// An authority in memory that looks as closely at what it is asked as RFC 8555 has it, and answers what a test wants.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "acme/challenges.hpp"
#include "acme/http.hpp"
#include "acme/text.hpp"
#include "net/pause.hpp"
#include "unit/acme/folder.hpp"
#include "unit/acme/jose.hpp"

namespace lb::acme::test {

class Authority final : public Http {
 public:
  Authority(World& world, const Challenges& challenges) : world_(world), challenges_(challenges) {}

  net::Awaitable<base::Result<HttpAnswer>> send(HttpRequest request, base::Deadline deadline) override {
    EXPECT_LE(deadline, world_.wheel.after(kAnswerTime));
    const std::string what = what_of(request.url);
    asked.push_back(what);
    times.push_back(world_.now());
    if (takes > base::Duration(0)) {
      net::Pause pause(world_.io.get_executor(), world_.wheel);
      const bool is_late = world_.wheel.after(takes) > deadline;
      co_await pause.until(std::min(deadline, world_.wheel.after(takes)));
      const base::Error late{base::ErrorKind::timeout, base::Side::upstream, {}};
      if (is_late) co_return late;
    }
    const base::Error unreachable{base::ErrorKind::connect_refused, base::Side::upstream, {}};
    if (is_down) co_return unreachable;
    HttpAnswer answer = answer_to(what, request);
    co_return answer;
  }

  [[nodiscard]] std::size_t count(std::string_view what) const {
    return static_cast<std::size_t>(std::ranges::count(asked, what));
  }

  [[nodiscard]] static HttpAnswer refusal(unsigned status, const std::string& type, const std::string& detail,
                                          std::chrono::seconds retry_after = {}) {
    HttpAnswer answer;
    answer.status = status;
    answer.content_type = "application/problem+json";
    answer.body = boost::json::serialize(problem(type, detail));
    answer.retry_after = retry_after;
    return answer;
  }

  static constexpr const char* kDirectory = "https://ca/dir";

  // What it was asked, in order, by the first part of the path, and when.
  std::vector<std::string> asked;
  std::vector<std::time_t> times;
  std::vector<std::string> contacts;  // that it was told

  // What to answer in place of what it would, to the n-th question of this kind, from 0.
  std::function<std::optional<HttpAnswer>(const std::string& what, std::size_t nth)> instead;
  bool is_down = false;
  base::Duration takes{0};
  int bad_nonces = 0;             // that it refuses, first of all
  std::set<std::string> failing;  // ways that do not do
  std::set<std::string> offered{"http-01", "tls-alpn-01", "dns-01"};
  int polls = 1;                       // until it has looked, and until it has signed
  std::chrono::seconds poll_pause{0};  // that it asks for
  std::chrono::seconds life{std::chrono::hours(24 * 90)};
  bool remembers_proofs = false;

 private:
  struct OrderHere {
    std::string domain;
    std::string status = "pending";
    std::string proof = "pending";  // of the authorization
    std::string failed_kind{};
    std::string account;
    std::string chain{};
    int polls = 0;
  };

  static boost::json::object problem(const std::string& type, const std::string& detail) {
    boost::json::object object;
    object["type"] = "urn:ietf:params:acme:error:" + type;
    object["detail"] = detail;
    return object;
  }
  [[nodiscard]] static std::string what_of(const std::string& url) {
    const std::string path = url.substr(std::string("https://ca/").size());
    return path.substr(0, path.find('/'));
  }
  [[nodiscard]] static std::string token(std::size_t number) { return "token-" + std::to_string(number); }

  HttpAnswer answer_to(const std::string& what, const HttpRequest& request) {
    HttpAnswer answer = usual_answer(what, request);
    if (request.method != "GET") {
      answer.replay_nonce = "nonce-" + std::to_string(++nonces_made_);
      nonces_.insert(answer.replay_nonce);
    }
    if (!instead) return answer;
    if (auto other = instead(what, count(what) - 1)) {
      if (other->replay_nonce.empty()) other->replay_nonce = answer.replay_nonce;
      return *other;
    }
    return answer;
  }

  HttpAnswer usual_answer(const std::string& what, const HttpRequest& request) {
    if (what == "dir") {
      EXPECT_EQ(request.method, "GET");
      return {.status = 200,
              .body = R"({"newNonce":"https://ca/new-nonce","newAccount":"https://ca/new-account",)"
                      R"("newOrder":"https://ca/new-order","meta":{}})"};
    }
    if (what == "new-nonce") {
      EXPECT_EQ(request.method, "HEAD");
      return {.status = 200};
    }
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.content_type, "application/jose+json");
    const auto jws = read_jws(request.body);
    if (!jws) return refusal(400, "malformed", "no JWS");
    EXPECT_EQ(text_of(jws->header, "alg"), "ES256");
    EXPECT_EQ(text_of(jws->header, "url"), request.url);
    EXPECT_EQ(nonces_.erase(text_of(jws->header, "nonce")), 1U) << "a nonce that was not given, or is used";
    if (bad_nonces > 0) {
      --bad_nonces;
      return refusal(400, "badNonce", "not this one");
    }
    if (what == "new-account") return new_account(*jws);
    const std::string account = text_of(jws->header, "kid");
    if (!accounts_.contains(account)) return refusal(400, "accountDoesNotExist", "who is this?");
    EXPECT_TRUE(verifies(accounts_[account].key, jws->signed_text, jws->signature));
    return answer_to_account(what, account, request.url, jws->payload);
  }

  HttpAnswer new_account(const Jws& jws) {
    EXPECT_FALSE(jws.header.contains("kid"));
    const boost::json::object& jwk = jws.header.at("jwk").as_object();
    const KeyPtr key = key_of(jwk);
    EXPECT_TRUE(verifies(key, jws.signed_text, jws.signature));
    const auto payload = read_object(jws.payload);
    EXPECT_TRUE(payload && payload->at("termsOfServiceAgreed").as_bool());
    note_contact(*payload);
    for (const auto& [url, account] : accounts_) {
      if (EVP_PKEY_eq(account.key.get(), key.get()) == 1) return {.status = 200, .body = "{}", .location = url};
    }
    const std::string url = "https://ca/account/" + std::to_string(accounts_.size());
    accounts_[url] = {key, base64url(sha256(boost::json::serialize(jwk)))};
    return {.status = 201, .body = R"({"status":"valid"})", .location = url};
  }

  void note_contact(const boost::json::object& payload) {
    if (const auto* contact = payload.if_contains("contact")) contacts.push_back(boost::json::serialize(*contact));
  }

  HttpAnswer answer_to_account(const std::string& what, const std::string& account, const std::string& url,
                               const std::string& payload) {
    if (what == "account") {
      note_contact(*read_object(payload));
      return {.status = 200, .body = "{}"};
    }
    if (what == "new-order") return new_order(account, payload);
    const auto number = static_cast<std::size_t>(std::stoul(url.substr(url.rfind('/') + 1)));
    OrderHere& order = orders_.at(number);
    EXPECT_EQ(order.account, account);
    const bool is_question = payload.empty();
    if (what == "challenge") {
      EXPECT_EQ(payload, "{}");
      const std::string rest = url.substr(std::string("https://ca/challenge/").size());
      return look(order, number, rest.substr(0, rest.find('/')));
    }
    if (what == "finalize") return finalize(order, number, payload);
    EXPECT_TRUE(is_question) << what;
    if (what == "authorization") return authorization(order, number);
    if (what == "certificate") return {.status = 200, .body = order.chain};
    EXPECT_EQ(what, "order");
    if (order.status == "processing" && --order.polls <= 0) order.status = "valid";
    return order_answer(order, number, 200);
  }

  HttpAnswer new_order(const std::string& account, const std::string& payload) {
    const auto object = read_object(payload);
    const auto& identifiers = object->at("identifiers").as_array();
    EXPECT_EQ(identifiers.size(), 1U);
    const std::string domain = text_of(identifiers.at(0).as_object(), "value");
    OrderHere order{.domain = domain, .account = account};
    if (remembers_proofs && proved_.contains(domain)) order.status = "ready", order.proof = "valid";
    orders_.push_back(order);
    return order_answer(orders_.back(), orders_.size() - 1, 201);
  }

  [[nodiscard]] HttpAnswer order_answer(const OrderHere& order, std::size_t number, unsigned status) const {
    const std::string at = std::to_string(number);
    boost::json::object object;
    object["status"] = order.status;
    object["authorizations"] = boost::json::array{"https://ca/authorization/" + at};
    object["finalize"] = "https://ca/finalize/" + at;
    if (order.status == "valid") object["certificate"] = "https://ca/certificate/" + at;
    return {.status = status,
            .body = boost::json::serialize(object),
            .location = "https://ca/order/" + at,
            .retry_after = order.status == "processing" ? poll_pause : std::chrono::seconds(0)};
  }

  HttpAnswer authorization(OrderHere& order, std::size_t number) {
    if (order.proof == "looking" && --order.polls <= 0) {
      order.proof = order.failed_kind.empty() ? "valid" : "invalid";
      order.status = order.failed_kind.empty() ? "ready" : "invalid";
      if (order.failed_kind.empty()) proved_.insert(order.domain);
    }
    boost::json::object object;
    object["status"] = order.proof == "looking" ? "pending" : order.proof;
    boost::json::array challenges;
    for (const std::string& kind : offered) {
      boost::json::object challenge;
      challenge["type"] = kind;
      challenge["url"] = "https://ca/challenge/" + kind + "/" + std::to_string(number);
      challenge["token"] = token(number);
      if (kind == order.failed_kind) challenge["error"] = problem("connection", "nobody\nanswers");
      challenges.push_back(std::move(challenge));
    }
    object["challenges"] = std::move(challenges);
    return {.status = 200, .body = boost::json::serialize(object), .retry_after = poll_pause};
  }

  // What a proof has to be is there at once.
  HttpAnswer look(OrderHere& order, std::size_t number, const std::string& kind) {
    const std::string expected = token(number) + "." + accounts_[order.account].thumbprint;
    if (kind == "http-01") {
      EXPECT_EQ(challenges_.key_authorization(token(number)), expected);
    } else {
      EXPECT_EQ(kind, "tls-alpn-01");
      EXPECT_NE(challenges_.alpn_certificate(order.domain), nullptr);
    }
    order.proof = "looking";
    order.polls = polls;
    order.failed_kind = failing.contains(kind) ? kind : "";
    return {.status = 200, .body = R"({"status":"processing"})", .retry_after = poll_pause};
  }

  HttpAnswer finalize(OrderHere& order, std::size_t number, const std::string& payload) {
    if (order.status != "ready") return refusal(403, "orderNotReady", "the order is " + order.status);
    order.chain = sign(from_base64url(text_of(*read_object(payload), "csr")), order.domain);
    order.status = polls > 0 ? "processing" : "valid";
    order.polls = polls;
    return order_answer(order, number, 200);
  }

  std::string sign(const std::string& der, const std::string& domain) {
    const auto* begin = reinterpret_cast<const unsigned char*>(der.data());
    const CertificateRequest request(d2i_X509_REQ(nullptr, &begin, static_cast<long>(der.size())));
    if (request == nullptr) {
      ADD_FAILURE() << "no request";
      return {};
    }
    EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
    EXPECT_EQ(X509_REQ_verify(request.get(), key), 1);
    const CertificatePtr made(X509_new(), X509_free);
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), static_cast<long>(++signed_));
    ASN1_TIME_set(X509_getm_notBefore(made.get()), world_.now());
    ASN1_TIME_set(X509_getm_notAfter(made.get()), world_.now() + life.count());
    X509_set_pubkey(made.get(), key);
    const Extension name(X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + domain).c_str()));
    X509_add_ext(made.get(), name.get(), -1);
    X509_sign(made.get(), key_.get().get(), EVP_sha256());
    const Bio pem = to_write();
    PEM_write_bio_X509(pem.get(), made.get());
    return acme::text_of(pem);
  }

  struct AccountHere {
    KeyPtr key;
    std::string thumbprint;
  };

  World& world_;
  const Challenges& challenges_;
  Key key_ = Key::make();
  std::map<std::string, AccountHere> accounts_;
  std::vector<OrderHere> orders_;
  std::set<std::string> nonces_;
  std::set<std::string> proved_;
  std::size_t nonces_made_ = 0;
  std::size_t signed_ = 0;
};

}  // namespace lb::acme::test
