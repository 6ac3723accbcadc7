#include "inbound/door.hpp"

#include <memory>
#include <string>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "net/address_text.hpp"
#include "net/proxy_header.hpp"

namespace lb::inbound {
namespace {

// What stopping sees of a connection before its protocol has begun.
class Arriving final : public net::Session {
 public:
  // The stream outlives it.
  Arriving(net::Stream& stream, net::SessionSet& sessions) : stream_(stream), sessions_(sessions) {
    sessions.add(*this);
  }

  ~Arriving() override { sessions_.note_busy(*this); }

  // From now on it waits for its client, and makes way like one that idles.
  void waits() noexcept {
    waits_ = true;
    sessions_.note_idle(*this);
  }

  // A client that has only just connected may be about to begin; its protocol will hear of it.
  void drain() noexcept override {
    if (waits_) stream_.set_read_deadline(stream_.wheel().after(base::kDrainNewConnection));
  }
  void abort() noexcept override { stream_.abort(); }
  bool make_way() noexcept override {
    if (!waits_ || stream_.probe() == net::Probe::readable) return false;
    stream_.cancel_read();
    return true;
  }

 private:
  net::Stream& stream_;
  net::SessionSet& sessions_;
  bool waits_ = false;
};

// Of a host that may have a port, lower case, without a final dot.
std::string name_of(std::string_view host) {
  if (!host.starts_with('[')) host = host.substr(0, host.find(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  std::string name(host);
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return name;
}

class TlsCredentials final : public message::Credentials {
 public:
  TlsCredentials(tls::ServerPtr server, tls::Stream& stream)
      : TlsCredentials(std::move(server), tls::Server::name_of(stream), tls::Server::identity_of(stream)) {}
  [[nodiscard]] bool may_ask(std::string_view host) const override { return server_->may_ask(name_, name_of(host)); }

 private:
  TlsCredentials(tls::ServerPtr server, std::string name, const tls::ClientIdentity& identity)
      : Credentials(identity.subject, identity.sha256), server_(std::move(server)), name_(std::move(name)) {}

  tls::ServerPtr server_;
  std::string name_;  // that the client has asked for
};

// What strangers do is no news; it is counted.
void log_refusal(const net::asio::ip::address& client, std::string_view what, const base::Error& error) {
  if (!base::log_enabled(base::LogLevel::debug)) return;
  base::log(base::LogLevel::debug, client.to_string() + " " + std::string(what) + ": " + std::string(error.detail));
}

base::Error malformed(std::string_view what) noexcept {
  return {base::ErrorKind::malformed, base::Side::downstream, what};
}

}  // namespace

void Door::receive(net::StreamPtr stream, const net::Tcp::endpoint& from, GatePtr gate) {
  const bool admitted = admissions_.enter() || worker_.sessions().make_room();
  worker_.tasks().spawn(
      welcome(std::move(stream), {net::plain(from.address()), from.port()}, std::move(gate), admitted),
      [this] { admissions_.leave(); });
}

net::Awaitable<void> Door::welcome(net::StreamPtr stream, net::Tcp::endpoint from, GatePtr gate, bool admitted) {
  const base::Deadline deadline = worker_.wheel().after(handler_.plan().settings.http.timeouts.header);
  Arrival arrival{.stream = std::move(stream), .early = net::InputBuffer(worker_.blocks())};
  arrival.peer.source = from;
  if (handler_.plan().wants_endpoints()) arrival.peer.destination = arrival.stream->local_endpoint();
  if (!admitted || gate->proxy_header != ProxyHeaderRule::off || gate->secure) {
    Arriving arriving(*arrival.stream, worker_.sessions());
    // The limit is reached, and no connection of this worker idles.
    if (!admitted) admitted = co_await others_make_room();
    arriving.waits();
    if (!co_await pass(arrival, *gate, deadline)) co_return;
  }
  arrival.peer.address = arrival.peer.source.address().to_string();
  if (admitted) {
    recorder_.counters().connections.add();
    co_await handler_.serve(std::move(arrival.stream), std::move(arrival.peer), deadline, &arrival.early);
  } else {
    recorder_.counters().connections_turned_away.add();
    co_await handler_.turn_away(std::move(arrival.stream), std::move(arrival.peer));
  }
}

// What the listener asks for. False: the connection has ended.
net::Awaitable<bool> Door::pass(Arrival& arrival, const Gate& gate, base::Deadline deadline) {
  if (gate.proxy_header != ProxyHeaderRule::off) {
    const auto read = co_await read_proxy_header(arrival, gate, deadline);
    if (!read) {
      recorder_.counters().proxy_headers_refused.add();
      log_refusal(arrival.peer.source.address(), "PROXY header", read.error());
      co_return false;
    }
  }
  if (!gate.secure) co_return true;
  const auto secured = co_await secure(arrival, gate, deadline);
  if (secured) co_return true;
  recorder_.counters().tls_handshakes_failed.add();
  log_refusal(arrival.peer.source.address(), "TLS handshake", secured.error());
  co_return false;
}

// A header of a trusted peer names the client; the bytes behind it are left in arrival.early.
net::Awaitable<base::Result<void>> Door::read_proxy_header(Arrival& arrival, const Gate& gate,
                                                           base::Deadline deadline) {
  const bool trusted = gate.trusted != nullptr && gate.trusted->contains(arrival.peer.source.address());
  if (!trusted && gate.proxy_header == ProxyHeaderRule::require) {
    co_return malformed("the peer is not among the trusted ones");
  }
  for (;;) {
    const auto came = co_await arrival.stream->read_some(
        arrival.early.up_to(net::kProxyHeaderMax + base::kSmallBlockBytes), deadline);
    if (!came) co_return came.error();
    arrival.early.commit(*came);
    const net::ProxyHeader header = net::parse_proxy_header(arrival.early.unread());
    if (header.kind == net::ProxyHeader::Kind::incomplete) continue;
    if (header.kind == net::ProxyHeader::Kind::malformed) co_return malformed(header.problem);
    if (header.kind == net::ProxyHeader::Kind::none) {
      if (gate.proxy_header == ProxyHeaderRule::require) co_return malformed("there is none, and it is required");
      co_return base::Result<void>();
    }
    if (!trusted) co_return malformed("the peer is not among the trusted ones");
    arrival.early.consume(header.consumed);
    if (!header.local) {
      arrival.peer.source = header.source;
      arrival.peer.destination = header.destination;
    }
    co_return base::Result<void>();
  }
}

net::Awaitable<base::Result<void>> Door::secure(Arrival& arrival, const Gate& gate, base::Deadline deadline) {
  if (gate.tls == nullptr) co_return malformed("there is no certificate to be shown");
  // TLS begins with a record of the type handshake (22); a letter is somebody who speaks HTTP.
  while (arrival.early.empty()) {
    const auto came = co_await arrival.stream->read_some(arrival.early.up_to(base::kSmallBlockBytes), deadline);
    if (!came) co_return came.error();
    arrival.early.commit(*came);
  }
  constexpr char kHandshake = 22;
  const char first = arrival.early.unread().front();
  if (first != kHandshake) {
    if (first >= 'A' && first <= 'Z') co_await refuse_plain(arrival);
    co_return malformed(first >= 'A' && first <= 'Z' ? "plain HTTP on a TLS port" : "not TLS");
  }
  auto stream = gate.tls->stream(std::move(arrival.stream), worker_.blocks());
  if (!stream) {
    co_return base::Error{base::ErrorKind::no_resources, base::Side::internal, "out of memory"};
  }
  stream->take_in(arrival.early.unread());
  arrival.early.reset();
  const auto shaken = co_await stream->handshake(deadline);
  if (shaken) {
    recorder_.counters().tls_handshakes.add();
    if (stream->is_resumed()) recorder_.counters().tls_resumptions.add();
    arrival.peer.scheme = "https";
    if (gate.tls->asks_for_certificates()) {
      arrival.peer.credentials = std::make_shared<const TlsCredentials>(gate.tls, *stream);
    }
  }
  arrival.stream = std::move(stream);
  if (shaken && tls::Server::was_challenge(static_cast<tls::Stream&>(*arrival.stream))) {
    co_return malformed("a challenge of an authority, which is answered");
  }
  const auto& credentials = arrival.peer.credentials;
  if (shaken && gate.tls->requires_certificates() && credentials->sha256().empty()) {
    co_return malformed("no certificate was shown");  // the handshake sees to that; this is a second look
  }
  co_return shaken;
}

// Bytes that no client of TLS would understand, but one who forgot it does.
net::Awaitable<void> Door::refuse_plain(Arrival& arrival) {
  constexpr std::string_view kAnswer =
      "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 61\r\n"
      "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
      "400 Bad Request: this port speaks HTTPS; write https:// here\n";
  net::BufferList buffers;
  buffers.emplace_back(kAnswer.data(), kAnswer.size());
  const auto written = co_await arrival.stream->write(buffers, base::kLingerTime, net::Next::close);
  if (!written) co_return;
  static_cast<void>(co_await arrival.stream->shutdown_send(base::kLingerTime));
  // What it still sends is read, or the kernel would take the answer back.
  const base::Deadline deadline = worker_.wheel().after(base::kLingerTime);
  for (std::size_t dropped = 0; dropped < base::kLingerBytesMax;) {
    arrival.early.consume(arrival.early.unread().size());
    const auto came = co_await arrival.stream->read_some(arrival.early.up_to(base::kSmallBlockBytes), deadline);
    if (!came) co_return;
    arrival.early.commit(*came);
    dropped += *came;
  }
}

// Asks the workers that seem to have idle connections first, then the others, then this one again: a client has its
// answer a moment before its connection counts as idle.
net::Awaitable<bool> Door::others_make_room() {
  net::Pause arrived(worker_.executor(), worker_.wheel());
  const base::Deadline deadline = worker_.wheel().after(base::kMakeRoomTime);
  for (const bool idlers : {true, false}) {
    for (Door* const other : all_) {
      if (other == this || (other->worker_.sessions().idle() != 0) != idlers) continue;
      if (co_await makes_room(*other, arrived, deadline)) co_return true;
      // Another worker would close an idle connection that is of no use any more.
      if (worker_.wheel().now() >= deadline) co_return false;
    }
  }
  co_return worker_.sessions().make_room();
}

// Asks that worker to close an idle connection. True if it says that it has, before the deadline.
net::Awaitable<bool> Door::makes_room(Door& other, net::Pause& arrived, base::Deadline deadline) {
  const auto answer = std::make_shared<Answer>(Answer{.awaited = &arrived});
  other.worker_.post([this, &other, answer] {
    const bool room = other.worker_.sessions().make_room();
    worker_.post([answer, room] {
      answer->room = room;
      if (answer->awaited != nullptr) answer->awaited->wake();
    });
  });
  arrived.reset();
  co_await arrived.until(deadline);
  answer->awaited = nullptr;
  co_return answer->room;
}

}  // namespace lb::inbound
