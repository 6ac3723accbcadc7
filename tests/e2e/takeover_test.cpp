// -takeover: a new process takes the place of a running one, and no client notices.
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "support/balancer.hpp"
#include "support/load.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

const std::string kTaking = "taking over from the process";
const std::string kNobody = "there is no process to take over from";

// A process on a port that is given; it may be meant to fail.
std::unique_ptr<Process> start(std::uint16_t port, std::vector<std::string> flags) {
  flags.insert(flags.end(), {"-port", std::to_string(port)});
  return std::make_unique<Process>(flags);
}

std::vector<std::string> flags_for(const ScriptedBackend& backend, unsigned threads, bool takeover) {
  std::vector<std::string> flags{"-backends", backend.url(), "-threads", std::to_string(threads)};
  if (takeover) flags.emplace_back("-takeover");
  return flags;
}

// A free port: bound, not listening, so that nobody else is given it meanwhile.
class FreePort {
 public:
  FreePort() : socket_(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);  // NOLINT: the sockets interface asks for this cast
    EXPECT_EQ(::bind(socket_.get(), generic, size), 0);
    EXPECT_EQ(::getsockname(socket_.get(), generic, &size), 0);
    port_ = ntohs(address.sin6_port);
  }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  Descriptor socket_;
  std::uint16_t port_ = 0;
};

// Sits on the name by which a process is found, and does to whoever comes what the test says.
class Squatter {
 public:
  Squatter(std::uint16_t port, std::function<void(int connection)> script)
      : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), script_(std::move(script)) {
    const std::string name = "load-balancer/::/" + std::to_string(port);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(name, std::begin(address.sun_path) + 1);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    // NOLINTNEXTLINE: the sockets interface asks for this cast
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_.get(), 4), 0);
    thread_ = std::thread([this] {
      const Descriptor connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (connection.get() >= 0) script_(connection.get());
    });
  }
  ~Squatter() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  Squatter(const Squatter&) = delete;
  Squatter& operator=(const Squatter&) = delete;

 private:
  Descriptor listener_;
  std::function<void(int)> script_;
  std::thread thread_;
};

bool send_descriptor(int connection, char word, int descriptor) {
  iovec part{&word, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::copy_n(reinterpret_cast<const char*>(&descriptor), sizeof descriptor, CMSG_DATA(header));  // NOLINT: as above
  return ::sendmsg(connection, &message, MSG_NOSIGNAL) == 1;
}

void wait_until_closed(int connection) {
  char byte = 0;
  while (::recv(connection, &byte, 1, 0) > 0) {
  }
}

// Goal: nobody is refused and no request fails, with the same number of workers or another; the old process ends well.
// Method: clients on kept and on fresh connections ask all the while; two take-overs in a row, so that what was taken
// is handed on.
TEST(Takeover, under_load_fails_no_request) {
  struct Workers {
    unsigned first, second, third;
  };
  for (const Workers workers : {Workers{1, 1, 1}, Workers{1, 3, 2}, Workers{3, 1, 3}}) {
    SCOPED_TRACE(std::to_string(workers.first) + " " + std::to_string(workers.second));
    ScriptedBackend backend(always(ok("ok")));
    Balancer first(flags_for(backend, workers.first, false));
    Load load(first.port(), {.kept = 2, .fresh = 3});
    ASSERT_TRUE(load.wait_for_answers(100));
    const auto second = start(first.port(), flags_for(backend, workers.second, true));
    ASSERT_TRUE(second->wait_for_log(kTaking)) << second->err();
    EXPECT_EQ(first.wait_exit(), 0) << first.log();
    EXPECT_TRUE(load.wait_for_answers(load.answers() + 200));
    const auto third = start(first.port(), flags_for(backend, workers.third, true));
    ASSERT_TRUE(third->wait_for_log(kTaking)) << third->err();
    EXPECT_EQ(second->wait_exit(), 0) << second->err();
    EXPECT_TRUE(load.wait_for_answers(load.answers() + 200));
    load.stop();
    EXPECT_EQ(load.failures(), 0U) << load.first_failure();
    EXPECT_EQ(ask_once(first, get()).status(), 200) << "served by the third process";
  }
}

// Goal: the old process ends its requests in flight, and only then itself. Method: a request that a gate holds back.
TEST(Takeover, the_old_process_ends_its_requests) {
  Gate gate;
  ScriptedBackend slow([&gate](Connection& connection) {
    while (const auto head = connection.read_request_head()) {
      if (head->start_line.find("/held") != std::string::npos && !gate.wait()) return;
      connection.send(ok("slow"));
    }
  });
  ScriptedBackend quick(always(ok("quick")));
  Balancer first(flags_for(slow, 1, false));
  Client client(first);
  client.send(get("/held"));
  ASSERT_TRUE(slow.wait_for_requests(1));
  const auto second = start(first.port(), flags_for(quick, 1, true));
  ASSERT_TRUE(first.wait_for_log("another process has taken over the port"));
  // Until its listener is closed the old process may still take a connection from the queue that both share.
  const auto deadline = within();
  std::string body = "slow";
  while (body == "slow" && now() < deadline) body = ask_once(first, get()).body;
  EXPECT_EQ(body, "quick");
  EXPECT_FALSE(first.wait_exit(now()));
  gate.open();
  const Message answer = client.read_response();
  EXPECT_EQ(answer.body, "slow");
  EXPECT_EQ(answer.head.value("Connection"), "close");
  EXPECT_EQ(first.wait_exit(), 0);
}

// Goal: with nobody to take over from it just starts; and can be taken over.
TEST(Takeover, without_a_predecessor_it_just_starts) {
  ScriptedBackend backend(always(ok("ok")));
  const FreePort port;
  const auto first = start(port.port(), flags_for(backend, 1, true));
  ASSERT_TRUE(first->wait_for_log("listening on")) << first->err();
  EXPECT_NE(first->err().find(kNobody), std::string::npos) << first->err();
  const auto second = start(port.port(), flags_for(backend, 1, true));
  EXPECT_TRUE(second->wait_for_log(kTaking)) << second->err();
  EXPECT_EQ(first->wait_exit(), 0);
}

// Goal: without the flag a second instance is refused, and the first one is not touched.
TEST(Takeover, without_the_flag_a_second_instance_is_refused) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer first(flags_for(backend, 2, false));
  const Finished second =
      run_binary({"-backends", backend.url(), "-threads", "2", "-port", std::to_string(first.port())});
  EXPECT_EQ(second.status, 1);
  EXPECT_NE(second.err.find("another program uses this port"), std::string::npos) << second.err;
  EXPECT_EQ(ask_once(first, get()).status(), 200);
}

// Goal: a process on another port, or another address, is not touched.
TEST(Takeover, others_are_left_alone) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  Balancer bystander(flags_for(a, 1, false));
  Balancer same_machine(std::vector<std::string>{"-backends", a.url(), "-address", "127.0.0.1"});
  Balancer first(flags_for(a, 1, false));
  const auto second = start(first.port(), flags_for(b, 1, true));
  EXPECT_EQ(first.wait_exit(), 0);
  EXPECT_EQ(ask_once(bystander, get()).body, "a");
  EXPECT_EQ(ask_once(same_machine, get()).body, "a");
  EXPECT_EQ(ask_once(first, get()).body, "b");
  // Another address of the same port: there is nobody there by that name, and the port is taken.
  const Finished third =
      run_binary({"-backends", b.url(), "-address", "127.0.0.1", "-port", std::to_string(first.port()), "-takeover"});
  EXPECT_EQ(third.status, 1) << third.err;
  EXPECT_NE(third.err.find("another program uses this port"), std::string::npos) << third.err;
  EXPECT_EQ(ask_once(first, get()).body, "b");
}

// Goal: a predecessor that hangs bounds the wait, and the outcome is clear: the port is taken. It goes on unharmed once
// it wakes. Method: it is stopped.
TEST(Takeover, a_predecessor_that_hangs_bounds_the_wait) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer first(flags_for(backend, 1, false));
  first.signal(SIGSTOP);
  const auto begun = now();
  const auto second = start(first.port(), flags_for(backend, 1, true));
  EXPECT_EQ(second->wait_exit(), 1) << second->err();
  EXPECT_LT(now() - begun, std::chrono::seconds(15));
  EXPECT_NE(second->err().find("another program uses this port"), std::string::npos) << second->err();
  first.signal(SIGCONT);
  EXPECT_EQ(ask_once(first, get()).status(), 200);
  const auto third = start(first.port(), flags_for(backend, 1, true));
  EXPECT_TRUE(third->wait_for_log(kTaking)) << third->err();
  EXPECT_EQ(first.wait_exit(), 0);
}

// Goal: a successor that dies or says nothing after it was given the sockets changes nothing. Method: one that asks and
// closes; the real one comes after it.
TEST(Takeover, a_successor_that_gives_up_changes_nothing) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer first(flags_for(backend, 1, false));
  const std::string name = "load-balancer/::/" + std::to_string(first.port());
  for (const char* word : {"", "x"}) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(name, std::begin(address.sun_path) + 1);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    // It listens there a moment after it has said that it listens to clients.
    int refused = -1;
    for (const auto deadline = within(); refused != 0 && now() < deadline; std::this_thread::yield()) {
      // NOLINTNEXTLINE: the sockets interface asks for this cast
      refused = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size);
    }
    ASSERT_EQ(refused, 0);
    char byte = 0;
    ASSERT_EQ(::recv(socket.get(), &byte, 1, 0), 1);
    EXPECT_EQ(::send(socket.get(), word, std::strlen(word), MSG_NOSIGNAL), static_cast<ssize_t>(std::strlen(word)));
  }
  EXPECT_EQ(ask_once(first, get()).status(), 200);
  const auto second = start(first.port(), flags_for(backend, 1, true));
  EXPECT_TRUE(second->wait_for_log(kTaking)) << second->err();
  EXPECT_EQ(first.wait_exit(), 0);
}

// Goal: whoever else has the name keeps nobody from starting for long, whatever it says. Method: one that closes, one
// that sends rubbish, one that says "last" without a socket, one that goes on saying "more". Found: the wait for the
// last of them had no end.
TEST(Takeover, a_squatter_on_the_name_keeps_nobody_from_starting) {
  struct Case {
    std::string what;
    std::function<void(int)> script;
  };
  const auto say = [](const std::string& words) {
    return [words](int connection) {
      ::send(connection, words.data(), words.size(), MSG_NOSIGNAL);
      wait_until_closed(connection);
    };
  };
  const std::vector<Case> cases{{"closes", [](int) {}},
                                {"rubbish", say("HTTP/1.1 200 OK\r\n\r\n")},
                                {"nothing in the last message", say("L")},
                                {"more without an end", [](int connection) {
                                   // Each takes a tenth of the wait for one message.
                                   const Deadline enough = within(Duration(40'000));
                                   pollfd wait{connection, POLLIN, 0};
                                   while (now() < enough && ::send(connection, "M", 1, MSG_NOSIGNAL) == 1)
                                     ::poll(&wait, 1, 1000);
                                 }}};
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    ScriptedBackend backend(always(ok("ok")));
    const FreePort port;
    const Squatter squatter(port.port(), one.script);
    const auto begun = now();
    const auto process = start(port.port(), flags_for(backend, 1, true));
    EXPECT_TRUE(process->wait_for_log("listening on", 0, within(Duration(25'000)))) << process->err();
    EXPECT_LT(now() - begun, std::chrono::seconds(25));
    process->signal(SIGKILL);  // it may not hear SIGTERM yet
    EXPECT_EQ(process->wait_exit(), 128 + SIGKILL);
  }
}

// Goal: what is given in place of listening sockets on that port is refused, with a clear outcome and no crash. Method:
// a file that is no socket, a socket that does not listen, a socket that listens on another port. Found: each was
// "served", and nothing was.
TEST(Takeover, what_is_no_socket_of_this_port_is_not_served) {
  ScriptedBackend backend(always(ok("ok")));
  const Descriptor null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Descriptor idle(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Descriptor elsewhere(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::listen(elsewhere.get(), 4), 0);
  for (const Descriptor* given : {&null, &idle, &elsewhere}) {
    SCOPED_TRACE(given == &null ? "no socket" : given == &idle ? "does not listen" : "another port");
    const FreePort port;
    const Squatter squatter(port.port(), [&](int connection) {
      send_descriptor(connection, 'L', given->get());
      wait_until_closed(connection);
    });
    const auto process = start(port.port(), flags_for(backend, 1, true));
    // Either it serves its port all the same, or it says why not and ends.
    const bool serves =
        process->wait_for_log("listening on [::]:" + std::to_string(port.port()), 0, within(Duration(3000)))
            .has_value();
    if (serves) {
      Client client(port.port());
      EXPECT_EQ(client.ask(get()).status(), 200);
    } else {
      EXPECT_EQ(process->wait_exit(now()), 1) << process->err();
    }
    process->signal(SIGKILL);
    static_cast<void>(process->wait_exit());
  }
}

// Has closed its port and is held by a request in flight.
class StoppingBalancer {
 public:
  StoppingBalancer() {
    client_.send(get());
    EXPECT_TRUE(slow_.wait_for_requests(1));
    balancer_.signal(SIGTERM);
    const Deadline deadline = within();
    while (connect_local(port()).get() >= 0 && now() < deadline) {
    }
  }

  [[nodiscard]] std::uint16_t port() const { return balancer_.port(); }
  // Answers the request and waits for the end.
  void expect_good_end() {
    gate_.open();
    EXPECT_EQ(client_.read_response().body, "slow");
    EXPECT_EQ(balancer_.wait_exit(), 0);
  }

 private:
  Gate gate_;
  ScriptedBackend slow_{[this](Connection& connection) {
    while (connection.read_request() && gate_.wait()) connection.send(ok("slow"));
  }};
  Balancer balancer_{flags_for(slow_, 1, false)};
  Client client_{balancer_};
};

// Goal: a process that stops hands out no sockets: it has closed them, and their numbers may be other files' by now.
// Method: a request in flight keeps it. Found: the successor was given its own connection as a socket to listen on, and
// the request was cut.
TEST(Takeover, a_process_that_stops_hands_nothing_out) {
  StoppingBalancer first;
  ScriptedBackend quick(always(ok("quick")));
  const auto second = start(first.port(), flags_for(quick, 1, true));
  const auto line = second->wait_for_log("listening on");
  ASSERT_TRUE(line) << second->err();
  EXPECT_NE(line->find("[::]:" + std::to_string(first.port()) + ","), std::string::npos) << *line;
  Client other(first.port());
  EXPECT_EQ(other.ask(get()).body, "quick") << second->err();
  first.expect_good_end();
}

// Goal: a process that started while another one on its port was stopping can be taken over as any other. Method: the
// stopping one is held by a request in flight until the new one serves.
TEST(Takeover, one_that_started_beside_a_stopping_process_can_be_taken_over) {
  StoppingBalancer first;
  ScriptedBackend quick(always(ok("quick")));
  const auto second = start(first.port(), flags_for(quick, 1, false));
  ASSERT_TRUE(second->wait_for_log("listening on")) << second->err();
  first.expect_good_end();
  const auto third = start(first.port(), flags_for(quick, 1, true));
  EXPECT_TRUE(third->wait_for_log(kTaking)) << second->err() << third->err();
  EXPECT_EQ(second->wait_exit(within(Duration(5000))), 0) << second->err();
}

}  // namespace
}  // namespace lb::e2e
