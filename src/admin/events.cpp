#include "admin/events.hpp"

#include <algorithm>
#include <utility>

#include <boost/json/serialize.hpp>

#include "admin/json_text.hpp"
#include "admin/limits.hpp"
#include "admin/rates.hpp"
#include "admin/request_json.hpp"
#include "admin/status.hpp"
#include "base/limits.hpp"

namespace lb::admin {
namespace {

namespace json = boost::json;
using telemetry::RecentRequest;

constexpr base::Duration kPeriod{1000};

struct WorkerNews {
  std::size_t worker = 0;
  std::uint64_t last = 0;
  std::vector<RecentRequest> requests;
};

// JSON has no line ends outside of its strings, and escapes them inside: one line holds it.
EventFeed::Text event(std::string_view name, const json::object& data) {
  std::string text = "event: ";
  text.append(name).append("\ndata: ").append(json::serialize(data)).append("\n\n");
  return std::make_shared<const std::string>(std::move(text));
}

// With numbers as short as they can be: there are many.
std::string history_event(const json::object& data) {
  return "event: history\ndata: " + json_text(data) + "\n\n";
}

}  // namespace

base::Deadline EventFeed::next_look() const noexcept {
  // Somebody else waits for the workers, who answer at once.
  return busy_ ? now() + base::kWheelTick : due_;
}

net::Awaitable<void> EventFeed::refresh() {
  busy_ = true;
  // From now, not from when it was due: who is late does not hurry afterwards.
  due_ = now() + kPeriod;
  refresh_status();
  co_await refresh_requests();
  busy_ = false;
}

void EventFeed::refresh_status() {
  const bool first = !before_;
  const base::Duration pause = std::chrono::duration_cast<base::Duration>(now() - refreshed_);
  refreshed_ = now();
  Snapshot snapshot = control_.snapshot();
  json::object status = status_json(snapshot);
  add_rates(status, before_ && pause <= kRatesAge ? &*before_ : nullptr, snapshot);
  // Whole seconds in which nobody listened.
  if (!first && pause >= 2 * kPeriod) history_.skip(static_cast<std::uint64_t>(pause / kPeriod) - 1);
  history_.add(status);
  status_ = event("status", status);
  ++status_number_;
  before_ = std::move(snapshot);
}

net::Awaitable<void> EventFeed::refresh_requests() {
  const auto ask = [asked = asked_](const telemetry::Recorder& recorder) {
    const std::uint64_t after = recorder.worker() < asked.size() ? asked[recorder.worker()] : 0;
    return WorkerNews{recorder.worker(), recorder.recent().last(),
                      recorder.recent().notable_after(after, base::kRequestEventsMax)};
  };
  std::vector<WorkerNews> answers = co_await ask_workers<WorkerNews>(control_, ask);
  std::vector<std::pair<std::size_t, RecentRequest>> fresh;  // with the worker of each
  for (const WorkerNews& news : answers) {
    if (asked_.size() <= news.worker) asked_.resize(news.worker + 1);
    asked_[news.worker] = news.last;
    for (const RecentRequest& request : news.requests) fresh.emplace_back(news.worker, request);
  }
  std::ranges::stable_sort(fresh, {}, [](const auto& one) { return one.second.ended(); });
  const std::size_t skipped = fresh.size() - std::min(fresh.size(), base::kRequestEventsMax);
  for (std::size_t i = skipped; i < fresh.size(); ++i) {
    requests_.push_back({++request_number_, event("request", request_json(fresh[i].second, fresh[i].first))});
    if (requests_.size() > base::kRequestEventsKept) requests_.pop_front();
  }
}

std::vector<EventFeed::Text> EventFeed::news(Told& told) const {
  std::vector<Text> texts;
  if (told.status != status_number_) texts.push_back(status_);
  for (const RequestEvent& one : requests_) {
    if (one.number > told.request) texts.push_back(one.text);
  }
  told = {status_number_, request_number_};
  return texts;
}

net::Awaitable<void> tell_history(const History& history, ResponseStream& outlet) {
  if (history.end() < 2) co_return;
  const std::uint64_t end = history.end() - 1;
  const std::string server = history_event({{"server", history.server(end)}});
  co_await outlet.write(server);
  const std::vector<std::string> urls = history.backends();
  for (std::size_t first = 0; first < urls.size() && outlet.open(); first += kHistoryBackendsAtOnce) {
    json::object some;
    for (std::size_t i = first; i < std::min(first + kHistoryBackendsAtOnce, urls.size()); ++i) {
      json::object lists = history.backend(urls[i], end);
      if (!lists.empty()) some[urls[i]] = std::move(lists);
    }
    const std::string text = history_event({{"backends", std::move(some)}});
    co_await outlet.write(text);
  }
}

net::Awaitable<void> stream_events(Control& control, const Request&, ResponseStream& outlet) {
  std::shared_ptr<EventFeed>& kept = control.event_feed();
  if (!kept) kept = std::make_shared<EventFeed>(control);
  const std::shared_ptr<EventFeed> feed = kept;
  EventFeed::Told told;
  co_await outlet.write("retry: 1000\n\n");
  if (feed->due()) co_await feed->refresh();
  co_await tell_history(feed->history(), outlet);
  while (outlet.open()) {
    if (feed->due()) co_await feed->refresh();
    const std::vector<EventFeed::Text> news = feed->news(told);
    if (news.empty()) co_await outlet.wait(feed->next_look());
    for (const EventFeed::Text& text : news) {
      if (outlet.open()) co_await outlet.write(*text);
    }
  }
}

}  // namespace lb::admin
