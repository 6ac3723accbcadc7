#include "upstream/resolver.hpp"

#include <algorithm>
#include <ares.h>
#include <array>
#include <cstring>
#include <netinet/in.h>
#include <sys/time.h>
#include <utility>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>

#include "base/limits.hpp"

namespace lb::upstream {
namespace {

using net::asio::ip::address;
using Descriptor = net::asio::posix::basic_stream_descriptor<net::Executor>;

void init_library() {
  static const int done = ares_library_init(ARES_LIB_INIT_ALL);
  static_cast<void>(done);
}

address address_of(const ares_addrinfo_node& node) {
  if (node.ai_family == AF_INET6) {
    sockaddr_in6 found{};
    std::memcpy(&found, node.ai_addr, sizeof found);
    net::asio::ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &found.sin6_addr, bytes.size());
    return net::asio::ip::address_v6(bytes);
  }
  sockaddr_in found{};
  std::memcpy(&found, node.ai_addr, sizeof found);
  return net::asio::ip::address_v4(ntohl(found.sin_addr.s_addr));
}

// What lookups of both kinds need: `lookups` says whether files ("f") or name servers ("b") are asked.
bool open_channel(ares_channel& channel, ares_options& options, int mask, char lookups) {
  std::array<char, 2> order{lookups, '\0'};  // copied by the call
  options.lookups = order.data();
  mask |= ARES_OPT_LOOKUPS;
#ifdef ARES_OPT_QUERY_CACHE
  options.qcache_max_ttl = 0;  // whoever asks again wants to know it anew
  mask |= ARES_OPT_QUERY_CACHE;
#endif
  return ares_init_options(&channel, &options, mask) == ARES_SUCCESS;
}

ares_addrinfo_hints hints_of(int family) noexcept {
  ares_addrinfo_hints hints{};
  hints.ai_flags = ARES_AI_NOSORT;  // sorting would connect a socket to each
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;  // or each address comes once for each kind of socket
  return hints;
}

// Adds what was found, and frees it. The least TTL goes into `ttl`.
void collect(ares_addrinfo* result, Answer& answer, std::int64_t& ttl) {
  if (result == nullptr) return;
  for (const auto* node = result->nodes; node != nullptr; node = node->ai_next) {
    if (node->ai_family != AF_INET && node->ai_family != AF_INET6) continue;
    auto& list = node->ai_family == AF_INET6 ? answer.v6.addresses : answer.v4.addresses;
    const address found = address_of(*node);
    if (list.size() < base::kAnswerAddressesMax && std::ranges::find(list, found) == list.end()) list.push_back(found);
    ttl = std::min(ttl, std::int64_t{node->ai_ttl});
  }
  for (const auto* alias = result->cnames; alias != nullptr; alias = alias->next) {
    ttl = std::min(ttl, std::int64_t{alias->ttl});
  }
  ares_freeaddrinfo(result);
}

// What stands in the hosts file, and localhost, whoever serves names here (RFC 6761 section 6.3). A small file is read.
bool find_in_files(const std::string& host, Answer& answer) {
  ares_channel channel = nullptr;
  ares_options options{};
  if (!open_channel(channel, options, 0, 'f')) return false;
  const ares_addrinfo_hints hints = hints_of(AF_UNSPEC);
  const auto found = [](void* into, int status, int, ares_addrinfo* result) noexcept {
    std::int64_t no_ttl = 0;
    if (status == ARES_SUCCESS) collect(result, *static_cast<Answer*>(into), no_ttl);
  };
  ares_getaddrinfo(channel, host.c_str(), nullptr, &hints, found, &answer);
  ares_destroy(channel);
  answer.v4.answered = answer.v6.answered = answer.found();
  answer.ttl = base::kHostsFileTime;
  return answer.found();
}

}  // namespace

// One name. The wheel knows it, so nothing that may outlive the resolver holds a share of it.
class Resolver::Lookup : public std::enable_shared_from_this<Lookup> {
 public:
  Lookup(Resolver& resolver, std::string host)
      : resolver_(resolver),
        host_(std::move(host)),
        timer_(resolver.wheel_, net::DeadlineWheel::Fire::to<&Lookup::on_time>(*this)) {}
  ~Lookup();
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;

  void start();
  void join(OnAnswer call) { askers_.push_back(std::move(call)); }
  [[nodiscard]] const std::string& host() const noexcept { return host_; }
  // At the end.
  [[nodiscard]] Answer& answer() noexcept { return answer_; }
  [[nodiscard]] std::vector<OnAnswer>& askers() noexcept { return askers_; }

 private:
  // A socket of the library's, as long as that has it. Handlers share it: they may come after the lookup has ended.
  struct Socket {
    Socket(const net::Executor& executor, Lookup& its_lookup) : descriptor(executor), lookup(&its_lookup) {}
    Descriptor descriptor;
    Lookup* lookup;
    bool wants_read = false;
    bool wants_write = false;
    bool waits_read = false;
    bool waits_write = false;
  };
  struct Query {
    Lookup* lookup = nullptr;
    int family = AF_INET;
    unsigned attempts_left = 0;
    bool ended = false;
  };

  [[nodiscard]] bool open();
  void ask(Query& query);
  static void on_result(void* query, int status, int timeouts, ares_addrinfo* result) noexcept;
  void end(Query& query, int status);
  static void on_socket(void* self, ares_socket_t descriptor, int readable, int writable) noexcept;
  void on_time() noexcept;
  void process(ares_socket_t readable, ares_socket_t writable);
  void settle();
  static void wait_for_reading(const std::shared_ptr<Socket>& socket);
  static void wait_for_writing(const std::shared_ptr<Socket>& socket);
  void finish_soon();

  Resolver& resolver_;
  std::string host_;
  ares_channel channel_ = nullptr;
  std::vector<std::shared_ptr<Socket>> sockets_;
  std::array<Query, 2> queries_;
  Answer answer_;
  std::int64_t ttl_seconds_ = INT32_MAX;
  std::vector<OnAnswer> askers_;
  net::DeadlineWheel::Entry timer_;
  base::Deadline latest_ = base::kNever;  // for those who still say nothing
  bool finishing_ = false;
  bool closing_ = false;
};

Resolver::Lookup::~Lookup() {
  closing_ = true;
  if (channel_ != nullptr) ares_destroy(channel_);
  // The library has closed its sockets, and said so before; should it ever not, they are not ours to close again.
  for (const auto& socket : sockets_) {
    socket->lookup = nullptr;
    static_cast<void>(socket->descriptor.release());
  }
}

void Resolver::Lookup::start() {
  if (find_in_files(host_, answer_)) return finish_soon();
  answer_ = {};
  if (!open()) {
    answer_.problem = "no name server can be asked";
    return finish_soon();
  }
  // Servers that answer with aliases, or with one search domain after the other, are not followed forever.
  latest_ = resolver_.wheel_.after(base::kLookupTimeMax);
  queries_[0].family = AF_INET;
  queries_[1].family = AF_INET6;
  for (Query& query : queries_) {
    query.lookup = this;
    query.attempts_left = resolver_.settings_.attempts;
  }
  for (Query& query : queries_) ask(query);
  settle();
}

bool Resolver::Lookup::open() {
  const ResolverSettings& settings = resolver_.settings_;
  ares_options options{};
  options.timeout = static_cast<int>(settings.timeout.count());
  options.tries = 1;  // the library would wait longer each time
  options.sock_state_cb = &Lookup::on_socket;
  options.sock_state_cb_data = this;
  int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  if (!settings.servers.empty()) {
    // Search lists belong to the system's servers.
    options.flags = ARES_FLAG_NOSEARCH;
    mask |= ARES_OPT_FLAGS;
  }
  if (!open_channel(channel_, options, mask, 'b')) {
    channel_ = nullptr;
    return false;
  }
  if (settings.servers.empty()) return true;
  std::string list;
  for (const std::string& server : settings.servers) list += (list.empty() ? "" : ",") + server;
  return ares_set_servers_ports_csv(channel_, list.c_str()) == ARES_SUCCESS;
}

// May call back at once.
void Resolver::Lookup::ask(Query& query) {
  const ares_addrinfo_hints hints = hints_of(query.family);
  ares_getaddrinfo(channel_, host_.c_str(), nullptr, &hints, &Lookup::on_result, &query);
}

void Resolver::Lookup::on_result(void* context, int status, int /*timeouts*/, ares_addrinfo* result) noexcept {
  auto& query = *static_cast<Query*>(context);
  Lookup& self = *query.lookup;
  if (status == ARES_SUCCESS) collect(result, self.answer_, self.ttl_seconds_);
  if (self.closing_) return;
  const bool says_none = status == ARES_ENODATA || status == ARES_ENOTFOUND;
  if (status != ARES_SUCCESS && !says_none && --query.attempts_left > 0) return self.ask(query);
  self.end(query, status);
}

void Resolver::Lookup::end(Query& query, int status) {
  query.ended = true;
  Answer::Part& part = query.family == AF_INET6 ? answer_.v6 : answer_.v4;
  part.answered = status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND;
  // Of two reasons the one that is about the servers says more.
  if (status != ARES_SUCCESS && (answer_.problem.empty() || !part.answered)) answer_.problem = ares_strerror(status);
  if (queries_[0].ended && queries_[1].ended) return finish_soon();
  // Some servers never answer for a family that a name has not. One has been found: that will do.
  if (answer_.found()) latest_ = std::min(latest_, resolver_.wheel_.after(base::kOtherFamilyTime));
}

// A socket was opened, wants something else, or is about to be closed.
void Resolver::Lookup::on_socket(void* context, ares_socket_t descriptor, int readable, int writable) noexcept {
  auto& self = *static_cast<Lookup*>(context);
  auto found = std::ranges::find_if(
      self.sockets_, [&](const auto& socket) { return socket->descriptor.native_handle() == descriptor; });
  if (readable == 0 && writable == 0) {
    if (found == self.sockets_.end()) return;
    (*found)->lookup = nullptr;
    static_cast<void>((*found)->descriptor.release());
    self.sockets_.erase(found);
    return;
  }
  if (found == self.sockets_.end()) {
    auto socket = std::make_shared<Socket>(self.resolver_.executor_, self);
    boost::system::error_code refused;
    socket->descriptor.assign(descriptor, refused);
    if (refused) return;  // nothing will be heard of it, and time runs out
    found = self.sockets_.insert(self.sockets_.end(), std::move(socket));
  }
  (*found)->wants_read = readable != 0;
  (*found)->wants_write = writable != 0;
}

void Resolver::Lookup::on_time() noexcept {
  if (resolver_.wheel_.now() >= latest_) return finish_soon();
  process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

void Resolver::Lookup::process(ares_socket_t readable, ares_socket_t writable) {
  ares_process_fd(channel_, readable, writable);
  settle();
}

// After each call of the library: waits for what that waits for.
void Resolver::Lookup::settle() {
  if (finishing_) return;
  for (const auto& socket : sockets_) {
    if (socket->wants_read && !socket->waits_read) wait_for_reading(socket);
    if (socket->wants_write && !socket->waits_write) wait_for_writing(socket);
  }
  timeval time{};
  base::Deadline next = latest_;
  if (ares_timeout(channel_, nullptr, &time) != nullptr) {
    const auto left = std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
    next = std::min(next, resolver_.wheel_.after(std::chrono::ceil<base::Duration>(left)));
  }
  timer_.arm(next);
}

void Resolver::Lookup::wait_for_reading(const std::shared_ptr<Socket>& socket) {
  socket->waits_read = true;
  socket->descriptor.async_wait(Descriptor::wait_read, [socket](const boost::system::error_code& code) {
    socket->waits_read = false;
    if (code || socket->lookup == nullptr) return;
    socket->lookup->process(socket->descriptor.native_handle(), ARES_SOCKET_BAD);
  });
}

void Resolver::Lookup::wait_for_writing(const std::shared_ptr<Socket>& socket) {
  socket->waits_write = true;
  socket->descriptor.async_wait(Descriptor::wait_write, [socket](const boost::system::error_code& code) {
    socket->waits_write = false;
    if (code || socket->lookup == nullptr) return;
    socket->lookup->process(ARES_SOCKET_BAD, socket->descriptor.native_handle());
  });
}

// Not now: the library may be calling us, and is not to be taken down meanwhile.
void Resolver::Lookup::finish_soon() {
  if (std::exchange(finishing_, true)) return;
  timer_.disarm();
  if (channel_ != nullptr && answer_.found()) answer_.ttl = std::chrono::seconds(ttl_seconds_);
  if (!answer_.found() && answer_.problem.empty()) answer_.problem = "the name servers took too long";
  net::asio::post(resolver_.executor_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->resolver_.finish(self);
  });
}

Resolver::Resolver(net::Executor executor, net::DeadlineWheel& wheel, ResolverSettings settings)
    : executor_(std::move(executor)), wheel_(wheel), settings_(std::move(settings)) {
  init_library();
}

Resolver::~Resolver() {
  stop();
}

void Resolver::look_up(const std::string& host, OnAnswer call) {
  if (stopped_) return;
  const auto [found, is_new] = lookups_.try_emplace(host);
  if (is_new) found->second = std::make_shared<Lookup>(*this, host);
  const std::shared_ptr<Lookup> lookup = found->second;
  lookup->join(std::move(call));
  if (is_new) lookup->start();
}

void Resolver::stop() {
  stopped_ = true;
  lookups_.clear();
}

void Resolver::finish(const std::shared_ptr<Lookup>& lookup) {
  lookups_.erase(lookup->host());
  const std::vector<OnAnswer> askers = std::move(lookup->askers());
  const Answer answer = std::move(lookup->answer());
  for (const OnAnswer& call : askers) call(answer);
}

}  // namespace lb::upstream
