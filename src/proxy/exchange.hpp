// One request with its response: which backends are asked, until it is answered.
#pragma once

#include <optional>

#include "base/log.hpp"
#include "proxy/attempt.hpp"
#include "proxy/blame.hpp"
#include "proxy/context.hpp"
#include "proxy/recording.hpp"
#include "proxy/request.hpp"
#include "proxy/selection.hpp"

namespace lb::proxy {

// Used again for other requests, of any connection, so that its buffers are: a connection that idles has none. One
// worker.
class Exchange {
 public:
  explicit Exchange(ExchangeContext& context);

  // Answers the request of the client, whose head was read. The client outlives the call, and so does `own`: the
  // connection to a backend that is the client's alone, if there is one; it may be used, replaced, or ended. True: the
  // client has a whole answer, so that another request may follow if its connection persists.
  [[nodiscard]] net::Awaitable<bool> run(message::Incoming& client, OwnConnections& own);

  // Answers a request that could not be read at all.
  [[nodiscard]] net::Awaitable<void> refuse_unread(message::Incoming& client, const base::Error& error);

  // Between requests: gives back what the request took.
  void rest() noexcept;

 private:
  base::Result<void> prepare();

  // What follows an attempt that failed.
  [[nodiscard]] bool may_try_again(const upstream::Pick& pick);
  void log_failed_attempt(const upstream::Endpoint& endpoint) const;
  void ask_for_lookup(upstream::Endpoint& endpoint);
  [[nodiscard]] bool is_another_allowed(FailedAt at);
  [[nodiscard]] RetryBudget& retries() const noexcept;

  net::Awaitable<bool> refuse();
  net::Awaitable<bool> answer_as_last();
  net::Awaitable<bool> answer_itself();
  net::Awaitable<bool> send(const message::OwnAnswer& answer, bool tell_id);
  void conclude(base::LogLevel level, std::string_view what);

  ExchangeContext& context_;
  Request request_;
  Recording recording_{context_};
  Blame blame_{context_, request_};
  Selection selection_{context_, request_, recording_};
  Attempt attempt_{context_, request_, recording_, blame_};
  std::optional<message::OwnAnswer> own_page_;
  unsigned failed_ = 0;            // attempts, that count
  unsigned forwarded_ = 0;         // of those, the ones that reached a backend
  bool stale_connection_ = false;  // the last attempt's was, and its backend is asked again
  bool at_fault_ = false;          // the request, by blame_
};

}  // namespace lb::proxy
