// The request of an exchange, as all of its parts see it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "http/head_writer.hpp"
#include "http/message.hpp"
#include "message/incoming.hpp"
#include "proxy/error_response.hpp"
#include "proxy/pinned.hpp"
#include "proxy/plan.hpp"
#include "proxy/replay_buffer.hpp"
#include "upstream/service_record.hpp"

namespace lb::proxy {

enum class ClientState : std::uint8_t {
  there,
  left,
  reset_here,  // by the balancer, which ends
};

struct Request {
  message::Incoming* client = nullptr;
  OwnConnections* own = nullptr;
  ClientState client_state = ClientState::there;
  http::Method method = http::Method::other;
  http::BodyKind body_kind = http::BodyKind::none;
  ErrorFormat error_format = ErrorFormat::text;
  http::ForwardedRequest forwarded;
  ReplayBuffer replay;
  PlanPtr plan;                      // by which the present attempt was picked; keeps the endpoints
  const Service* service = nullptr;  // of the plan
  PlanPtr pinned_plan;               // that of the client's own connection, while an attempt uses it
  upstream::Tried tried;             // the endpoints that are not asked again before the others
  std::uint64_t key = 0;             // what the policy chooses by
  std::string sticky;                // the client's cookie for its backend, if the service has one
  std::string proxy_header;          // that a connection for it begins with; empty: none
  std::string cookie;                // that the client gets for its backend: the value of a Set-Cookie field
  // How long an answer is awaited before its exchange looks around for the first time; kLookNever: it does not.
  base::Duration first_look = kLookNever;
  static constexpr base::Duration kLookNever = std::chrono::hours(24 * 365);
  bool binds_connection = false;  // it, or an answer to it, logs the connection in
  base::Error error;              // why the last attempt failed, or why there was none

  // What keeps the endpoint of the present attempt.
  [[nodiscard]] const PlanPtr& keeper() const noexcept { return pinned_plan ? pinned_plan : plan; }

  [[nodiscard]] bool is_idempotent() const noexcept { return http::is_idempotent(method); }
  // RFC 9110 section 9.3.1: content of a GET may be taken for another request by backends that do not expect any. What
  // they make of it must not become the answer to the next request on the connection, which may be somebody else's.
  [[nodiscard]] bool has_unusual_body() const noexcept {
    using http::Method;
    const bool expects_none =
        method == Method::get || method == Method::head || method == Method::delete_ || method == Method::options;
    return expects_none && body_kind != http::BodyKind::none;
  }
  [[nodiscard]] upstream::RequestKind kind() const noexcept { return upstream::request_kind(forwarded.head); }
  [[nodiscard]] std::string_view end_of_client() const noexcept {
    return client_state == ClientState::left ? "the client left" : "the balancer is being stopped";
  }
};

}  // namespace lb::proxy
