#include "acme/answers.hpp"

#include <algorithm>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "acme/json.hpp"
#include "acme/text.hpp"

namespace lb::acme {
namespace {

namespace json = boost::json;

Problem nonsense(std::string_view what) {
  return {.text = "the authority's answer is no " + std::string(what) + " as RFC 8555 has it",
          .scope = Problem::Scope::authority};
}

// The type without its prefix, and what it says of it: "rateLimited: too many certificates".
std::string short_type(const json::object& problem) {
  constexpr std::string_view kPrefix = "urn:ietf:params:acme:error:";
  const std::string type = text_of(problem, "type");
  return harmless(type.starts_with(kPrefix) ? std::string_view(type).substr(kPrefix.size()) : type);
}

std::string sentence(const json::object& problem) {
  std::string type = short_type(problem);
  const std::string detail = harmless(text_of(problem, "detail"));
  if (type.empty() || detail.empty()) return type + detail;
  return type + ": " + detail;
}

std::string problem_in(const json::object& object) {
  const json::value* const error = object.if_contains("error");
  return error == nullptr || !error->is_object() ? std::string() : sentence(error->get_object());
}

const json::array* array_in(const json::object& object, const char* name) {
  const json::value* const found = object.if_contains(name);
  return found == nullptr ? nullptr : found->if_array();
}

std::string url_in(const json::object& object, std::string_view name) {
  std::string url = text_of(object, name);
  if (!is_url(url)) url.clear();
  return url;
}

}  // namespace

Outcome<Directory> read_directory(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return nonsense("directory");
  Directory directory{url_in(*object, "newNonce"), url_in(*object, "newAccount"), url_in(*object, "newOrder")};
  if (directory.new_nonce.empty() || directory.new_account.empty() || directory.new_order.empty()) {
    return nonsense("directory");
  }
  return directory;
}

Outcome<Authorization> read_authorization(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return nonsense("authorization");
  Authorization authorization{harmless(text_of(*object, "status")), {}};
  const json::array* const challenges = array_in(*object, "challenges");
  if (authorization.status.empty() || challenges == nullptr) return nonsense("authorization");
  for (const json::value& value : *challenges) {
    const json::object* const one = value.if_object();
    if (one == nullptr) continue;
    Challenge challenge{text_of(*one, "type"), url_in(*one, "url"), text_of(*one, "token"), problem_in(*one)};
    if (challenge.type != kHttp01 && challenge.type != kTlsAlpn01) continue;
    // The token becomes a part of a path and of a text that is signed: nothing but what section 8.1 allows.
    if (challenge.url.empty() || challenge.token.size() > kTokenBytesMax || !is_base64url(challenge.token)) continue;
    authorization.challenges.push_back(std::move(challenge));
  }
  return authorization;
}

Outcome<Order> read_order(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return nonsense("order");
  Order order{harmless(text_of(*object, "status")),
              {},
              url_in(*object, "finalize"),
              url_in(*object, "certificate"),
              problem_in(*object)};
  const json::array* const authorizations = array_in(*object, "authorizations");
  if (order.status.empty() || order.finalize.empty() || authorizations == nullptr) return nonsense("order");
  if (authorizations->empty() || authorizations->size() > kAuthorizationsMax) return nonsense("order");
  for (const json::value& value : *authorizations) {
    const json::string* const url = value.if_string();
    if (url == nullptr || !is_url({url->data(), url->size()})) return nonsense("order");
    order.authorizations.emplace_back(url->data(), url->size());
  }
  return order;
}

Problem read_refusal(const HttpAnswer& answer) {
  constexpr unsigned kServerError = 500;
  Problem problem;
  const auto object = read_object(answer.body);
  const std::string said = object ? sentence(*object) : std::string();
  problem.text = said.empty() ? "the authority answers with the status " + std::to_string(answer.status)
                              : "the authority refuses: " + said;
  if (object) problem.type = short_type(*object);
  problem.retry_after = std::clamp(answer.retry_after, std::chrono::seconds(0), kRetryAfterMax);
  if (answer.status >= kServerError) problem.scope = Problem::Scope::authority;
  return problem;
}

}  // namespace lb::acme
