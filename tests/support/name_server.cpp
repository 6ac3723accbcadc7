#include "support/name_server.hpp"

#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

namespace lb::support {
namespace {

constexpr std::uint16_t kA = 1;
constexpr std::uint16_t kAaaa = 28;
constexpr std::size_t kHeadBytes = 12;

void append_number(std::string& out, std::uint32_t number, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(number >> (8 * i) & 0xFFU);
}

std::uint16_t number_at(std::string_view text, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(text[at]) << 8U |
                                    static_cast<unsigned char>(text[at + 1]));
}

// RFC 1035 section 4.1.4: the name is that of the question.
void append_record(std::string& out, std::uint16_t type, std::uint32_t ttl, std::string_view data) {
  append_number(out, 0xC000 + kHeadBytes, 2);
  append_number(out, type, 2);
  append_number(out, 1, 2);  // IN
  append_number(out, ttl, 4);
  append_number(out, static_cast<std::uint32_t>(data.size()), 2);
  out += data;
}

}  // namespace

NameServer::NameServer() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), wake_(::eventfd(0, EFD_CLOEXEC)) {
  port_ = bind_to_loopback(socket_);
  thread_ = std::thread([this] { serve(); });
}

NameServer::~NameServer() {
  const std::uint64_t one = 1;
  EXPECT_EQ(::write(wake_.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
  thread_.join();
}

void NameServer::set(const std::string& name, Name what) {
  const std::lock_guard lock(mutex_);
  names_[name] = std::move(what);
}

std::size_t NameServer::questions(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = questions_.find(name);
  return found == questions_.end() ? 0 : found->second;
}

bool NameServer::wait_for_questions(const std::string& name, std::size_t count, Deadline deadline) const {
  while (questions(name) < count && now() < deadline) ::poll(nullptr, 0, 5);
  return questions(name) >= count;
}

void NameServer::serve() {
  std::array<pollfd, 2> waits{pollfd{socket_.get(), POLLIN, 0}, pollfd{wake_.get(), POLLIN, 0}};
  std::array<char, 1500> packet{};
  for (;;) {
    ::poll(waits.data(), waits.size(), -1);
    if (waits[1].revents != 0) return;
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    auto* const generic = reinterpret_cast<sockaddr*>(&peer);  // NOLINT: as above
    const ssize_t bytes = ::recvfrom(socket_.get(), packet.data(), packet.size(), MSG_DONTWAIT, generic, &size);
    if (bytes < static_cast<ssize_t>(kHeadBytes)) continue;
    const std::string answer = answer_to({packet.data(), static_cast<std::size_t>(bytes)});
    if (!answer.empty()) ::sendto(socket_.get(), answer.data(), answer.size(), 0, generic, size);
  }
}

// Empty: it says nothing.
std::string NameServer::answer_to(std::string_view question) {
  std::string name;
  std::size_t at = kHeadBytes;
  while (at < question.size() && question[at] != 0) {
    const auto length = static_cast<unsigned char>(question[at]);
    if (at + length + 1 > question.size()) return {};
    name += (name.empty() ? "" : ".") + std::string(question.substr(at + 1, length));
    at += length + 1U;
  }
  if (at + 5 > question.size()) return {};
  const std::uint16_t type = number_at(question, at + 1);
  const std::lock_guard lock(mutex_);
  if (type == kA) ++questions_[name];
  const auto found = names_.find(name);
  const bool exists = found != names_.end();
  const Name what = exists ? found->second : Name{.says = Says::no_such_name};
  const Says says = what.says == Says::addresses && type == kAaaa ? what.says_of_v6 : what.says;
  if (says == Says::nothing) return {};

  std::string records;
  std::uint32_t count = 0;
  const auto& list = type == kA ? what.v4 : what.v6;
  for (const std::string& text : type == kA || type == kAaaa ? list : std::vector<std::string>()) {
    std::array<char, 16> data{};
    EXPECT_EQ(::inet_pton(type == kA ? AF_INET : AF_INET6, text.c_str(), data.data()), 1) << text;
    append_record(records, type, what.ttl, {data.data(), type == kA ? 4U : 16U});
    ++count;
  }
  if (says != Says::addresses) records.clear();
  std::string out(question.substr(0, 2));
  // Response, recursion desired and available; NXDOMAIN is 3, SERVFAIL 2.
  append_number(out, says == Says::failure ? 0x8182 : says == Says::no_such_name ? 0x8183 : 0x8180, 2);
  append_number(out, 1, 2);
  append_number(out, says == Says::addresses ? count : 0, 2);
  append_number(out, 0, 4);
  out += question.substr(kHeadBytes, at + 5 - kHeadBytes);
  return out + records;
}

}  // namespace lb::support
