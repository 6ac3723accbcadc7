#include "admin/routes.hpp"

#include <set>
#include <string>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "admin/openapi.hpp"
#include "admin/status.hpp"
#include "unit/admin/snapshots.hpp"

namespace lb::admin {
namespace {

namespace json = boost::json;

Match find(http::Method method, std::string_view path, Request& request) {
  request = {};
  request.method = method;
  request.path = path;
  return find_route(request);
}

TEST(AdminRoutes, a_path_is_found_as_it_is_written) {
  Request request;
  EXPECT_NE(find(http::Method::get, "/status", request).route, nullptr);
  EXPECT_NE(find(http::Method::head, "/status", request).route, nullptr);
  for (const char* path : {"", "status", "/status/", "//status", "/statu", "/STATUS", "/backends/nothing"}) {
    const Match match = find(http::Method::get, path, request);
    EXPECT_EQ(match.route, nullptr) << path;
    EXPECT_EQ(match.allow, "") << path;
  }
}

TEST(AdminRoutes, another_method_is_told_which_are_allowed) {
  Request request;
  EXPECT_EQ(find(http::Method::post, "/status", request).allow, "GET, HEAD");
  EXPECT_EQ(find(http::Method::get, "/check", request).allow, "POST");
  EXPECT_EQ(find(http::Method::delete_, "/backends", request).allow, "POST");
}

TEST(AdminRoutes, each_has_exactly_one_handler) {
  for (const Route& route : routes()) {
    EXPECT_NE(route.answer == nullptr, route.stream == nullptr) << route.path;
    EXPECT_EQ(route.stream == nullptr, route.stream_type.empty()) << route.path;
  }
}

// "/why/*" of the table is "/why/{id}" of the document.
std::string template_of(std::string_view path) {
  std::string out(path);
  if (out.ends_with('*')) out.replace(out.size() - 1, 1, "{id}");
  return out;
}

TEST(AdminOpenApi, describes_every_route_and_no_other) {
  const json::value document = json::parse(kOpenApi);
  EXPECT_EQ(document.at("openapi").as_string(), "3.1.0");
  EXPECT_EQ(document.at_pointer("/info/version").as_string(), LB_VERSION);
  std::set<std::string> described;
  for (const auto& [path, methods] : document.at("paths").as_object()) {
    for (const auto& [method, what] : methods.as_object())
      described.insert(std::string(method) + " " + std::string(path));
  }
  std::set<std::string> routed;
  for (const Route& route : routes()) {
    routed.insert((route.method == http::Method::get ? "get " : "post ") + template_of(route.path));
  }
  EXPECT_EQ(described, routed);
}

std::set<std::string> names_of(const json::value& object) {
  std::set<std::string> names;
  for (const json::key_value_pair& pair : object.as_object()) names.insert(std::string(pair.key()));
  return names;
}

// Every member that an answer has is described where it stands, and every one that is described is there.
void expect_described(const json::value& document, const json::value& schema, const json::value& answer,
                      const std::string& where) {
  if (const json::value* const reference = schema.as_object().if_contains("$ref")) {
    const std::string pointer = json::value_to<std::string>(*reference).substr(1);
    return expect_described(document, document.at_pointer(pointer), answer, where);
  }
  if (const json::value* const either = schema.as_object().if_contains("oneOf");
      either != nullptr && answer.is_object()) {
    return expect_described(document, either->at(0), answer, where);
  }
  if (answer.is_array() && !answer.as_array().empty()) {
    expect_described(document, schema.at("items"), answer.at(0), where + "[]");
  }
  if (!answer.is_object()) return;
  EXPECT_EQ(names_of(answer), names_of(schema.at("properties"))) << where;
  for (const json::key_value_pair& pair : answer.as_object()) {
    const std::string name(pair.key());
    const json::value* const member = schema.at("properties").as_object().if_contains(name);
    if (member != nullptr) expect_described(document, *member, pair.value(), where + "/" + name);
  }
}

TEST(AdminOpenApi, describes_every_member_of_the_status) {
  const json::value document = json::parse(kOpenApi);
  expect_described(document, document.at_pointer("/components/schemas/Status"), status_json(test::snapshot()), "");
}

}  // namespace
}  // namespace lb::admin
