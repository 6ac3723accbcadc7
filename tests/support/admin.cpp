#include "support/admin.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace lb::support {

Message admin_get(const Balancer& balancer, std::string_view path, std::string_view fields) {
  Client client(balancer.admin_port());
  return client.ask("GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) + "\r\n");
}

Message admin_post(const Balancer& balancer, std::string_view path, std::string_view body, std::string_view fields) {
  Client client(balancer.admin_port());
  return client.ask("POST " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
                    std::string(fields) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                    std::string(body));
}

boost::json::value json_of(const Message& answer) {
  boost::system::error_code code;
  boost::json::value value = boost::json::parse(answer.body, code);
  EXPECT_FALSE(code) << answer.head.text << answer.body;
  return value;
}

boost::json::value status_of(const Balancer& balancer) {
  const Message answer = admin_get(balancer, "/status");
  EXPECT_EQ(answer.status(), 200);
  return json_of(answer);
}

boost::json::value backend_of(const Balancer& balancer, std::string_view url) {
  const boost::json::value status = status_of(balancer);
  for (const boost::json::value& backend : status.at("backends").as_array()) {
    if (backend.at("url").as_string() == url) return backend;
  }
  ADD_FAILURE() << url << " is not in " << boost::json::serialize(status);
  return nullptr;
}

std::string text_at(const boost::json::value& value, std::string_view pointer) {
  boost::system::error_code code;
  const boost::json::value* const found = value.find_pointer(pointer, code);
  if (found == nullptr) return "<none>";
  return found->is_string() ? std::string(found->get_string()) : boost::json::serialize(*found);
}

std::string by_url(std::string_view url, std::string_view more) {
  return "{\"url\": \"" + std::string(url) + "\"" + (more.empty() ? "" : ", ") + std::string(more) + "}";
}

}  // namespace lb::support
