#include "inbound/door.hpp"

#include <memory>
#include <string>
#include <utility>

#include "base/limits.hpp"

namespace lb::inbound {
namespace {

// What stopping sees of a connection before its protocol has begun.
class Arriving final : public net::Session {
 public:
  // The stream outlives it.
  Arriving(net::Stream& stream, net::SessionSet& sessions) : stream_(stream) { sessions.add(*this); }

  void drain() noexcept override {}  // its protocol will hear of it
  void abort() noexcept override { stream_.abort(); }
  bool make_way() noexcept override { return false; }

 private:
  net::Stream& stream_;
};

// The text for X-Forwarded-For: an IPv4 client of a dual-stack socket is shown as what it is.
std::string text_of(const net::Tcp::endpoint& peer) {
  const auto address = peer.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return net::asio::ip::make_address_v4(net::asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

}  // namespace

void Door::receive(net::StreamPtr stream, const net::Tcp::endpoint& from) {
  const bool admitted = admissions_.enter() || worker_.sessions().make_room();
  worker_.tasks().spawn(welcome(std::move(stream), {text_of(from)}, admitted), [this] { admissions_.leave(); });
}

net::Awaitable<void> Door::welcome(net::StreamPtr stream, message::Peer peer, bool admitted) {
  const base::Deadline deadline = worker_.wheel().after(handler_.plan().settings.http.timeouts.header);
  if (!admitted) {
    // The limit is reached, and no connection of this worker idles.
    const Arriving arriving(*stream, worker_.sessions());
    admitted = co_await others_make_room();
  }
  if (admitted) {
    recorder_.counters().connections.add();
    co_await handler_.serve(std::move(stream), std::move(peer), deadline);
  } else {
    recorder_.counters().connections_turned_away.add();
    co_await handler_.turn_away(std::move(stream), std::move(peer));
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
