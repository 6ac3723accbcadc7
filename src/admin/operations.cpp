#include "admin/operations.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include <boost/json.hpp>

#include "admin/json_text.hpp"
#include "admin/status.hpp"

namespace lb::admin {
namespace {

namespace json = boost::json;
using upstream::Administration;

enum class Need : std::uint8_t { required, optional };
enum class Kind : std::uint8_t { text, number, boolean };

struct Member {
  std::string_view name;
  Need need = Need::required;
  Kind kind = Kind::text;
};

constexpr Member kUrl{.name = "url"};
constexpr Member kWeight{.name = "weight", .kind = Kind::number};

// What a body says, or what is wrong with it.
struct Order {
  std::string problem{};  // a sentence; empty: none
  std::string url{};
  std::int64_t weight = 1;
  std::int64_t connections_max = 0;
  bool backup = false;
};

std::string json_quoted(std::string_view text) {
  // As JSON: whatever it holds, it stays one line.
  return json::serialize(json::string(text.substr(0, 100)));
}

// "url, weight".
std::string names_of(std::span<const Member> members) {
  std::string out;
  for (const Member& member : members) out.append(out.empty() ? "" : ", ").append(member.name);
  return out.empty() ? "none" : out;
}

std::string wrong_value(const Member& member, const json::value* value) {
  const std::string name = json_quoted(member.name);
  if (value == nullptr) return member.need == Need::required ? "the member " + name + " is missing" : std::string();
  switch (member.kind) {
    case Kind::text:
      return value->is_string() ? std::string() : name + " has to be a string";
    case Kind::number:
      return value->is_int64() || value->is_uint64() ? std::string() : name + " has to be a whole number";
    case Kind::boolean:
      break;
  }
  return value->is_bool() ? std::string() : name + " has to be true or false";
}

// Beyond 63 bits nothing is allowed anyway.
std::int64_t number_of(const json::object& object, std::string_view name, std::int64_t otherwise) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr) return otherwise;
  return value->is_int64() ? value->get_int64() : INT64_MAX;
}

Order read_order(const std::string& body, std::span<const Member> members) {
  json::object object;
  if (body.find_first_not_of(" \t\r\n") != std::string::npos) {
    boost::system::error_code code;
    json::value parsed = json::parse(body, code);
    if (code) return {.problem = "the body is no JSON: " + code.message()};
    if (!parsed.is_object()) return {.problem = "the body has to be a JSON object, such as {\"url\": \"http://a\"}"};
    object = std::move(parsed.get_object());
  }
  for (const json::key_value_pair& pair : object) {
    const std::string_view name(pair.key().data(), pair.key().size());
    if (std::ranges::find(members, name, &Member::name) == members.end()) {
      return {.problem = "unknown member " + json_quoted(name) + "; known here: " + names_of(members)};
    }
  }
  for (const Member& member : members) {
    std::string problem = wrong_value(member, object.if_contains(member.name));
    if (!problem.empty()) return {.problem = std::move(problem)};
  }
  Order order;
  if (const json::value* const url = object.if_contains("url")) order.url = json::value_to<std::string>(*url);
  order.weight = number_of(object, "weight", order.weight);
  order.connections_max = number_of(object, "connections_max", order.connections_max);
  if (const json::value* const backup = object.if_contains("backup")) order.backup = backup->get_bool();
  return order;
}

Answer json_answer(unsigned status, const json::object& object) {
  return {.status = status, .content_type = kJson, .body = json_text(object) + "\n"};
}

Answer answer_of(Control& control, const Outcome& outcome) {
  if (!outcome.ok()) return refusal(outcome.status, outcome.text);
  auto snapshot = std::make_shared<const Snapshot>(control.snapshot());  // of after the order
  for (const BackendSnapshot& backend : snapshot->backends) {
    if (backend.endpoint->url() == outcome.url) return json_answer(outcome.status, backend_json(backend));
  }
  const json::object said{{"message", outcome.text}};
  return {.status = outcome.status, .content_type = kJson, .pieces = backends_pieces(said, std::move(snapshot))};
}

net::Awaitable<Answer> administer(Control& control, const Request& request, Administration wanted) {
  Order order = read_order(request.body, std::span(&kUrl, 1));
  if (!order.problem.empty()) co_return refusal(400, order.problem);
  const Outcome outcome = co_await control.administer(std::move(order.url), wanted);
  co_return answer_of(control, outcome);
}

}  // namespace

net::Awaitable<Answer> add_backend(Control& control, const Request& request) {
  constexpr std::array kMembers = {kUrl, Member{.name = "weight", .need = Need::optional, .kind = Kind::number},
                                   Member{.name = "connections_max", .need = Need::optional, .kind = Kind::number},
                                   Member{.name = "backup", .need = Need::optional, .kind = Kind::boolean}};
  Order order = read_order(request.body, kMembers);
  if (!order.problem.empty()) co_return refusal(400, order.problem);
  NewBackend backend{.url = std::move(order.url),
                     .weight = order.weight,
                     .connections_max = order.connections_max,
                     .backup = order.backup};
  const Outcome outcome = co_await control.add(std::move(backend));
  co_return answer_of(control, outcome);
}

net::Awaitable<Answer> remove_backend(Control& control, const Request& request) {
  Order order = read_order(request.body, std::span(&kUrl, 1));
  if (!order.problem.empty()) co_return refusal(400, order.problem);
  const Outcome outcome = co_await control.remove(std::move(order.url));
  co_return answer_of(control, outcome);
}

net::Awaitable<Answer> drain_backend(Control& control, const Request& request) {
  return administer(control, request, Administration::draining);
}
net::Awaitable<Answer> disable_backend(Control& control, const Request& request) {
  return administer(control, request, Administration::disabled);
}
net::Awaitable<Answer> enable_backend(Control& control, const Request& request) {
  return administer(control, request, Administration::active);
}

net::Awaitable<Answer> weigh_backend(Control& control, const Request& request) {
  constexpr std::array kMembers = {kUrl, kWeight};
  Order order = read_order(request.body, kMembers);
  if (!order.problem.empty()) co_return refusal(400, order.problem);
  const Outcome outcome = co_await control.weigh(std::move(order.url), order.weight);
  co_return answer_of(control, outcome);
}

net::Awaitable<Answer> check_backends(Control& control, const Request& request) {
  constexpr Member kAnyUrl{.name = "url", .need = Need::optional};
  Order order = read_order(request.body, std::span(&kAnyUrl, 1));
  if (!order.problem.empty()) co_return refusal(400, order.problem);
  const Outcome outcome = co_await control.check(std::move(order.url));
  co_return answer_of(control, outcome);
}

net::Awaitable<Answer> reload(Control& control, const Request& request) {
  const Order order = read_order(request.body, {});
  if (!order.problem.empty()) co_return refusal(400, order.problem);
  const Outcome outcome = co_await control.reload();
  co_return answer_of(control, outcome);
}

}  // namespace lb::admin
