// GET /metrics of the real binary agrees with what was sent; -status prints the same.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/admin.hpp"
#include "support/config_file.hpp"
#include "support/load.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

const std::string kQuiet = "[health]\ninterval = \"1h\"\nfailures = 100\n";

// Each sample by its name and labels.
std::map<std::string, double> samples_of(const Balancer& balancer) {
  const Message answer = admin_get(balancer, "/metrics");
  EXPECT_EQ(answer.head.value("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  std::map<std::string, double> samples;
  for (std::size_t begin = 0; begin < answer.body.size();) {
    const std::size_t end = answer.body.find('\n', begin);
    const std::string line = answer.body.substr(begin, end - begin);
    begin = end + 1;
    if (line.starts_with('#')) continue;
    const std::size_t space = line.rfind(' ');
    EXPECT_TRUE(samples.emplace(line.substr(0, space), std::atof(line.c_str() + space)).second) << "twice: " << line;
  }
  return samples;
}

std::string of(const std::string& name, const ScriptedBackend& backend, const std::string& more = "") {
  return "load_balancer_backend_" + name + "{backend=\"" + backend.url() + "\"" + (more.empty() ? "" : "," + more) +
         "}";
}

// Goal: on several workers every request and attempt is counted once, with its bytes and its reason. Method: one
// backend fails each request after reading it, the other answers; the sums of all are known.
TEST(Metrics, sums_agree_with_what_was_sent) {
  ScriptedBackend bad([](Connection& connection) { static_cast<void>(connection.read_request()); });
  ScriptedBackend good(always("HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello"));
  Balancer balancer(
      {.backends = {&bad, &good}, .toml = kQuiet + "[retry]\nbudget_percent = 0\n", .threads = 3, .admin = true});
  constexpr int kRequests = 60;
  for (int i = 0; i < kRequests; ++i) {
    EXPECT_EQ(ask_once(balancer, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc").status(), 201);
  }
  EXPECT_EQ(ask_once(balancer, "nonsense\r\n\r\n").status(), 400);
  // An exchange is counted when it has ended, which the client may see first.
  const Deadline deadline = within();
  auto samples = samples_of(balancer);
  while (samples["load_balancer_requests_total"] < kRequests + 1 && now() < deadline) samples = samples_of(balancer);
  EXPECT_EQ(samples["load_balancer_requests_total"], kRequests + 1);
  EXPECT_EQ(samples["load_balancer_request_duration_seconds_count"], kRequests + 1);
  EXPECT_EQ(samples["load_balancer_request_duration_seconds_bucket{le=\"+Inf\"}"], kRequests + 1);
  EXPECT_EQ(samples["load_balancer_responses_total{class=\"2xx\"}"], kRequests);
  EXPECT_EQ(samples["load_balancer_responses_total{class=\"4xx\"}"], 1);
  EXPECT_EQ(samples["load_balancer_requests_refused_total{reason=\"bad_request\"}"], 1);
  EXPECT_EQ(samples["load_balancer_client_connections_accepted_total"], kRequests + 1);
  const double failed = samples[of("attempts_total", bad, "result=\"no_answer\"")];
  EXPECT_EQ(failed, bad.request_count());
  EXPECT_GE(failed, kRequests / 3);
  EXPECT_EQ(samples["load_balancer_retries_total{reason=\"no_answer\"}"], failed);
  EXPECT_EQ(samples[of("attempts_total", good, "result=\"answered\"")], kRequests);
  EXPECT_EQ(samples[of("responses_total", good, "class=\"2xx\"")], kRequests);
  EXPECT_EQ(samples[of("response_body_bytes_total", good)], kRequests * 5);
  EXPECT_EQ(samples[of("request_body_bytes_total", good)], kRequests * 3);
  EXPECT_EQ(samples[of("attempt_duration_seconds_count", good)], kRequests);
  EXPECT_EQ(samples[of("connections_total", good, "kind=\"reused\"")] +
                samples[of("connections_total", good, "kind=\"opened\"")],
            kRequests);
  EXPECT_EQ(samples[of("in_flight", good)], 0);
  EXPECT_EQ(samples[of("up", good)], 1);
  EXPECT_EQ(samples[of("administration", good, "state=\"active\"")], 1);
  EXPECT_EQ(samples[of("state_changes_total", good)], 1);
  // The same by the other door.
  const boost::json::value status = status_of(balancer);
  EXPECT_EQ(text_at(status, "/requests/total"), std::to_string(kRequests + 1));
  EXPECT_EQ(text_at(status, "/requests/by_class/2xx"), std::to_string(kRequests));
  EXPECT_EQ(text_at(backend_of(balancer, good.url()), "/results/answered"), std::to_string(kRequests));
  EXPECT_EQ(text_at(backend_of(balancer, good.url()), "/bytes/response"), std::to_string(kRequests * 5));
  EXPECT_EQ(text_at(status, "/workers"), "3");
}

// Goal: what the operator does shows.
TEST(Metrics, administration_shows) {
  ScriptedBackend a(always(ok("a")));
  Balancer balancer({.backends = {&a}, .toml = kQuiet, .admin = true});
  admin_post(balancer, "/backends/drain", by_url(a.url()));
  auto samples = samples_of(balancer);
  EXPECT_EQ(samples[of("administration", a, "state=\"active\"")], 0);
  EXPECT_EQ(samples[of("administration", a, "state=\"draining\"")], 1);
  admin_post(balancer, "/backends/weight", by_url(a.url(), "\"weight\": 7"));
  EXPECT_EQ(samples_of(balancer)[of("weight", a)], 7);
}

// Goal: Prometheus' own tool has nothing to say. Where it is not installed the grammar is tested all the same, in
// tests/unit/admin/metrics_test.cpp.
TEST(Metrics, promtool_accepts_them) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) GTEST_SKIP() << "there is no promtool";
  ScriptedBackend a(always(ok("a")));
  Balancer balancer({.backends = {&a}, .toml = kQuiet, .admin = true});
  EXPECT_EQ(ask_once(balancer, get()).body, "a");
  const TemporaryDirectory directory;
  const std::string path = directory.write("metrics.txt", admin_get(balancer, "/metrics").body);
  const std::string command = "promtool check metrics < '" + path + "' 2>&1";
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string said;
  std::array<char, 256> piece{};
  while (std::fgets(piece.data(), piece.size(), pipe) != nullptr) said += piece.data();
  EXPECT_EQ(::pclose(pipe), 0) << said;
  EXPECT_EQ(said, "");
}

// Goal: neither answer holds the control thread, or anybody, up: with as many backends as there may be each takes less
// than what a person notices. Method: the best of some, for the machine has other things to do; sanitizers slow it down
// tenfold.
TEST(Metrics, a_thousand_backends_are_told_of_quickly) {
  std::string toml = kQuiet + "timeout = \"10ms\"\n";
  for (int i = 1; i <= 1000; ++i) {
    toml += table_of("http://127.0." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1) + ":1");
  }
  ConfigFile file(toml);
  Balancer balancer(file.flags({"-threads", "4"}), Balancer::Admin::on);
  for (const char* path : {"/status", "/metrics"}) {
    Duration best = kPatience;
    std::size_t bytes = 0;
    for (int i = 0; i < 5; ++i) {
      const auto began = now();
      const Message answer = admin_get(balancer, path);
      best = std::min(best, std::chrono::duration_cast<Duration>(now() - began));
      bytes = answer.body.size();
      EXPECT_EQ(answer.status(), 200);
      EXPECT_TRUE(answer.complete);
    }
    EXPECT_LT(best, Duration(5'000)) << path;
    std::printf("%s: %zu bytes in %d ms\n", path, bytes, static_cast<int>(best.count()));
  }
}

// Goal: -status prints what a running one says, finds it by file or flags, and says what is wrong otherwise.
TEST(StatusCommand, prints_a_table_of_a_running_one) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  b.stop();
  ConfigFile file(kQuiet + "[admin]\ntoken = \"abc\"\n" + tables_of({&a, &b}));
  Balancer balancer(file.flags(), Balancer::Admin::on);
  EXPECT_EQ(letters(balancer, 3), "aaa");
  const std::string port = std::to_string(balancer.admin_port());
  const Finished table = run_binary({"-status", "-config", file.path(), "-admin-port", port});
  EXPECT_EQ(table.status, 0) << table.err;
  EXPECT_EQ(table.err, "");
  for (const std::string& part : std::vector<std::string>{"backend ", a.url() + "  up", b.url() + "  down",
                                                          "health check failed: connection refused", "total: "}) {
    EXPECT_NE(table.out.find(part), std::string::npos) << part << "\n" << table.out;
  }
  EXPECT_EQ(table.out.find('\x1b'), std::string::npos) << "a pipe has no colours";
  const Finished no_token = run_binary({"-status", "-admin-port", port});
  EXPECT_EQ(no_token.status, 1);
  EXPECT_NE(no_token.err.find("it needs its token"), std::string::npos) << no_token.err;
}

TEST(StatusCommand, says_why_there_is_nothing_to_print) {
  const std::string nobody = std::to_string(free_port());
  const Finished silent = run_binary({"-status", "-admin-port", nobody});
  EXPECT_EQ(silent.status, 1);
  EXPECT_NE(silent.err.find("nobody answers at http://127.0.0.1:" + nobody), std::string::npos) << silent.err;
  EXPECT_NE(silent.err.find("[admin] port"), std::string::npos) << silent.err;
  const Finished unset = run_binary({"-status"});
  EXPECT_EQ(unset.status, 2);
  EXPECT_NE(unset.err.find("-admin-port"), std::string::npos) << unset.err;
  ScriptedBackend other(always(ok("{}")));
  const Finished stranger = run_binary({"-status", "-admin-port", std::to_string(other.port())});
  EXPECT_EQ(stranger.status, 1);
  EXPECT_NE(stranger.err.find("no load-balancer"), std::string::npos) << stranger.err;
}

TEST(StatusCommand, works_by_ipv6) {
  if (!has_ipv6()) GTEST_SKIP() << "this host has no IPv6";
  ScriptedBackend a(always(ok("a")));
  ConfigFile file(kQuiet + "[admin]\naddress = \"::1\"\n" + tables_of({&a}));
  Balancer balancer(file.flags(), Balancer::Admin::on);
  const Finished table =
      run_binary({"-status", "-config", file.path(), "-admin-port", std::to_string(balancer.admin_port())});
  EXPECT_EQ(table.status, 0) << table.err;
  EXPECT_NE(table.out.find(a.url() + "  up"), std::string::npos) << table.out;
}

}  // namespace
}  // namespace lb::e2e
