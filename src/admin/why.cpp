#include "admin/why.hpp"

#include <charconv>
#include <functional>
#include <utility>

#include "admin/json_text.hpp"
#include "admin/request_json.hpp"
#include "base/limits.hpp"
#include "telemetry/explanation.hpp"

namespace lb::admin {
namespace {

struct Found {
  std::size_t worker = 0;
  std::optional<telemetry::RecentRequest> request;
};

}  // namespace

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::string_view digits = text.substr(at + 1, 2);
    unsigned byte = 0;
    const bool coded = text[at] == '%' && digits.size() == 2 &&
                       std::from_chars(digits.data(), digits.data() + 2, byte, 16).ptr == digits.data() + 2;
    decoded.push_back(coded ? static_cast<char>(byte) : text[at]);
    if (coded) at += 2;
  }
  return decoded;
}

net::Awaitable<Answer> why(Control& control, const Request& request) {
  const std::string id = percent_decoded(request.rest);
  // Named, for GCC 12 destroys temporary arguments of an awaited call twice.
  const std::function<Found(const telemetry::Recorder&)> ask = [id](const telemetry::Recorder& recorder) {
    const telemetry::RecentRequest* const found = recorder.recent().find(id);
    return Found{recorder.worker(), found == nullptr ? std::nullopt : std::optional(*found)};
  };
  const std::vector<Found> all = co_await ask_workers(control, ask);
  const Found* newest = nullptr;
  for (const Found& one : all) {
    if (one.request && (newest == nullptr || one.request->ended > newest->request->ended)) newest = &one;
  }
  if (newest == nullptr) {
    co_return refusal(404, "no request with this id is remembered: each worker keeps the last " +
                               std::to_string(base::kRecentRequestsMax) + ", and the last " +
                               std::to_string(base::kRecentNotableMax) + " that failed or were repeated");
  }
  boost::json::object object = request_json(*newest->request, newest->worker);
  object["explanation"] = telemetry::explain(newest->request->record);
  co_return Answer{.content_type = kJson, .body = json_text(object) + "\n"};
}

}  // namespace lb::admin
