// The rows of [balance] and [outliers]: how one of the backends is chosen.
#include <algorithm>
#include <array>

#include "config/schema_rows.hpp"

namespace lb::config {
namespace {

constexpr std::uint64_t kHour = 3'600'000;
constexpr std::size_t kNameMax = 64;
constexpr std::size_t kSecretMax = 256;

constexpr std::array<std::string_view, 6> kPolicies = {"round-robin", "least-requests", "random-two",
                                                       "peak-ewma",   "prequal",        "consistent-hash"};
constexpr std::string_view kSigns = "!#$%&'*+-.^_`|~";
constexpr std::array<std::string_view, 4> kPlainKeys = {"client", "path", "target", "host"};
constexpr std::array<std::string_view, 3> kNamedKeys = {"header:", "cookie:", "query:"};

// RFC 9110 section 5.6.2.
bool is_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kSigns.find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= kNameMax && std::ranges::all_of(text, fits);
}

std::string hash_on_problem(std::string_view text) {
  if (std::ranges::find(kPlainKeys, text) != kPlainKeys.end()) return "";
  for (const std::string_view kind : kNamedKeys) {
    if (text.starts_with(kind)) return is_name(text.substr(kind.size())) ? "" : "names nothing that a request can have";
  }
  return "is nothing of a request";
}
std::string cookie_problem(std::string_view text) {
  return text.empty() || is_name(text) ? "" : "is not the name of a cookie";
}
std::string secret_problem(std::string_view text) {
  return text.size() <= kSecretMax ? "" : "is too long";
}
std::string hidden(std::string_view /*text*/) {
  return "***";
}

constexpr std::string_view kHashOnPattern =
    R"(^(client|path|target|host|(header|cookie|query):[!#-'*+.^-z|~A-Z0-9-]{1,64})$)";
constexpr std::string_view kCookiePattern = R"(^[!#-'*+.^-z|~A-Z0-9-]{0,64}$)";

void add_outlier_keys(std::vector<KeySpec>& keys) {
  keys.push_back(count<[](auto& c) -> auto& { return c.outliers.failure_percent; }>(
      "outliers.failure_percent", {0, 100, "failures are not looked at"},
      "The share of failed attempts and 5xx answers from which a backend does too badly, if it is also twice that of "
      "the others; 50 suits most."));
  keys.push_back(count<[](auto& c) -> auto& { return c.outliers.latency_percent; }>(
      "outliers.latency_percent", {0, 10'000, "latency is not looked at"},
      "How slow a backend's median answer has to be, in percent of the median of all backends, and beyond their usual "
      "deviation; 300 suits most."));
  keys.push_back(duration<[](auto& c) -> auto& { return c.outliers.window; }>(
      "outliers.window", {1'000, kHour}, "The time that is judged; raise it where there are few requests."));
  keys.push_back(count<[](auto& c) -> auto& { return c.outliers.requests; }>(
      "outliers.requests", {1, 1'000'000},
      "How many answers a backend must have given in the window to be judged; raise it if chance decides too often."));
  keys.push_back(count<[](auto& c) -> auto& { return c.outliers.ejected_percent; }>(
      "outliers.ejected_percent", {0, 100, "it loses weight only"},
      "The share of the backends that may be ejected at once, rounded down, and never the last; raise it where the "
      "others can bear all the traffic."));
  keys.push_back(duration<[](auto& c) -> auto& { return c.outliers.ejection; }>(
      "outliers.ejection", {1'000, kHour},
      "How long an ejection lasts the first time; the next ones last twice as long each, up to ten times."));
}

}  // namespace

void add_balance_keys(std::vector<KeySpec>& keys) {
  keys.push_back(choice<[](auto& c) -> auto& { return c.balance.policy; }>(
      "balance.policy", kPolicies,
      "How a backend is chosen for each request; peak-ewma where backends differ or pause, consistent-hash where each "
      "keeps a cache of its own."));
  keys.push_back(text<[](auto& c) -> auto& { return c.balance.hash_on; }>(
      "balance.hash_on", R"("client", "path", "target", "host", or "header:", "cookie:" or "query:" and a name)",
      hash_on_problem, kHashOnPattern,
      "What consistent-hash goes by; a request without it is hashed by its client's address."));
  KeySpec cookie = text<[](auto& c) -> auto& { return c.balance.sticky_cookie; }>(
      "balance.sticky_cookie", R"(a name such as "lb", or "" for none)", cookie_problem, kCookiePattern,
      "The cookie by which a client stays with its backend; set it where backends keep sessions to themselves.");
  keys.push_back(cookie);
  KeySpec secret = text<[](auto& c) -> auto& { return c.balance.sticky_secret; }>(
      "balance.sticky_secret", R"(a text of at most 256 bytes, or "" to draw one at start)", secret_problem, "",
      "What signs the sticky cookie; set the same on several machines to make them agree, and to keep clients through "
      "a restart.");
  secret.max = kSecretMax;
  secret.shown = hidden;
  keys.push_back(secret);
  keys.push_back(duration<[](auto& c) -> auto& { return c.balance.slow_start; }>(
      "balance.slow_start", {0, kHour, "at once"},
      "How long a backend that comes, or comes back, takes to its full share; set it for those that have to warm up."));
  keys.push_back(duration<[](auto& c) -> auto& { return c.balance.stall; }>(
      "balance.stall", {0, kHour, "off"},
      "How long a backend may owe every answer, while others answer, before it gets no more requests but one to try."));
  add_outlier_keys(keys);
}

}  // namespace lb::config
