// One request with its response: which backend, which attempts, what of it went where.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/random.hpp"
#include "http/date.hpp"
#include "http/head_writer.hpp"
#include "message/incoming.hpp"
#include "net/child.hpp"
#include "net/pause.hpp"
#include "net/pipe.hpp"
#include "proxy/blame.hpp"
#include "proxy/error_response.hpp"
#include "proxy/pinned.hpp"
#include "proxy/replay_buffer.hpp"
#include "proxy/retry_budget.hpp"
#include "proxy/retry_policy.hpp"
#include "proxy/settings.hpp"
#include "proxy/waiting_room.hpp"
#include "telemetry/recorder.hpp"
#include "upstream/cluster.hpp"
#include "upstream/pool.hpp"
#include "upstream/probation.hpp"
#include "upstream/transport.hpp"

namespace lb::proxy {

// What the exchanges of one worker share. Everything here outlives them.
struct ExchangeContext {
  net::Executor executor;
  net::DeadlineWheel& wheel;
  http1::ResponseStates& response_states;
  const Settings& settings;
  upstream::Cluster& cluster;
  upstream::MembersPtr members;  // replaced when the configuration is read again
  upstream::Pool& pool;
  upstream::Probation& probation;
  net::PipePool& pipes;
  upstream::Transport& transport;
  telemetry::Recorder& recorder;
  base::Random random;  // for the jitter of pauses, and ids
  http::DateCache dates{};
  RetryBudget retries{};
  WaitingRoom waiting{};
  void (*on_connect_failed)(void*, std::uint32_t) = nullptr;  // asks for a fresh lookup of the backend's name
  void* on_connect_failed_context = nullptr;

  [[nodiscard]] std::string_view date() noexcept { return dates.at(wheel.clock().wall_seconds()); }
};

// Used again for other requests, of any connection, so that its buffers are: a connection that idles has none. One
// worker.
class Exchange {
 public:
  using Connection = http1::ClientConnection;

  explicit Exchange(ExchangeContext& context);

  // Answers the request of the client, whose head was read. The client outlives the call, and so does `pinned`: the
  // connection to a backend that is the client's alone, if there is one; it may be used, replaced, or ended.
  [[nodiscard]] net::Awaitable<void> run(message::Incoming& client, PinnedPtr& pinned);

  // Between requests: gives back what the request took.
  void rest() noexcept {
    replay_.release();
    members_.reset();
    former_members_.clear();
    blame_.clear();
    chosen_ = {};
    client_ = nullptr;
    pinned_ = nullptr;
  }

  // Answers a request that could not be read at all.
  [[nodiscard]] net::Awaitable<void> refuse_unread(message::Incoming& client, const base::Error& error);

 private:
  enum class Outcome : std::uint8_t {
    answered,  // the client has a whole answer
    failed,    // the client has nothing of an answer; failure_ says why
    cut,       // the client is gone, or has part of an answer and sees that it is cut
  };

  // The request.
  base::Result<void> prepare();
  [[nodiscard]] bool idempotent() const noexcept { return http::is_idempotent(method_); }
  [[nodiscard]] bool has_unusual_body() const noexcept;

  // The backend of an attempt, and its connection (exchange_backend.cpp).
  net::Awaitable<upstream::Pick> choose(upstream::Pick pick);
  void use_members(const upstream::MembersPtr& members);
  upstream::Pick pick_in_turn();
  upstream::Pick pick_pinned();
  net::Awaitable<upstream::Pick> wait_for_room();
  net::Awaitable<void> pause_before_another_round(base::Deadline until);
  std::unique_ptr<Connection> take_idle(const upstream::Pick& pick);
  void keep_idle(const upstream::Pick& pick, std::unique_ptr<Connection> connection);
  net::Awaitable<std::unique_ptr<Connection>> connect(const upstream::Pick& pick);
  [[nodiscard]] base::Deadline connect_deadline(const upstream::Pick& pick) const noexcept;

  // Attempts.
  net::Awaitable<Outcome> attempt(const upstream::Pick& pick);
  [[nodiscard]] bool may_try_again(const upstream::Pick& pick);
  [[nodiscard]] bool others_left() const;
  [[nodiscard]] upstream::RequestKind kind() const noexcept { return upstream::request_kind(forwarded_.head); }
  bool blame(const upstream::Pick& pick, std::string_view reason);
  void praise(const upstream::Pick& pick);
  Outcome fail(FailedAt at, const base::Error& error) noexcept;
  Outcome fail_reading_answer(message::Outgoing& backend, const base::Error& error) noexcept;

  // The request's way to the backend (exchange_request.cpp).
  net::Awaitable<void> send_request(message::Outgoing& backend, const upstream::Pick& pick);
  net::Awaitable<void> pump_body(message::Outgoing& backend);
  net::Awaitable<bool> send_body_run(message::Outgoing& backend, const message::BodyRun& run);
  [[nodiscard]] bool request_side_ended() noexcept;
  net::Awaitable<void> stop_request_side();
  std::string_view request_trailers();
  void keep_for_repeat(message::Outgoing& backend, const message::BodyRun& run);
  void request_sent(message::Outgoing& backend) noexcept;
  void client_gone(base::ErrorKind how) noexcept;

  // The answer's way to the client (exchange_response.cpp).
  net::Awaitable<Outcome> relay_answer(message::Outgoing& backend, const upstream::Pick& pick);
  net::Awaitable<Outcome> relay_interim(message::Outgoing& backend);
  net::Awaitable<Outcome> relay_final(message::Outgoing& backend, const upstream::Pick& pick);
  net::Awaitable<base::Result<void>> relay_in_kernel(message::Outgoing& backend);
  net::Awaitable<Outcome> relay_tunnel(message::Outgoing& backend, const upstream::Pick& pick);
  Outcome cut(const upstream::Pick& pick, const base::Error& error);

  net::Awaitable<void> refuse(const base::Error& error);
  net::Awaitable<void> answer_as_last();
  net::Awaitable<void> send_own_answer(const message::OwnAnswer& answer);
  [[nodiscard]] message::AnswerMarks marks(bool tell_id);
  void log_outcome(unsigned status, std::string_view url) const;

  // What is remembered (exchange_record.cpp).
  [[nodiscard]] telemetry::Micros elapsed() const noexcept;
  void begin_record();
  void record_texts(const http::RequestHead& request);
  void identify();
  void begin_attempt(const upstream::Pick& pick) noexcept;
  void record_connected(const upstream::Pick& pick) noexcept;
  void record_answer(const upstream::Pick& pick, unsigned status) noexcept;
  void end_attempt(const upstream::Pick& pick, Outcome outcome) noexcept;
  [[nodiscard]] telemetry::AttemptResult result_of(Outcome outcome) const noexcept;
  [[nodiscard]] telemetry::BackendCounters& counters(const upstream::Pick& pick) const noexcept {
    return pick.endpoint->counters(context_.recorder.worker());
  }
  [[nodiscard]] std::string_view end_of_client() const noexcept {
    return client_gone_ && !aborted_ ? "the client left" : "the balancer is being stopped";
  }
  void record_own_answer(const base::Result<std::size_t>& sent) noexcept;
  void conclude(std::string_view what);
  // For an answer: an id that the client does not know, if it is to be told.
  [[nodiscard]] std::string_view id_to_tell() const noexcept {
    return id_is_ours_ && context_.settings.request_ids != RequestIds::off ? record_.id : std::string_view();
  }

  ExchangeContext& context_;
  message::Incoming* client_ = nullptr;  // while there is a request
  PinnedPtr* pinned_ = nullptr;

  // Of the request.
  http::Method method_ = http::Method::other;
  ErrorFormat error_format_ = ErrorFormat::text;
  http::BodyKind body_kind_ = http::BodyKind::none;
  http::ForwardedRequest forwarded_;
  std::string kept_trailers_;  // of the request
  ReplayBuffer replay_;
  base::TimePoint started_;
  telemetry::RequestRecord record_;
  bool id_is_ours_ = false;

  // Of the attempts.
  upstream::MembersPtr members_;  // keeps the endpoints that are referred to
  std::vector<upstream::MembersPtr> former_members_;
  Place place_;
  upstream::Tried tried_;
  upstream::AddressChoice chosen_;    // of the endpoint's addresses
  std::uint32_t failed_address_ = 0;  // the last one
  unsigned attempts_ = 0;             // that count
  unsigned forwarded_count_ = 0;      // of those, the ones that reached a backend
  unsigned attempt_number_ = 0;       // of all, from 1
  unsigned interims_passed_ = 0;      // the attempt whose interim answers the client has; 0: none
  unsigned pauses_ = 0;
  bool fresh_connection_ = false;  // the pooled one was stale
  bool starved_ = false;           // the process was out of descriptors
  bool last_resort_ = false;
  base::Deadline last_resort_deadline_ = base::kNever;
  FailedAttempt failure_;
  base::Error error_;
  Blame blame_;
  bool at_fault_ = false;  // the request, by blame_

  // Of the attempt under way, or the last one.
  std::optional<telemetry::Attempt> attempt_;
  std::uint64_t attempt_request_bytes_ = 0;  // of the body, sent
  message::Outgoing* backend_ = nullptr;
  bool reused_ = false;
  bool binds_connection_ = false;  // the request, or an answer to it, logs the connection in
  net::Child pump_;
  net::Pause continue_gate_;  // also the wait before a backend is tried again, and for one with room
  bool body_waits_ = false;   // for the backend's 100
  bool pump_stopped_ = false;
  bool request_complete_ = false;  // sent to its end
  bool client_gone_ = false;
  bool aborted_ = false;                      // by the balancer, which ends: client_gone_, too
  std::optional<base::Error> client_error_;   // of reading the request's body
  std::optional<base::Error> backend_error_;  // of writing it
};

}  // namespace lb::proxy
