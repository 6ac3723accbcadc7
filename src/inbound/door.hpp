// The way of a client connection from accept() to the protocol that it speaks.
#pragma once

#include <vector>

#include "inbound/admissions.hpp"
#include "inbound/gate.hpp"
#include "message/incoming.hpp"
#include "net/acceptor.hpp"
#include "net/pause.hpp"
#include "net/worker.hpp"
#include "proxy/handler.hpp"
#include "telemetry/recorder.hpp"

namespace lb::inbound {

// One worker's. Each connection passes, in this order: the limit of connections, the PROXY header, TLS, and the front
// of its protocol; all of it as a session that stopping can reach, and within one deadline.
class Door {
 public:
  // Those of all workers: complete before any of them runs.
  using Doors = std::vector<Door*>;

  // All of these outlive it.
  Door(net::Worker& worker, proxy::Handler& handler, telemetry::Recorder& recorder, Admissions& admissions,
       const Doors& all)
      : worker_(worker), handler_(handler), recorder_(recorder), admissions_(admissions), all_(all) {}

  // Whether one more may come in, be it to be turned away.
  [[nodiscard]] bool has_room() const noexcept { return admissions_.has_room(); }
  // Serves the connection by the gate of its listener, as a task of the worker.
  void receive(net::StreamPtr stream, const net::Tcp::endpoint& from, GatePtr gate);

 private:
  // Used on the asking worker's thread alone. `awaited` is null once it has given up.
  struct Answer {
    net::Pause* awaited;
    bool room = false;
  };

  // A connection on its way in.
  struct Arrival {
    net::StreamPtr stream;
    message::Peer peer{};
    net::InputBuffer early;  // what was read of it already, and is its protocol's
  };

  net::Awaitable<void> welcome(net::StreamPtr stream, net::Tcp::endpoint from, GatePtr gate, bool admitted);
  net::Awaitable<bool> pass(Arrival& arrival, const Gate& gate, base::Deadline deadline);
  net::Awaitable<base::Result<void>> read_proxy_header(Arrival& arrival, const Gate& gate, base::Deadline deadline);
  net::Awaitable<base::Result<void>> secure(Arrival& arrival, const Gate& gate, base::Deadline deadline);
  net::Awaitable<void> refuse_plain(Arrival& arrival);
  net::Awaitable<bool> others_make_room();
  net::Awaitable<bool> makes_room(Door& other, net::Pause& arrived, base::Deadline deadline);

  net::Worker& worker_;
  proxy::Handler& handler_;
  telemetry::Recorder& recorder_;
  Admissions& admissions_;
  const Doors& all_;
};

}  // namespace lb::inbound
