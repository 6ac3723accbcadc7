// One connection to the admin interface: requests are read, guarded, answered.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "admin/control.hpp"
#include "admin/response_stream.hpp"
#include "admin/routes.hpp"
#include "http/date.hpp"
#include "http1/server_connection.hpp"
#include "net/tcp_stream.hpp"

namespace lb::admin {

// What is taken of the places that all connections share.
struct Places {
  std::size_t streams = 0;
  std::size_t orders = 0;
};

// Lives in the coroutine that runs it, on the control thread.
class Session final : private ResponseStream {
 public:
  // All of these outlive it. `token` may change between two requests; empty: none is needed.
  struct Shared {
    net::Worker& worker;
    Control& control;
    http1::RequestStates& states;
    const std::string& token;
    Places& places;
  };

  Session(const Shared& shared, net::StreamPtr stream);

  // Until the connection ends. Ended early by SessionSet::abort().
  [[nodiscard]] net::Awaitable<void> run();
  // One request, for there are too many connections: probes are answered, and everything open to everybody.
  [[nodiscard]] net::Awaitable<void> serve_probe();

  // Who gives way first, the least first: those that idle between two requests, then those whose client takes its time
  // to send a request or to take an answer; of either, who does so for the longest time. Streams give way to nobody,
  // nor do those that wait for us.
  enum class Waits : std::uint8_t { idle, slow, not_for_client };
  struct Rank {
    Waits waits = Waits::not_for_client;
    base::TimePoint since{};

    auto operator<=>(const Rank&) const = default;
  };
  [[nodiscard]] Rank rank() const noexcept { return rank_; }
  [[nodiscard]] bool gives_way() const noexcept { return rank_.waits != Waits::not_for_client; }
  void abort() noexcept {
    waits(Waits::not_for_client);
    client_.abort();
  }
  // If it is one: whoever listens has to show the token anew.
  void end_stream() noexcept;

 private:
  enum class Next : std::uint8_t { request, end };
  enum class Clock : std::uint8_t { none, request, answer };

  net::Awaitable<Next> read_and_answer();
  net::Awaitable<Next> serve_request();
  [[nodiscard]] std::optional<Answer> refuse(const Request& request, const Match& match) const;
  net::Awaitable<base::Result<void>> read_body(Request& request);
  net::Awaitable<Next> answer(const Request& request, Answer answer, bool keep_alive);
  net::Awaitable<Next> answer_whole(const Request& request, const Answer& answer, std::uint64_t length,
                                    bool keep_alive);
  net::Awaitable<Next> answer_in_pieces(const Request& request, Answer answer, bool keep_alive);
  net::Awaitable<Next> carry_out(const Route& route, const Request& request, bool keep_alive);
  net::Awaitable<Next> stream(const Route& route, const Request& request);
  [[nodiscard]] std::string head_of(unsigned status, std::string_view content_type, std::string_view fields);
  // All of them, while the client counts as slow. False: it has left, or was.
  net::Awaitable<bool> send(const net::BufferList& buffers);
  // Everybody else on this thread has a turn.
  net::Awaitable<void> let_others();

  void waits(Waits for_whom) noexcept { rank_ = {for_whom, worker_.wheel().now()}; }
  void start_clock(Clock clock, base::Deadline deadline) noexcept;
  void time_is_up() noexcept;

  [[nodiscard]] bool open() const noexcept override { return open_; }
  net::Awaitable<void> wait(base::Deadline deadline) override;
  net::Awaitable<void> write(std::string_view text) override;
  void left(base::ErrorKind how) noexcept;

  net::Worker& worker_;
  Control& control_;
  const std::string& token_;
  Places& places_;
  http1::ServerConnection client_;
  http::DateCache date_;
  net::Pause pause_;
  net::DeadlineWheel::Entry clock_entry_;
  Clock clock_ = Clock::none;  // of what as a whole clock_entry_ is the deadline
  Rank rank_;
  bool late_ = false;  // the request's time is up
  bool over_limit_ = false;
  bool streams_ = false;
  bool open_ = false;     // as an ResponseStream
  bool writing_ = false;  // as an ResponseStream
};

}  // namespace lb::admin
