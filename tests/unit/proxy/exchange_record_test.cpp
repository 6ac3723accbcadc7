// What is remembered of a request: who was tried and who was not, how each attempt ended, and what was counted.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/memory_proxy.hpp"

namespace lb::proxy {
namespace {

using telemetry::AttemptResult;
using telemetry::Ending;
using telemetry::PassedOver;
using telemetry::RecentRequest;
using telemetry::Refusal;
using telemetry::RequestRecord;
using Answer = MemoryTransport::Answer;

const std::string kNamed = "GET /a?b HTTP/1.1\r\nHost: h\r\nX-Request-Id: me\r\nUser-Agent: ua\r\nReferer: r\r\n\r\n";

struct RecordingProxy : Proxy {
  explicit RecordingProxy(std::size_t backends, TestSettings its_settings = test_settings())
      : Proxy(backends, its_settings) {
    recorder.configure({.keep_recent = true});
  }

  // The record of the last request with that id.
  const RequestRecord& record(std::string_view id = "me") {
    run();
    const RecentRequest* const found = recorder.recent().find(id);
    LB_CHECK(found != nullptr);
    return found->record();
  }
  std::uint64_t ended(std::size_t backend, AttemptResult result) {
    return cluster.endpoint(backend).counters(0).attempts_ended[static_cast<std::size_t>(result)].value();
  }
  std::uint64_t in_flight(std::size_t backend) {
    const telemetry::BackendCounters& counters = cluster.endpoint(backend).counters(0);
    return counters.attempts_begun.value() - counters.ended();
  }
};

// "http://b0 answered 200, ..."
std::string attempts_of(const RequestRecord& record) {
  std::string text;
  for (const telemetry::Attempt& one : record.attempts) {
    text.append(text.empty() ? "" : ", ").append(one.backend).append(" ").append(to_string(one.result));
    if (one.status != 0) text.append(" " + std::to_string(one.status));
  }
  return text;
}

std::string passed_of(const RequestRecord& record) {
  std::string text;
  for (const telemetry::Passed& one : record.passed) {
    text.append(text.empty() ? "" : ", ").append(one.backend).append(" ").append(to_string(one.why));
    text.append(" before " + std::to_string(one.before_attempt));
  }
  return text;
}

TEST(ProxyExchangeRecord, an_answered_request) {
  RecordingProxy proxy(2);
  MemoryStream& client = proxy.request(kNamed);
  EXPECT_EQ(proxy.in_flight(0), 1U);
  proxy.pass(Duration(30));
  proxy.answer(0, kOk);
  EXPECT_EQ(client.take(), kOk);
  const RequestRecord& record = proxy.record();
  EXPECT_EQ(attempts_of(record), "http://b0 answered 200");
  EXPECT_EQ(record.client, "192.0.2.1");
  EXPECT_EQ(record.request_line, "GET /a?b HTTP/1.1");
  EXPECT_EQ(record.host, "h");
  EXPECT_EQ(record.user_agent, "ua");
  EXPECT_EQ(record.referer, "r");
  EXPECT_EQ(record.status, 200U);
  EXPECT_EQ(record.response_body_bytes, 5U);
  EXPECT_EQ(record.ending, Ending::complete);
  EXPECT_FALSE(record.is_notable());
  EXPECT_GE(record.first_byte, telemetry::Micros(30'000));
  EXPECT_GE(record.total, record.first_byte);
  EXPECT_FALSE(record.attempts[0].reused);

  const telemetry::BackendCounters& counted = proxy.cluster.endpoint(0).counters(0);
  EXPECT_EQ(proxy.in_flight(0), 0U);
  EXPECT_EQ(counted.answers[2].value(), 1U);
  EXPECT_EQ(counted.connections_opened.value(), 1U);
  EXPECT_EQ(counted.response_body_bytes.value(), 5U);
  telemetry::Distribution total;
  counted.total.add_to(total);
  EXPECT_EQ(total.count(), 1U);
  EXPECT_EQ(proxy.recorder.counters().answers[2].value(), 1U);
}

TEST(ProxyExchangeRecord, a_reused_connection_and_a_stale_one) {
  RecordingProxy proxy(1);
  MemoryStream& client = proxy.request(kNamed);
  proxy.answer(0, kOk);
  client.take();
  proxy.send(client, kNamed);
  proxy.answer(0, kOk);
  EXPECT_TRUE(proxy.record().attempts[0].reused);
  EXPECT_EQ(proxy.cluster.endpoint(0).counters(0).connections_reused.value(), 1U);
  // The request is on its way when the backend closes.
  proxy.send(client, kNamed);
  proxy.transport.last(0).take();
  proxy.transport.last(0).close();
  proxy.run();
  proxy.answer(0, kOk);
  const RequestRecord& record = proxy.record();
  EXPECT_EQ(attempts_of(record), "http://b0 stale, http://b0 answered 200");
  EXPECT_EQ(record.attempts_made, 1U) << "the everyday end of a pooled connection";
  EXPECT_FALSE(record.is_notable());
}

TEST(ProxyExchangeRecord, a_retried_request_says_why) {
  RecordingProxy proxy(3);
  proxy.transport.backend(0).answer = Answer::refuse;
  proxy.request(kNamed);
  proxy.transport.last(1).take();
  proxy.transport.last(1).abort();
  proxy.run();
  proxy.answer(2, kOk);
  const RequestRecord& record = proxy.record();
  EXPECT_EQ(attempts_of(record), "http://b0 not_connected, http://b1 no_answer, http://b2 answered 200");
  EXPECT_EQ(record.attempts[0].detail, "connection refused");
  EXPECT_TRUE(record.is_notable());
  EXPECT_EQ(record.refusal, Refusal::none);
  const auto& retries = proxy.recorder.counters().retries;
  EXPECT_EQ(retries[static_cast<std::size_t>(AttemptResult::not_connected)].value(), 1U);
  EXPECT_EQ(retries[static_cast<std::size_t>(AttemptResult::no_answer)].value(), 1U);
}

// Goal: a request names backends that a reload drops while it is under way. Method: the new members have not the
// one that it has tried; under ASan a view of the text of an endpoint that is gone ends the test.
TEST(ProxyExchangeRecord, backends_that_left_meanwhile_are_still_named) {
  RecordingProxy proxy(2);
  proxy.request(kNamed);
  proxy.cluster.replace({Proxy::specs(2)[1]}, {.failures = 3});
  proxy.handler.set_plan(proxy.plan());
  proxy.transport.last(0).take();
  proxy.transport.last(0).abort();
  proxy.run();
  proxy.answer(1, kOk);
  const RequestRecord& record = proxy.record();
  EXPECT_EQ(attempts_of(record), "http://b0 no_answer, http://b1 answered 200");
}

TEST(ProxyExchangeRecord, who_was_passed_over_and_why) {
  RecordingProxy proxy(4);
  proxy.cluster.record_check(proxy.cluster.endpoint(0), false, "refused");
  proxy.cluster.endpoint(1).administer(upstream::Administration::draining);
  proxy.cluster.endpoint(2).administer(upstream::Administration::disabled);
  proxy.request(kNamed);
  proxy.answer(3, kOk);
  EXPECT_EQ(passed_of(proxy.record()),
            "http://b0 down before 0, http://b1 drained before 0, http://b2 disabled before 0");
}

// Goal: what the operator took out gets nothing, not even as a last resort. Method: the others are down.
TEST(ProxyExchangeRecord, what_is_drained_is_no_last_resort) {
  RecordingProxy proxy(2);
  proxy.cluster.record_check(proxy.cluster.endpoint(0), false, "refused");
  proxy.cluster.endpoint(1).administer(upstream::Administration::draining);
  proxy.transport.backend(0).answer = Answer::refuse;
  MemoryStream& client = proxy.request(kNamed);
  proxy.pass(Duration(5'000));
  EXPECT_EQ(status_of_text(client.take()), "502");
  EXPECT_EQ(proxy.connections(1), 0U);
  EXPECT_TRUE(proxy.record().attempts[0].last_resort);
  EXPECT_EQ(proxy.record().refusal, Refusal::backend_failed);
}

TEST(ProxyExchangeRecord, all_drained_is_503) {
  RecordingProxy proxy(1);
  proxy.cluster.endpoint(0).administer(upstream::Administration::draining);
  MemoryStream& client = proxy.request(kNamed);
  EXPECT_EQ(status_of_text(client.take()), "503");
  const RequestRecord& record = proxy.record();
  EXPECT_EQ(record.refusal, Refusal::no_backend);
  EXPECT_EQ(record.attempts_made, 0U);
  EXPECT_EQ(proxy.recorder.counters().refused[static_cast<std::size_t>(Refusal::no_backend)].value(), 1U);
}

TEST(ProxyExchangeRecord, who_ended_it) {
  {  // The client, while it waited.
    RecordingProxy proxy(1);
    MemoryStream& client = proxy.request(kNamed);
    proxy.pass(base::kAbortWatchDelay + Duration(20));
    client.close();
    proxy.run();
    EXPECT_EQ(proxy.record().ending, Ending::client);
    EXPECT_EQ(attempts_of(proxy.record()), "http://b0 client_left");
    EXPECT_EQ(proxy.record().status, 0U);
  }
  {  // The backend, in the middle of its answer.
    RecordingProxy proxy(1);
    proxy.request(kNamed);
    proxy.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    proxy.transport.last(0).abort();
    EXPECT_EQ(proxy.record().ending, Ending::backend);
    EXPECT_EQ(attempts_of(proxy.record()), "http://b0 broke_off 200");
    EXPECT_EQ(proxy.record().response_body_bytes, 5U);
  }
  {  // Nobody: a tunnel ends when it ends.
    RecordingProxy proxy(1);
    MemoryStream& client =
        proxy.request("GET / HTTP/1.1\r\nHost: h\r\nX-Request-Id: me\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    proxy.answer(0, "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    client.close();
    proxy.run();
    proxy.transport.last(0).close();
    EXPECT_EQ(attempts_of(proxy.record()), "http://b0 answered 101");
    EXPECT_EQ(proxy.record().ending, Ending::complete);
  }
}

TEST(ProxyExchangeRecord, what_the_balancer_answers_itself) {
  RecordingProxy proxy(1);
  MemoryStream& unreadable = proxy.request("GET / HTTP/1.1\r\nHost : h\r\n\r\n");
  const std::string refused = unreadable.take();
  EXPECT_EQ(status_of_text(refused), "400");
  EXPECT_EQ(proxy.recorder.counters().refused[static_cast<std::size_t>(Refusal::bad_request)].value(), 1U);
  MemoryStream& last = proxy.request("OPTIONS * HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\nX-Request-Id: me\r\n\r\n");
  EXPECT_EQ(status_of_text(last.take()), "200");
  EXPECT_EQ(proxy.record().refusal, Refusal::last_hop);
}

// Goal: the id of an answer that is the balancer's own is told, but nothing of the client's is reflected. Method: with
// the client's own id, without, and with ids turned off.
TEST(ProxyExchangeRecord, own_answers_tell_a_made_id) {
  for (const RequestIds ids : {RequestIds::off, RequestIds::backend, RequestIds::both}) {
    TestSettings settings = test_settings();
    settings.request_ids = ids;
    RecordingProxy proxy(1, settings);
    proxy.cluster.endpoint(0).administer(upstream::Administration::disabled);
    const std::string made = proxy.request(kGet).take();
    EXPECT_EQ(made.find("X-Request-Id: ") != std::string::npos, ids != RequestIds::off) << made;
    EXPECT_EQ(proxy.request(kNamed).take().find("X-Request-Id: "), std::string::npos);
  }
}

// Goal: an id that the client has given comes back to it, too, where answers tell ids.
TEST(ProxyExchangeRecord, answers_tell_the_clients_own_id_where_that_is_wanted) {
  TestSettings settings = test_settings();
  settings.request_ids = RequestIds::both;
  Proxy proxy(1, settings);
  MemoryStream& client = proxy.request("GET / HTTP/1.1\r\nHost: h\r\nX-Request-Id: order-1\r\n\r\n");
  proxy.answer(0, kOk);
  EXPECT_NE(client.take().find("\r\nX-Request-Id: order-1\r\n"), std::string::npos);
}

TEST(ProxyExchangeRecord, answers_tell_the_id_where_that_is_wanted) {
  TestSettings settings = test_settings();
  settings.request_ids = RequestIds::both;
  RecordingProxy proxy(1, settings);
  MemoryStream& client = proxy.request(kGet);
  const std::string request = proxy.answer(0, kOk);
  const std::size_t at = request.find("X-Request-Id: ");
  ASSERT_NE(at, std::string::npos);
  const std::string line = request.substr(at, 14 + 32 + 2);
  EXPECT_NE(client.take().find(line), std::string::npos);
  // The backend's own stays.
  proxy.send(client, kGet);
  proxy.answer(0, "HTTP/1.1 200 OK\r\nDate: now\r\nx-request-id: b\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(client.take(), "HTTP/1.1 200 OK\r\nDate: now\r\nx-request-id: b\r\nContent-Length: 0\r\n\r\n");
}

// Goal: what runs is always the attempts that began less those that ended. Method: failures of all kinds.
TEST(ProxyExchangeRecord, nothing_is_left_in_flight) {
  for (const Answer answer : {Answer::accept, Answer::refuse, Answer::hang, Answer::no_resources}) {
    RecordingProxy proxy(2);
    proxy.transport.backend(0).answer = answer;
    proxy.transport.backend(1).answer = answer;
    for (int i = 0; i < 3; ++i) proxy.request(kNamed).close();
    proxy.pass(Duration(60'000));
    EXPECT_EQ(proxy.in_flight(0) + proxy.in_flight(1), 0U) << static_cast<int>(answer);
  }
}

}  // namespace
}  // namespace lb::proxy
