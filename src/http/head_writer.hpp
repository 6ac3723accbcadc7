// Writes the heads that are sent on, from parsed messages only: bytes that were not understood are never copied.
// End-to-end fields keep their order, spelling and repetitions; hop-by-hop fields and those that Connection names are
// left out (RFC 9110 section 7.6.1); what a gateway adds stands at the end.
#pragma once

#include <string>
#include <string_view>

#include "http/framing.hpp"
#include "http/message.hpp"

namespace lb::http {

// The name by which this program goes in Via and Proxy-Status.
inline constexpr std::string_view kPseudonym = "load-balancer";

// Whether a text can be the id of a request, in a field and in logs: up to 128 visible ASCII characters but quotes,
// commas, semicolons and backslashes.
[[nodiscard]] bool is_request_id(std::string_view text) noexcept;

// What a request becomes on its way to a backend. The same for every attempt, so it is written once.
struct ForwardedRequest {
  std::string head;              // request line and fields, without the empty line
  bool host_missing = false;     // an HTTP/1.0 request without Host: the backend's own name has to be added
  std::string upgrade;           // the protocols that are offered to the backend; empty: no upgrade is asked of it
  std::string request_id;        // that the client gave, if it is one: is_request_id()
  std::string named;             // fields, beyond the usual, that Connection names; for without_named()
  bool expect_continue = false;  // the client waits for 100 before it sends its body (RFC 9110 section 10.1.1)
  bool goes_no_further = false;  // Max-Forwards has counted down to 0: the proxy itself answers (section 7.6.2)
};

// The fields that Connection names, beyond those that are never passed on anyway, as a list: nearly always empty.
[[nodiscard]] std::string named_in_connection(const Fields& fields);

// A trailer section without those (RFC 9110 section 7.6.1 holds for it as for the head).
[[nodiscard]] std::string without_named(std::string_view trailers, std::string_view named);

// Whom a request is for, as it is written: the authority of its target, else its Host (RFC 9112 section 3.3).
[[nodiscard]] std::string_view host_of(const RequestHead& head) noexcept;

// A request's trailer section without the fields that we alone may tell a backend of its client.
[[nodiscard]] std::string without_identity(std::string_view trailers);

// What a request's sender adds to the forwarded head, or keeps for itself.
struct ForwardingRules {
  std::string_view client_address{};  // the text of the peer's IP address, for X-Forwarded-For
  std::string_view scheme = "http";   // or "https", as the client used
  std::string_view own_cookie{};      // the name of one that is not for backends; empty: none
  std::string_view client_subject{};  // of the client's certificate; empty: it has shown none
  std::string_view client_sha256{};
};

// Error: malformed (a target in absolute form without a usable authority; Max-Forwards that is no number).
[[nodiscard]] base::Result<void> write_forwarded_request(const RequestHead& head, const Framing& framing,
                                                         const ConnectionOptions& options, const ForwardingRules& rules,
                                                         ForwardedRequest& out);

enum class ClientPersistence : std::uint8_t {
  keep_alive_implied,  // HTTP/1.1: nothing is said
  keep_alive_said,     // HTTP/1.0: Connection: keep-alive
  close,               // Connection: close
};

// How the response goes to the client. `body` says how its end is shown there, which can differ from how the backend
// did it.
struct ResponseForm {
  BodyKind body = BodyKind::none;
  ClientPersistence persistence = ClientPersistence::keep_alive_implied;
  std::string_view date;        // added where the backend gave none (RFC 9110 section 6.6.1)
  std::string_view request_id;  // likewise; empty: none is added
  std::string_view cookie{};    // the value of a Set-Cookie field of ours; empty: none is added
};

// Appends the whole head, the empty line included, to `out`. Serves interim responses (1xx) as well, which get neither
// Date nor Connection, but for 101, which keeps its Upgrade.
void write_forwarded_response(const ResponseHead& head, const ResponseForm& form, std::string& out);

}  // namespace lb::http
