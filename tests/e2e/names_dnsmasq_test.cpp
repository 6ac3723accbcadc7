// Names by a real name server, dnsmasq, where there is one.
#include <array>
#include <csignal>
#include <poll.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "support/balancer.hpp"
#include "support/config_file.hpp"
#include "support/replica.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests

constexpr const char* kBinary = "/usr/sbin/dnsmasq";

class Dnsmasq {
 public:
  // Serves the names of a file in the form of /etc/hosts.
  Dnsmasq(std::uint16_t port, const std::string& hosts) {
    const std::string port_flag = "--port=" + std::to_string(port);
    const std::string hosts_flag = "--addn-hosts=" + hosts;
    const std::string user = "--user=" + std::string(::geteuid() == 0 ? "root" : "");
    std::vector<std::string> words{kBinary,
                                   "--no-daemon",
                                   "--conf-file=/dev/null",
                                   "--listen-address=127.0.0.1",
                                   "--bind-interfaces",
                                   "--no-resolv",
                                   "--no-hosts",
                                   "--local-ttl=1",
                                   "--pid-file=",
                                   port_flag,
                                   hosts_flag};
    if (::geteuid() == 0) words.push_back(user);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    EXPECT_EQ(::posix_spawn(&pid_, kBinary, nullptr, nullptr, arguments.data(), environ), 0);
  }
  ~Dnsmasq() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  Dnsmasq(const Dnsmasq&) = delete;
  Dnsmasq& operator=(const Dnsmasq&) = delete;

  void read_again() const { ::kill(pid_, SIGHUP); }

 private:
  pid_t pid_ = -1;
};

// Goal: what the scripted name server of the other tests says is what a real one says. Method: a name of two addresses,
// which take turns; then it moves to one other address, and is followed when its TTL of a second is over.
TEST(NamesByDnsmasq, are_found_and_followed) {
  if (::access(kBinary, X_OK) != 0) GTEST_SKIP() << "there is no dnsmasq here";
  const auto replicas = make_replicas(3);
  const TemporaryDirectory directory;
  const std::string hosts = directory.write("hosts", "127.0.0.1 web.test\n127.0.0.2 web.test\n");
  const std::uint16_t port = free_port();
  const Dnsmasq server(port, hosts);
  const std::string url = "http://web.test:" + std::to_string(replicas[0]->port());
  Balancer balancer({.toml = "[resolver]\nservers = [\"127.0.0.1:" + std::to_string(port) + "\"]\n" + table_of(url)});
  ASSERT_TRUE(balancer.wait_for_log(url + " [up]")) << balancer.log();
  const std::string turns = letters(balancer, 4);
  EXPECT_TRUE(turns == "abab" || turns == "baba") << turns;
  static_cast<void>(directory.write("hosts", "127.0.0.3 web.test\n"));
  server.read_again();
  const Deadline deadline = within();
  std::string last;
  while ((last = letters(balancer, 1)) != "c" && now() < deadline) ::poll(nullptr, 0, 10);
  EXPECT_EQ(last, "c");
  EXPECT_EQ(letters(balancer, 3), "ccc");
}

}  // namespace
}  // namespace lb::e2e
