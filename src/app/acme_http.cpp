#include "app/acme_http.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <memory>
#include <optional>
#include <utility>

#include "acme/limits.hpp"
#include "http1/ask.hpp"
#include "net/address_text.hpp"
#include "net/pause.hpp"

namespace lb::app {
namespace {

using base::Error;
using base::ErrorKind;

struct Url {
  std::string authority;
  std::string host;
  std::uint16_t port = 443;
  std::string target;
};

// https://host:port/path; the rest was checked where it came from.
std::optional<Url> parse(std::string_view text) {
  constexpr std::string_view kScheme = "https://";
  if (!text.starts_with(kScheme)) return std::nullopt;
  text.remove_prefix(kScheme.size());
  const std::size_t path = std::min(text.find_first_of("/?"), text.size());
  Url url{.authority = std::string(text.substr(0, path)), .host = {}, .target = std::string(text.substr(path))};
  if (!url.target.starts_with('/')) url.target.insert(0, 1, '/');
  std::string_view host = url.authority;
  const std::size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
    const std::string_view port = host.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (error != std::errc() || end != port.data() + port.size() || url.port == 0) return std::nullopt;
    host = host.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  url.host = host;
  return host.empty() ? std::nullopt : std::optional(std::move(url));
}

// RFC 9110 section 10.2.3: a number of seconds, or a date.
std::chrono::seconds retry_after(const std::string& value, std::time_t now) {
  long long seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error != std::errc() || end != value.data() + value.size()) {
    std::tm parts{};
    const char* const read = ::strptime(value.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    seconds = read == nullptr ? 0 : static_cast<long long>(::timegm(&parts)) - now;
  }
  return std::chrono::seconds(std::max(seconds, 0LL));
}

std::string text_of(const acme::HttpRequest& request, const Url& url) {
  std::string text = request.method + " " + url.target + " HTTP/1.1\r\nHost: " + url.authority +
                     "\r\nUser-Agent: load-balancer/" LB_VERSION "\r\nConnection: close\r\n";
  if (!request.content_type.empty()) text += "Content-Type: " + request.content_type + "\r\n";
  if (request.method == "POST") text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  return text + "\r\n" + request.body;
}

}  // namespace

AcmeHttp::AcmeHttp(net::Worker& control, upstream::Resolver& resolver)
    : control_(control), resolver_(resolver), plain_(control.executor(), control.wheel()) {}

net::Awaitable<base::Result<acme::HttpAnswer>> AcmeHttp::send(acme::HttpRequest request, base::Deadline deadline) {
  const auto url = parse(request.url);
  if (!url) co_return Error{ErrorKind::malformed, base::Side::upstream, "the address is none of https"};
  auto stream = co_await connect(url->host, url->port, deadline);
  if (!stream) co_return stream.error();
  http1::Question question{.method = request.method == "HEAD" ? http::Method::head : http::Method::other,
                           .head = text_of(request, *url),
                           .body_bytes_max = acme::kAnswerBytesMax + 1,
                           .keeps_fields = true};
  const auto goes_on = [](const http1::Answered&) { return true; };
  http1::Answered answered = co_await http1::ask(std::move(*stream), control_.blocks(), question, deadline, goes_on);
  if (!answered.is_whole && answered.body.size() > acme::kAnswerBytesMax) {
    co_return Error{ErrorKind::body_too_large, base::Side::upstream, "the answer is too long"};
  }
  if (!answered.problem.empty()) {
    const bool late = control_.wheel().now() >= deadline;
    co_return Error{late ? ErrorKind::timeout : ErrorKind::closed, base::Side::upstream,
                    late ? "there was no answer in time" : "the connection ended before the answer did"};
  }
  acme::HttpAnswer answer{.status = answered.status, .body = std::move(answered.body)};
  for (auto& [name, value] : answered.fields) {
    if (name == "content-type") answer.content_type = std::move(value);
    if (name == "location") answer.location = std::move(value);
    if (name == "replay-nonce") answer.replay_nonce = std::move(value);
    if (name == "retry-after") answer.retry_after = retry_after(value, control_.wheel().clock().wall_seconds());
  }
  co_return answer;
}

// NOLINTNEXTLINE: by value, for the coroutine outlives its caller's arguments
net::Awaitable<net::Addresses> AcmeHttp::addresses_of(std::string host, std::uint16_t port, base::Deadline deadline) {
  net::Addresses found;
  if (const auto address = net::parse_address(host)) {
    found.emplace_back(*address, port);
    co_return found;
  }
  // The answer may come when nobody waits for it any more.
  struct Lookup {
    upstream::Answer answer{};
    net::Pause* awaited = nullptr;
  };
  net::Pause pause(control_.executor(), control_.wheel());
  const auto lookup = std::make_shared<Lookup>();
  lookup->awaited = &pause;
  resolver_.look_up(host, [lookup](const upstream::Answer& answer) {
    lookup->answer = answer;
    if (lookup->awaited != nullptr) lookup->awaited->wake();
  });
  co_await pause.until(deadline);
  lookup->awaited = nullptr;
  for (const auto* const part : {&lookup->answer.v4, &lookup->answer.v6}) {
    for (const auto& address : part->addresses) found.emplace_back(address, port);
  }
  co_return found;
}

// NOLINTNEXTLINE: by value, for the coroutine outlives its caller's arguments
net::Awaitable<base::Result<net::StreamPtr>> AcmeHttp::connect(std::string host, std::uint16_t port,
                                                               base::Deadline deadline) {
  const net::Addresses addresses = co_await addresses_of(host, port, deadline);
  Error last{ErrorKind::resolve_failed, base::Side::upstream, "its name has no address"};
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    tls::Connector connector(plain_, client_, host, control_.blocks());
    const base::TimePoint now = control_.wheel().now();
    const auto share = (deadline - now) / static_cast<std::int64_t>(addresses.size() - i);
    auto stream = co_await connector.connect(addresses[i], now + share, {});
    if (stream) co_return std::move(stream);
    last = stream.error();
  }
  co_return last;
}

}  // namespace lb::app
