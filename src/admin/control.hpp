// What the admin interface asks of the server: the one seam between the two.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/pause.hpp"
#include "net/worker.hpp"
#include "telemetry/recorder.hpp"
#include "telemetry/totals.hpp"
#include "upstream/endpoint.hpp"

namespace lb::admin {

class EventFeed;

struct ReloadRecord {
  base::WallTime at{};
  bool ok = false;
  std::string message{};  // for people
};

struct BackendSnapshot {
  std::shared_ptr<const upstream::Endpoint> endpoint;  // the control thread's to read
  unsigned weight = 1;
  std::uint32_t connections_max = 0;  // 0: no limit
  bool backup = false;
  std::optional<base::WallTime> next_check;
  telemetry::BackendTotals totals;
};

// One of the certificates that are shown to clients.
struct CertificateSnapshot {
  std::string path;
  std::string name;            // the first of those that it is for
  std::int64_t not_after = 0;  // its end: Unix time, seconds
};

// A domain whose certificate gets itself.
struct AutomaticSnapshot {
  std::string domain{};
  std::string_view state{};    // "valid", "waiting", "ordering", "failed", "waiting for another instance"
  std::string problem{};       // of the last try; empty: none
  std::int64_t not_after = 0;  // Unix time, seconds; 0: there is no certificate yet
  std::int64_t next_try = 0;   // likewise: or renewal
};

// The server at one moment; all counts are since its start.
struct Snapshot {
  base::WallTime now{};
  base::WallTime started{};
  base::Duration uptime{};
  int pid = 0;
  std::size_t workers = 0;
  std::string_view transport;  // "io_uring", "epoll"
  std::string listening;       // "https://[::]:443, [::]:80"; empty: no port is open
  bool stopping = false;
  std::uint64_t reload_successes = 0;
  std::uint64_t reload_failures = 0;
  std::optional<ReloadRecord> last_reload;
  std::optional<base::WallTime> last_reload_success;
  std::size_t connections = 0;  // of clients, now
  std::size_t connections_max = 0;
  std::uint64_t access_log_dropped = 0;  // lines
  telemetry::ClientTotals clients;
  std::vector<CertificateSnapshot> certificates;
  std::vector<AutomaticSnapshot> automatic;
  std::vector<BackendSnapshot> backends;  // in the order of the configuration
};

// How an operation went.
struct Outcome {
  unsigned status = 200;  // as of an answer: 200, 201, 400, 404, 409, 500, 503
  std::string text{};     // a sentence: what is wrong; after a success, what was done
  std::string url{};      // of the backend concerned, as the configuration writes it; empty: all of them

  [[nodiscard]] bool ok() const noexcept { return status < 300; }
};

struct NewBackend {
  std::string url{};
  std::int64_t weight = 1;
  std::int64_t connections_max = 0;
  bool backup = false;
};

// Everything on the control thread. Operations may be asked for at any time, and take effect at once; what they
// return may wait for checks. They name backends as users do: "http://host:port" or "host:port".
class Control {
 public:
  Control() = default;
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;
  virtual ~Control() = default;

  [[nodiscard]] virtual Snapshot snapshot() const = 0;
  // A shared one, if a reader still holds it and it is younger than kSnapshotAge; else a new one. So slow readers keep
  // only a few alive.
  [[nodiscard]] std::shared_ptr<const Snapshot> shared_snapshot();
  // Why no traffic should be sent here; empty: it may be.
  [[nodiscard]] virtual std::string not_ready() const = 0;

  [[nodiscard]] virtual net::Awaitable<Outcome> administer(std::string url, upstream::Administration wanted) = 0;
  [[nodiscard]] virtual net::Awaitable<Outcome> add(NewBackend backend) = 0;
  [[nodiscard]] virtual net::Awaitable<Outcome> remove(std::string url) = 0;
  [[nodiscard]] virtual net::Awaitable<Outcome> weigh(std::string url, std::int64_t weight) = 0;
  // Checks that one, or all if it is empty, and returns when the results are there.
  [[nodiscard]] virtual net::Awaitable<Outcome> check(std::string url) = 0;
  [[nodiscard]] virtual net::Awaitable<Outcome> reload() = 0;

  // What those share who listen to GET /events: made by the first, and kept, for a page that is loaded again goes on
  // where it was.
  [[nodiscard]] std::shared_ptr<EventFeed>& event_feed() noexcept { return event_feed_; }

  // The worker of the control thread.
  [[nodiscard]] virtual net::Worker& worker() noexcept = 0;
  // Calls `ask` once on each worker's thread, all at the same time, with what that one records. How many.
  virtual std::size_t post_to_workers(std::function<void(const telemetry::Recorder&)> ask) = 0;

 private:
  std::shared_ptr<EventFeed> event_feed_;
  std::weak_ptr<const Snapshot> shared_;
  base::TimePoint shared_at_{};
};

// How long the workers are waited for: one that does not answer by then is stopped, or in great trouble.
inline constexpr base::Duration kWorkersAnswerIn{1000};

// What each worker says when it is asked on its own thread, in any order. Control thread. `ask` is called by all
// workers at once, so it may only read what it holds, and it may be called after this has returned.
template <class T>
[[nodiscard]] net::Awaitable<std::vector<T>> ask_workers(Control& control,
                                                         std::function<T(const telemetry::Recorder&)> ask) {
  struct Answers {
    std::vector<T> all;
    std::size_t awaited = 0;
    net::Pause* done = nullptr;  // null: nobody waits any more
  };
  net::Worker& worker = control.worker();
  net::Pause done(worker.executor(), worker.wheel());
  const auto answers = std::make_shared<Answers>();
  answers->done = &done;
  answers->awaited =
      control.post_to_workers([&worker, answers, ask = std::move(ask)](const telemetry::Recorder& recorder) {
        worker.post([answers, answer = ask(recorder)]() mutable {
          answers->all.push_back(std::move(answer));
          if (--answers->awaited == 0 && answers->done != nullptr) answers->done->wake();
        });
      });
  if (answers->awaited > 0) co_await done.until(worker.wheel().after(kWorkersAnswerIn));
  answers->done = nullptr;
  co_return std::move(answers->all);
}

}  // namespace lb::admin
