// What the process makes of signals, of being stopped for a while, and of what whoever starts it has taken away.
#include <array>
#include <csignal>
#include <cstdio>
#include <string>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

struct Shell {
  std::string out;
  int status = -1;
};

// Runs a command line of the shell, in which $LB is the binary, to its end.
Shell run_shell(const std::string& command) {
  Shell shell;
  std::FILE* const pipe = ::popen(("LB='" + binary_path() + "'; " + command).c_str(), "r");
  if (pipe == nullptr) return shell;
  std::array<char, 4096> chunk{};
  while (const std::size_t bytes = std::fread(chunk.data(), 1, chunk.size(), pipe))
    shell.out.append(chunk.data(), bytes);
  const int status = ::pclose(pipe);
  shell.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return shell;
}

// Goal: signals whose default is to end a process, and that mean nothing here, end nothing. Method: each, with a
// request behind it. Before: the process was gone.
TEST(Signals, that_mean_nothing_here_end_nothing) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}});
  for (const int signal : {SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGXFSZ, SIGIO, SIGPWR, SIGPIPE, SIGUSR1}) {
    balancer.signal(signal);
    EXPECT_EQ(ask_once(balancer, get()).body, "ok") << signal;
  }
}

// Goal: SIGQUIT stops in order, as with nginx. Method: exit status 0.
TEST(Signals, quit_stops_in_order) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}});
  EXPECT_EQ(ask_once(balancer, get()).body, "ok");
  balancer.signal(SIGQUIT);
  EXPECT_EQ(balancer.wait_exit(), 0);
}

// Goal: what arrived while the process was stopped is served, though its deadline has passed meanwhile; what did not
// arrive is not. Method: the rest of a head, of a body, and of an answer come while it is stopped for longer than their
// deadlines.
TEST(Suspension, what_arrived_in_time_is_served) {
  Gate answer;
  ScriptedBackend backend([&answer](Connection& connection) {
    while (const auto request = connection.read_request()) {
      if (request->head.start_line.find("/slow") != std::string::npos && !answer.wait()) return;
      connection.send(ok("ok"));
    }
  });
  Balancer balancer({.backends = {&backend},
                     .toml = "[server.timeouts]\nheader = \"500ms\"\nbody_idle = \"500ms\"\n"
                             "first_response_byte = \"500ms\"\n[retry]\nattempts = 1\n"});
  Client head(balancer);
  Client body(balancer);
  Client slow(balancer);
  Client late(balancer);
  head.send("GET / HTTP/1.1\r\nHost: te");
  late.send("GET / HTTP/1.1\r\nHost: te");
  body.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbo");
  slow.send(get("/slow"));
  ASSERT_TRUE(backend.wait_for_requests(2));
  balancer.signal(SIGSTOP);
  head.send("st\r\n\r\n");
  body.send("dy");
  answer.open();
  EXPECT_TRUE(head.quiet_for(Duration(900)));
  balancer.signal(SIGCONT);
  EXPECT_EQ(head.read_response().status(), 200);
  EXPECT_EQ(body.read_response().status(), 200);
  EXPECT_EQ(slow.read_response().status(), 200);
  EXPECT_EQ(late.read_response().status(), 408);
}

// Goal: standard descriptors that are closed are not given to something else, into which log lines would be written.
// Method: all three closed; the process serves, and what it has at their places is /dev/null.
TEST(Descriptors, closed_standard_ones_are_replaced) {
  ScriptedBackend backend(always(ok("ok")));
  const std::string port = std::to_string(free_port());
  const Shell shell =
      run_shell("\"$LB\" -port " + port + " -backends " + backend.url() +
                " -log-level debug <&- 3>&1 >&- 2>&- 3>&- & pid=$!; "
                "curl --silent --retry 20 --retry-connrefused http://127.0.0.1:" +
                port + "/; for d in 0 1 2; do readlink /proc/$pid/fd/$d; done; kill $pid; wait $pid; echo $?");
  EXPECT_EQ(shell.out, "ok/dev/null\n/dev/null\n/dev/null\n0\n");
}

// Goal: too few descriptors are one clear message and exit status 1, not an uncaught exception. Method: fewer than any
// build needs.
TEST(Descriptors, too_few_are_said) {
  for (const std::string most : {"6", "12", "19"}) {
    const Shell shell = run_shell("exec 2>&1; ulimit -n " + most +
                                  "; exec timeout 20 \"$LB\" -port 0 -threads 2 -backends 127.0.0.1:1");
    EXPECT_EQ(shell.status, 1) << most << shell.out;
    EXPECT_NE(shell.out.find("(ulimit -n), which is too few"), std::string::npos) << most << shell.out;
    EXPECT_EQ(shell.out.find("terminate"), std::string::npos) << shell.out;
  }
}

}  // namespace
}  // namespace lb::e2e
