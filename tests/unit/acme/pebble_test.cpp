// Against a real authority: Pebble, that of Let's Encrypt's own tests.
#include "support/pebble.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <fstream>
#include <map>
#include <memory>
#include <openssl/ssl.h>
#include <poll.h>
#include <sstream>
#include <string>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "acme/manager.hpp"
#include "net/worker.hpp"
#include "support/name_server.hpp"
#include "support/on_worker.hpp"
#include "unit/acme/folder.hpp"

namespace lb::acme {
namespace {

using support::Descriptor;

std::string text_of_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// By curl, on the spot: the thread that waits is the test's.
class CurlHttp final : public Http {
 public:
  CurlHttp(std::string ca_file, const test::Folder& folder) : ca_file_(std::move(ca_file)), folder_(folder) {}

  net::Awaitable<base::Result<HttpAnswer>> send(HttpRequest request, base::Deadline /*deadline*/) override {
    ++requests;
    std::string command = "curl --silent --max-time 20 --cacert " + ca_file_ + " --dump-header " + (folder_ / "head") +
                          " --output " + (folder_ / "body");
    if (request.method == "HEAD") command += " --head";
    if (request.method == "POST") {
      std::ofstream(folder_ / "request") << request.body;
      command += " --header 'Content-Type: " + request.content_type + "' --data-binary @" + (folder_ / "request");
    }
    command += " '" + request.url + "'";
    const base::Error failed{base::ErrorKind::connect_failed, base::Side::upstream, "curl cannot reach it"};
    if (std::system(command.c_str()) != 0) co_return failed;
    co_return read_answer();
  }

  int requests = 0;

 private:
  [[nodiscard]] HttpAnswer read_answer() const {
    const support::Head head = support::parse_head(text_of_file(folder_ / "head"));
    HttpAnswer answer;
    answer.status = static_cast<unsigned>(std::stoul(head.start_line.substr(head.start_line.find(' ') + 1)));
    const auto value = [&](const char* name) { return head.has(name) ? head.value(name) : std::string(); };
    answer.content_type = value("content-type");
    answer.location = value("location");
    answer.replay_nonce = value("replay-nonce");
    if (head.has("retry-after")) answer.retry_after = std::chrono::seconds(std::stol(head.value("retry-after")));
    answer.body = text_of_file(folder_ / "body");
    return answer;
  }

  std::string ca_file_;
  const test::Folder& folder_;
};

// Serves each connection to a free port of 127.0.0.1, one after the other.
class Port {
 public:
  Port() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), wake_(::eventfd(0, EFD_CLOEXEC)) {
    port_ = support::bind_to_loopback(socket_);
    EXPECT_EQ(::listen(socket_.get(), 16), 0);
  }
  virtual ~Port() = default;
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  std::atomic<int> connections{0};

 protected:
  void begin() {
    thread_ = std::thread([this] { run(); });
  }
  void end() {
    const std::uint64_t one = 1;
    EXPECT_EQ(::write(wake_.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
    thread_.join();
  }
  virtual void serve(Descriptor connection) = 0;

 private:
  void run() {
    // OpenSSL writes to connections that are gone.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::array<pollfd, 2> waits{pollfd{socket_.get(), POLLIN, 0}, pollfd{wake_.get(), POLLIN, 0}};
    for (;;) {
      ::poll(waits.data(), waits.size(), -1);
      if (waits[1].revents != 0) return;
      Descriptor connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (connection.get() < 0) continue;
      ++connections;
      serve(std::move(connection));
    }
  }

  Descriptor socket_;
  Descriptor wake_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

class HttpPort final : public Port {
 public:
  explicit HttpPort(const Challenges& challenges) : challenges_(challenges) { begin(); }
  ~HttpPort() override { end(); }

 private:
  void serve(Descriptor connection) override {
    support::Wire wire(std::move(connection));
    const support::Message request = wire.read_message(support::Kind::request);
    std::string path = request.head.start_line.substr(0, request.head.start_line.rfind(' '));
    path.erase(0, path.find(' ') + 1);
    std::optional<std::string> text;
    if (path.starts_with(kHttpChallengePath)) {
      text = challenges_.key_authorization(std::string_view(path).substr(kHttpChallengePath.size()));
    }
    const std::string body = text.value_or("nothing");
    wire.send(std::string(text ? "HTTP/1.1 200 OK" : "HTTP/1.1 404 Not Found") +
              "\r\nContent-Type: application/octet-stream\r\nConnection: close\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body);
  }

  const Challenges& challenges_;
};

class TlsPort final : public Port {
 public:
  explicit TlsPort(const Challenges& challenges) : challenges_(challenges), context_(SSL_CTX_new(TLS_server_method())) {
    SSL_CTX_set_alpn_select_cb(context_, select_protocol, nullptr);
    SSL_CTX_set_cert_cb(context_, choose, this);
    begin();
  }
  ~TlsPort() override {
    end();
    SSL_CTX_free(context_);
  }

 private:
  static int select_protocol(SSL* /*connection*/, const unsigned char** out, unsigned char* size,
                             const unsigned char* offered, unsigned offered_size, void* /*data*/) {
    const std::string_view all(reinterpret_cast<const char*>(offered), offered_size);
    const std::size_t at = all.find(kAlpnProtocol);
    if (at == std::string_view::npos) return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = offered + at;
    *size = static_cast<unsigned char>(kAlpnProtocol.size());
    return SSL_TLSEXT_ERR_OK;
  }
  static int choose(SSL* connection, void* self) {
    const char* const name = SSL_get_servername(connection, TLSEXT_NAMETYPE_host_name);
    const auto found = static_cast<TlsPort*>(self)->challenges_.alpn_certificate(name == nullptr ? "" : name);
    if (found == nullptr) return 0;
    return SSL_use_certificate(connection, found->certificate.get()) == 1 &&
                   SSL_use_PrivateKey(connection, found->key.get()) == 1
               ? 1
               : 0;
  }
  void serve(Descriptor connection) override {
    SSL* const tls = SSL_new(context_);
    SSL_set_fd(tls, connection.get());
    SSL_accept(tls);
    SSL_shutdown(tls);
    SSL_free(tls);
    ERR_clear_error();
  }

  const Challenges& challenges_;
  SSL_CTX* context_;
};

class AcmePebble : public testing::Test {
 protected:
  void SetUp() override {
    if (!support::Pebble::is_installed()) GTEST_SKIP() << "there is no pebble here";
    if (::access("/usr/bin/curl", X_OK) != 0) GTEST_SKIP() << "there is no curl here";
    for (const char* name : {"a.example", "b.example", "c.example"}) names.set(name, {.v4 = {"127.0.0.1"}});
    options.http_port = http_port.port();
    options.tls_port = tls_port.port();
    options.name_server = names.address();
  }
  void start() {
    pebble = std::make_unique<support::Pebble>(options);
    http = std::make_unique<CurlHttp>(pebble->ca_file(), folder);
    settings.directory = pebble->directory();
  }
  // Until every domain has been tried.
  void run(Manager& manager) {
    worker.tasks().spawn(manager.run());
    const base::Deadline deadline = support::within(base::Duration(60'000));
    const auto settled = [&] {
      for (const State& state : manager.states()) {
        if (state.condition != Condition::valid && state.condition != Condition::failed) return false;
      }
      return true;
    };
    while (!settled() && support::now() < deadline) lb::test::turn_loop(worker);
    manager.stop();
    while (worker.tasks().size() > 0 && support::now() < deadline) lb::test::turn_loop(worker);
    EXPECT_EQ(worker.tasks().size(), 0U);
  }
  // Whether a client that trusts the authority's root takes the chain.
  [[nodiscard]] bool is_trusted(const Stored& stored) const {
    const std::string root = folder / "root.pem";
    const std::string chain = folder / "chain.pem";
    std::ofstream(chain) << stored.pair.chain;
    const std::string fetch =
        "curl --silent --cacert " + pebble->ca_file() + " --output " + root + " " + pebble->management() + "/roots/0";
    const std::string verify = "openssl verify -verify_hostname " + stored.domain + " -CAfile " + root +
                               " -untrusted " + chain + " " + chain + " > " + (folder / "verified") + " 2>&1";
    return std::system(fetch.c_str()) == 0 && std::system(verify.c_str()) == 0;
  }

  test::Folder folder;
  support::NameServer names;
  Challenges challenges;
  HttpPort http_port{challenges};
  TlsPort tls_port{challenges};
  support::Pebble::Options options;
  std::unique_ptr<support::Pebble> pebble;
  std::unique_ptr<CurlHttp> http;
  net::Worker worker{base::system_clock()};
  Settings settings{.domains = {"a.example"}, .email = "admin@a.example", .directory = "", .storage = folder / "acme"};
};

TEST_F(AcmePebble, gives_certificates_by_http_01) {
  options.bad_nonces_percent = 25;
  start();
  settings.domains = {"a.example", "b.example"};
  Manager manager(worker.executor(), worker.wheel(), *http, challenges, 1);
  ASSERT_FALSE(manager.configure(settings));
  run(manager);
  ASSERT_EQ(manager.certificates().size(), 2U) << manager.states()[0].problem;
  EXPECT_GE(http_port.connections, 2);
  EXPECT_EQ(tls_port.connections, 0);
  EXPECT_TRUE(challenges.empty());
  for (const Stored& stored : manager.certificates()) {
    EXPECT_TRUE(is_trusted(stored)) << text_of_file(folder / "verified");
  }
  // A second start asks for nothing.
  const int requests = http->requests;
  Manager again(worker.executor(), worker.wheel(), *http, challenges, 1);
  ASSERT_FALSE(again.configure(settings));
  EXPECT_EQ(again.certificates().size(), 2U);
  run(again);
  EXPECT_EQ(http->requests, requests);
}

TEST_F(AcmePebble, gives_certificates_by_tls_alpn_01) {
  start();
  settings.http_01 = false;
  Manager manager(worker.executor(), worker.wheel(), *http, challenges, 1);
  ASSERT_FALSE(manager.configure(settings));
  run(manager);
  ASSERT_EQ(manager.certificates().size(), 1U) << manager.states()[0].problem;
  EXPECT_GE(tls_port.connections, 1);
  EXPECT_EQ(http_port.connections, 0);
  EXPECT_TRUE(is_trusted(manager.certificates()[0])) << text_of_file(folder / "verified");
}

TEST_F(AcmePebble, the_other_way_is_taken_at_once) {
  options.http_port = 1;  // where nobody listens
  start();
  Manager manager(worker.executor(), worker.wheel(), *http, challenges, 1);
  ASSERT_FALSE(manager.configure(settings));
  run(manager);
  ASSERT_EQ(manager.certificates().size(), 1U) << manager.states()[0].problem;
  EXPECT_GE(tls_port.connections, 1);
}

TEST_F(AcmePebble, says_why_a_domain_gets_none) {
  options.http_port = options.tls_port = 1;
  start();
  Manager manager(worker.executor(), worker.wheel(), *http, challenges, 1);
  ASSERT_FALSE(manager.configure(settings));
  run(manager);
  ASSERT_EQ(manager.states().size(), 1U);
  const State state = manager.states()[0];
  EXPECT_EQ(state.condition, Condition::failed);
  EXPECT_NE(state.problem.find("http-01 failed: connection: "), std::string::npos) << state.problem;
  EXPECT_NE(state.problem.find("; tls-alpn-01 failed: unauthorized: "), std::string::npos) << state.problem;
}

// Goal: an account that the authority has lost is no end, nor is another address of e-mail.
TEST_F(AcmePebble, an_account_that_is_gone_is_made_anew) {
  start();
  Manager manager(worker.executor(), worker.wheel(), *http, challenges, 1);
  ASSERT_FALSE(manager.configure(settings));
  run(manager);
  ASSERT_EQ(manager.certificates().size(), 1U) << manager.states()[0].problem;
  settings.domains = {"b.example"};
  settings.email = "other@a.example";
  Manager second(worker.executor(), worker.wheel(), *http, challenges, 1);
  ASSERT_FALSE(second.configure(settings));
  run(second);
  ASSERT_EQ(second.certificates().size(), 1U) << second.states()[0].problem;
  pebble->restart();
  settings.domains = {"c.example"};
  Manager third(worker.executor(), worker.wheel(), *http, challenges, 1);
  ASSERT_FALSE(third.configure(settings));
  run(third);
  ASSERT_EQ(third.certificates().size(), 1U) << third.states()[0].problem;
}

}  // namespace
}  // namespace lb::acme
