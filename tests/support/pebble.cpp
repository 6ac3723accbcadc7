#include "support/pebble.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <openssl/pem.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "acme/key.hpp"
#include "acme/openssl.hpp"

namespace lb::support {
namespace {

constexpr const char* kBinary = "/usr/bin/pebble";
constexpr const char* kListens = "ACME directory available at";

// Free at this moment: another process may take it before Pebble does, which then ends and gets others.
std::uint16_t free_port() {
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return bind_to_loopback(socket);
}

void add(X509* certificate, int kind, const char* value) {
  const acme::Extension made(X509V3_EXT_conf_nid(nullptr, nullptr, kind, value));
  EXPECT_EQ(X509_add_ext(certificate, made.get(), -1), 1);
}

}  // namespace

bool Pebble::is_installed() {
  return ::access(kBinary, X_OK) == 0;
}

Pebble::Pebble(const Options& options) : options_(options) {
  folder_ = (std::filesystem::temp_directory_path() / "lb-pebble-XXXXXX").string();
  EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
  make_certificate();
  constexpr int kTries = 5;
  for (int i = 0; i < kTries; ++i) {
    port_ = free_port();
    management_port_ = free_port();
    configure();
    start();
    if (wait_for_log(kListens)) return;
    stop();
  }
  ADD_FAILURE() << "Pebble does not start:\n" << log();
}

Pebble::~Pebble() {
  stop();
  if (testing::Test::HasFailure()) std::printf("Pebble's log:\n%s\n", log().c_str());
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void Pebble::restart() {
  stop();
  start();
  EXPECT_TRUE(wait_for_log(kListens)) << log();
}

void Pebble::make_certificate() const {
  const acme::Key key = acme::Key::make();
  const acme::CertificatePtr made(X509_new(), X509_free);
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -3'600);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 86'400);
  X509_NAME* const name = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("Pebble of a test"), -1,
                             -1, 0);
  X509_set_issuer_name(made.get(), name);
  X509_set_pubkey(made.get(), key.get().get());
  add(made.get(), NID_basic_constraints, "critical,CA:TRUE");
  add(made.get(), NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  X509_sign(made.get(), key.get().get(), EVP_sha256());
  const acme::Bio pem = acme::to_write();
  PEM_write_bio_X509(pem.get(), made.get());
  std::ofstream(ca_file()) << acme::text_of(pem);
  std::ofstream(folder_ + "/key.pem") << key.pem();
}

void Pebble::configure() const {
  const auto number = [](std::uint16_t port) { return std::to_string(port); };
  std::ofstream(folder_ + "/pebble.json")
      << R"({"pebble":{"listenAddress":"127.0.0.1:)" + number(port_) + R"(","managementListenAddress":"127.0.0.1:)" +
             number(management_port_) + R"(","certificate":")" + ca_file() + R"(","privateKey":")" + folder_ +
             R"(/key.pem","httpPort":)" + number(options_.http_port) + R"(,"tlsPort":)" + number(options_.tls_port) +
             R"(,"ocspResponderURL":"","externalAccountBindingRequired":false}})";
}

void Pebble::start() {
  std::vector<std::string> words{kBinary, "-config", folder_ + "/pebble.json"};
  if (!options_.name_server.empty()) words.insert(words.end(), {"-dnsserver", options_.name_server});
  std::vector<std::string> variables{"PEBBLE_VA_NOSLEEP=1",
                                     "PEBBLE_WFE_NONCEREJECT=" + std::to_string(options_.bad_nonces_percent),
                                     "PEBBLE_AUTHZREUSE=" + std::to_string(options_.reused_proofs_percent)};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<char*> envp;
  for (std::string& variable : variables) envp.push_back(variable.data());
  envp.push_back(nullptr);
  const Descriptor out(
      ::open((folder_ + "/log").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR));
  pid_ = ::fork();
  if (pid_ == 0) {
    // Other threads' locks may be held here: system calls only.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(out.get(), STDOUT_FILENO);
    ::dup2(out.get(), STDERR_FILENO);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  EXPECT_GT(pid_, 0) << "cannot start " << kBinary;
}

void Pebble::stop() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);  // there is nothing that it would have to put away
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

std::string Pebble::log() const {
  std::ifstream file(folder_ + "/log");
  return {std::istreambuf_iterator<char>(file), {}};
}

bool Pebble::wait_for_log(std::string_view text, Deadline deadline) const {
  for (;;) {
    if (log().find(text) != std::string::npos) return true;
    siginfo_t end{};
    const bool ended =
        ::waitid(P_PID, static_cast<id_t>(pid_), &end, WEXITED | WNOHANG | WNOWAIT) != 0 || end.si_pid != 0;
    if (ended || now() >= deadline) return log().find(text) != std::string::npos;
    ::poll(nullptr, 0, 10);
  }
}

}  // namespace lb::support
