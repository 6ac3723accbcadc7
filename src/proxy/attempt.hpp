// One attempt to have a request answered by a backend.
#pragma once

#include <memory>
#include <string>

#include "http1/client_connection.hpp"
#include "proxy/blame.hpp"
#include "proxy/context.hpp"
#include "proxy/recording.hpp"
#include "proxy/request.hpp"
#include "proxy/retry_policy.hpp"
#include "proxy/stall_watch.hpp"
#include "proxy/upload.hpp"

namespace lb::proxy {

// One request's attempts, one after the other; one worker.
class Attempt {
 public:
  enum class Outcome : std::uint8_t {
    answered,  // the client has a whole answer
    failed,    // the client has nothing of an answer; failure() and request.error say why
    cut,       // the client is gone, or has part of an answer and sees that it is cut
  };
  // `fresh`: not on a connection of the pool, which may be as stale as the one before.
  enum class Connect : std::uint8_t { idle_or_new, fresh };

  Attempt(ExchangeContext& context, Request& request, Recording& recording, Blame& blame) noexcept;

  // Another request.
  void reset() noexcept;
  // Gives back what it holds.
  void rest() noexcept { chosen_ = {}; }

  // At this backend: connects, sends the request, and relays the answer. `connect_deadline`: of a new connection.
  [[nodiscard]] net::Awaitable<Outcome> run(const upstream::Pick& pick, Connect how, base::Deadline connect_deadline);

  // How far the one that failed came, and at which of the endpoint's addresses.
  [[nodiscard]] const FailedAttempt& failure() const noexcept { return failure_; }
  [[nodiscard]] const upstream::AddressChoice& chosen() const noexcept { return chosen_; }

 private:
  using Connection = http1::ClientConnection;

  // Its connection.
  std::unique_ptr<Connection> take_idle(const upstream::Pick& pick);
  std::unique_ptr<Connection> take_introduced(const upstream::Pick& pick);
  net::Awaitable<std::unique_ptr<Connection>> connect(const upstream::Pick& pick, base::Deadline deadline);
  void keep(const upstream::Pick& pick, std::unique_ptr<Connection> connection);

  // The answer's way to the client.
  net::Awaitable<Outcome> relay_answer(message::Outgoing& backend, const upstream::Pick& pick);
  net::Awaitable<Outcome> relay_interim(message::Outgoing& backend);
  net::Awaitable<Outcome> relay_final(message::Outgoing& backend, const upstream::Pick& pick);
  net::Awaitable<base::Result<void>> relay_in_kernel(message::Outgoing& backend);
  net::Awaitable<Outcome> relay_tunnel(message::Outgoing& backend, const upstream::Pick& pick);

  // Whether the time that read_response() was given is over only so that one could look around.
  [[nodiscard]] bool is_look(const base::Error& error) const noexcept;
  // What the answer says of the backend's load; whether it stays the client's own.
  void observe(const upstream::Pick& pick, unsigned status, base::TimePoint now);
  void note_report(const http::ResponseHead& head, const upstream::Pick& pick) const;
  void observe_failure(const upstream::Pick& pick);
  [[nodiscard]] std::string cookie_for(const upstream::Pick& pick) const;

  Outcome fail(FailedAt at, const base::Error& error, bool wrote_anything) noexcept;
  Outcome fail_reading(const message::Outgoing& backend, const base::Error& error) noexcept;
  Outcome cut(const upstream::Pick& pick, const base::Error& error);
  void record_end(Outcome outcome) noexcept;
  [[nodiscard]] telemetry::AttemptResult result_of(Outcome outcome) const noexcept;

  ExchangeContext& context_;
  Request& request_;
  Recording& recording_;
  Blame& blame_;
  Upload upload_;
  StallWatch stall_;
  upstream::AddressChoice chosen_;
  FailedAttempt failure_;
  unsigned number_ = 0;           // of the request's attempts, from 1
  unsigned interims_passed_ = 0;  // the one whose interim answers the client has; 0: none
  bool reused_ = false;           // the connection
};

}  // namespace lb::proxy
