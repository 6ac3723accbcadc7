#include "admin/events.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "support/manual_clock.hpp"
#include "support/on_worker.hpp"

namespace lb::admin {
namespace {

namespace json = boost::json;

// A server of two workers, both of which are asked on the thread of the test, and of no backends.
class TwoWorkers final : public Control {
 public:
  TwoWorkers() : worker_(clock_) {
    for (std::size_t i = 0; i < 2; ++i) {
      recorders_.push_back(std::make_unique<telemetry::Recorder>(i, clock_));
      recorders_.back()->configure({.keep_recent = true});
    }
  }

  // A request that the balancer answered itself ends on that worker, a second after the last one.
  void refuse(std::size_t worker, std::string id) {
    telemetry::RequestRecord record;
    record.id = std::move(id);
    record.refusal = telemetry::Refusal::no_backend;
    clock_.set_wall(++wall_);
    recorders_[worker]->record(record);
  }

  test::ManualClock& clock() { return clock_; }

  [[nodiscard]] Snapshot snapshot() const override { return {}; }
  [[nodiscard]] std::string not_ready() const override { return {}; }
  net::Awaitable<Outcome> administer(std::string, upstream::Administration) override { co_return Outcome(); }
  net::Awaitable<Outcome> add(NewBackend) override { co_return Outcome(); }
  net::Awaitable<Outcome> remove(std::string) override { co_return Outcome(); }
  net::Awaitable<Outcome> weigh(std::string, std::int64_t) override { co_return Outcome(); }
  net::Awaitable<Outcome> check(std::string) override { co_return Outcome(); }
  net::Awaitable<Outcome> reload() override { co_return Outcome(); }
  [[nodiscard]] net::Worker& worker() noexcept override { return worker_; }
  std::size_t post_to_workers(std::function<void(const telemetry::Recorder&)> ask) override {
    for (const auto& recorder : recorders_) ask(*recorder);
    return recorders_.size();
  }

 private:
  test::ManualClock clock_;
  std::time_t wall_ = 1'000;
  net::Worker worker_;
  std::vector<std::unique_ptr<telemetry::Recorder>> recorders_;
};

net::Awaitable<bool> refreshed(EventFeed& feed) {
  co_await feed.refresh();
  co_return true;
}

void refresh(TwoWorkers& control, EventFeed& feed) {
  control.clock().turn(base::Duration(1000));
  ASSERT_TRUE(feed.due());
  test::run_on(control.worker(), refreshed(feed));
}

std::string joined(const std::vector<EventFeed::Text>& texts) {
  std::string all;
  for (const EventFeed::Text& text : texts) all += *text;
  return all;
}

// The ids of the requests that are told of, and "status" for each status.
std::vector<std::string> told(const std::vector<EventFeed::Text>& texts) {
  const std::string all = joined(texts);
  std::string_view news = all;
  std::vector<std::string> found;
  while (!news.empty()) {
    const std::size_t end = news.find("\n\n");
    const std::string_view one = news.substr(0, end);
    const std::size_t data = one.find("\ndata: ");
    EXPECT_NE(data, std::string_view::npos) << one;
    const json::value value = json::parse(std::string(one.substr(data + 7)));
    const std::string_view name = one.substr(0, data);
    if (name == "event: status") found.emplace_back("status");
    if (name == "event: request") found.emplace_back(value.at("id").as_string());
    news.remove_prefix(end + 2);
  }
  return found;
}

using Names = std::vector<std::string>;

TEST(AdminEvents, tell_each_request_once_the_oldest_first) {
  TwoWorkers control;
  EventFeed feed(control);
  EventFeed::Told listener;
  control.refuse(1, "a");
  control.refuse(0, "b");
  control.refuse(1, "c");
  refresh(control, feed);
  EXPECT_EQ(told(feed.news(listener)), (Names{"status", "a", "b", "c"}));
  EXPECT_TRUE(feed.news(listener).empty());
  control.refuse(0, "d");
  refresh(control, feed);
  EXPECT_EQ(told(feed.news(listener)), (Names{"status", "d"}));
}

TEST(AdminEvents, are_made_once_a_second) {
  TwoWorkers control;
  EventFeed feed(control);
  refresh(control, feed);
  EXPECT_FALSE(feed.due());
  control.clock().turn(base::Duration(999));
  EXPECT_FALSE(feed.due());
  EXPECT_EQ(feed.next_look() - control.clock().now(), base::Duration(1));
  control.clock().turn(base::Duration(1));
  EXPECT_TRUE(feed.due());
}

// Whoever comes later is told of what came before, and of the status at once.
TEST(AdminEvents, a_new_listener_hears_of_the_past) {
  TwoWorkers control;
  EventFeed feed(control);
  control.refuse(0, "a");
  refresh(control, feed);
  control.refuse(0, "b");
  refresh(control, feed);
  EventFeed::Told late;
  EXPECT_EQ(told(feed.news(late)), (Names{"status", "a", "b"}));
}

TEST(AdminEvents, are_bounded_a_second_and_in_memory) {
  TwoWorkers control;
  EventFeed feed(control);
  EventFeed::Told listener;
  for (std::size_t second = 0; second < 6; ++second) {
    for (std::size_t i = 0; i < 40; ++i) {
      for (const std::size_t worker : {0U, 1U})
        control.refuse(worker, std::to_string(second) + "." + std::to_string(i));
    }
    refresh(control, feed);
    const Names names = told(feed.news(listener));
    EXPECT_EQ(names.size(), 1 + base::kRequestEventsMax);
    EXPECT_EQ(names.back(), std::to_string(second) + ".39");  // the newest are chosen
  }
  EventFeed::Told late;
  EXPECT_EQ(told(feed.news(late)).size(), 1 + base::kRequestEventsKept);
}

// Keeps what is written.
class Written final : public ResponseStream {
 public:
  std::string text;

  [[nodiscard]] bool open() const noexcept override { return true; }
  net::Awaitable<void> wait(base::Deadline) override { co_return; }
  net::Awaitable<void> write(std::string_view more) override {
    text += more;
    co_return;
  }
};

net::Awaitable<bool> history_told(EventFeed& feed, Written& written) {
  co_await tell_history(feed.history(), written);
  co_return true;
}

// Goal: one who comes later is told of what was before the status that it is told of next; seconds in which nobody
// listened are there as such.
TEST(AdminEvents, the_history_goes_up_to_the_newest_status) {
  TwoWorkers control;
  EventFeed feed(control);
  const auto connections = [&] {
    Written written;
    test::run_on(control.worker(), history_told(feed, written));
    if (written.text.empty()) return std::string("none");
    const std::string_view data = std::string_view(written.text).substr(written.text.find("data: ") + 6);
    return json::serialize(json::parse(std::string(data.substr(0, data.find('\n')))).at_pointer("/server/connections"));
  };
  EXPECT_EQ(connections(), "none");
  refresh(control, feed);
  EXPECT_EQ(connections(), "none");
  refresh(control, feed);
  EXPECT_EQ(connections(), "[0]");
  refresh(control, feed);
  EXPECT_EQ(connections(), "[0,0]");
  control.clock().turn(base::Duration(3000));
  refresh(control, feed);
  EXPECT_EQ(connections(), "[0,0,0,null,null,null]");
}

}  // namespace
}  // namespace lb::admin
