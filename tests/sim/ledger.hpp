// What was asked and what was answered: every request of a simulated run with what became of it, and every answer that
// a backend gave. The promises about single messages are checked against it.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "http/message.hpp"
#include "sim/random.hpp"

namespace lb::sim {

// How the end of a body is shown.
enum class Shown : std::uint8_t { none, length, chunked, until_close };

// Before all of the request has arrived, or after it.
enum class Coming : std::uint8_t { early, in_time };

// One request on one connection to a backend, from its first byte on.
struct Attempt {
  std::size_t backend = 0;
  bool reused = false;          // other requests went before it on the connection
  bool answer_begun = false;    // the backend has sent a byte
  bool closed_by_peer = false;  // by the backend
  bool whole_written = false;   // the proxy has written all of the request
};

struct Request {
  std::size_t id = 0;
  std::string method;
  std::string body;
  std::string trailers;
  bool http_1_0 = false;
  bool without_host = false;
  bool expects = false;  // 100-continue
  std::string text;      // as the client sends it
  std::size_t head_bytes = 0;

  std::size_t begun = 0;  // the step in which its first byte left; 0: not yet
  bool sent = false;
  bool over = false;     // answered, cut, or of no interest to its client any more
  bool excused = false;  // its client behaves so that a failure is the client's own
  bool client_left = false;
  base::TimePoint left_at{};
  std::size_t behind = 0;  // bytes that its client had sent behind it when it left
  std::vector<Attempt> attempts;

  [[nodiscard]] http::Method method_id() const noexcept { return http::method_id(method); }
  // RFC 9110 section 9.2.2. As a list of its own, so that it is not the code under test that says so.
  [[nodiscard]] bool repeatable_method() const noexcept { return method != "POST" && method != "PATCH"; }
};

struct Answer {
  std::size_t id = 0;
  std::size_t request = 0;
  unsigned status = 0;
  Shown shown = Shown::none;
  std::string body;  // empty where the method or the status has none
  std::string trailers;
  std::string text;
  std::size_t head_bytes = 0;  // of the text, with the interim answers before it
  bool whole_sent = false;
  bool closes = false;  // announces it, or ends so
};

// Counts of what happened, to see that everything does.
struct Figures {
  std::size_t runs = 0;
  std::size_t requests = 0;
  std::size_t answered = 0;
  std::size_t own_answers = 0;
  std::size_t cuts = 0;
  std::size_t attempts = 0;
  std::size_t stale = 0;
  std::size_t reloads = 0;
  std::size_t drains = 0;
  std::size_t judged_failures = 0;  // failures of requests that could have been repeated
  std::size_t handlers = 0;
  std::size_t handlers_at_once_max = 0;
  std::size_t handlers_max = 0;
  std::int64_t simulated_ms = 0;

  void add(const Figures& other) noexcept;
};

class Ledger {
 public:
  Request& make_request(Random& random, std::size_t replay_bytes);
  Answer& make_answer(Random& random, const Request& request, Coming coming);

  // By the target or the marker; null: there is none such.
  [[nodiscard]] Request* request_in(std::string_view request_line);
  [[nodiscard]] Answer* answer_in(std::string_view head);

  [[nodiscard]] std::deque<Request>& requests() noexcept { return requests_; }

  Figures figures;

 private:
  std::deque<Request> requests_;  // by id - 1; references stay good
  std::deque<Answer> answers_;
};

}  // namespace lb::sim
