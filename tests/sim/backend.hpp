// A backend of a simulated run, which may do to its connections whatever a network and a broken server can do.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/stage.hpp"
#include "upstream/endpoint.hpp"

namespace lb::sim {

class Backend;

// One connection, from the backend's end.
class Connection final : public test::MemoryStream::Observer {
 public:
  Connection(Stage& stage, Backend& backend, std::size_t number);

  // The proxy's end.
  [[nodiscard]] std::unique_ptr<test::MemoryStream> open();
  void act();
  // Ends it, whatever is under way.
  void end(End how);

  // What comes of it from now on may be its backend's fault.
  void spoil() noexcept { clean_ = false; }
  // Whether nothing of a worse time can come of it any more.
  [[nodiscard]] bool is_clean() const noexcept { return clean_ || gone_; }
  [[nodiscard]] bool is_gone() const noexcept { return gone_; }
  [[nodiscard]] bool in_exchange() const noexcept { return request_ != nullptr; }
  [[nodiscard]] std::string name() const;

 private:
  enum class Fault : std::uint8_t {
    none,
    dies_when_taken,  // closed in the moment in which the request is written to it
    dies_reading,     // after some bytes of the request
    dies_unanswered,  // after all of it
    silent,           // never answers
    rubbish,
    breaks_off,  // after some bytes of the answer
    surplus,     // bytes behind the answer that nobody asked for
  };

  void before_write(std::string_view bytes) override;
  void wrote(std::string_view bytes) override;
  void gone() override;

  void take(std::string_view bytes);
  void begin_request();
  void check_whole_request();
  void check_client_left();
  void draw_fault();
  void begin_answer();
  void send();
  void answer_sent();
  void finish_exchange();
  void idle();
  [[nodiscard]] bool should_die_reading() const noexcept;
  // Of the request under way.
  [[nodiscard]] std::size_t received() const noexcept {
    return received_total_ - std::min(received_total_, request_base_);
  }

  Stage& stage_;
  Backend& backend_;
  std::size_t number_;
  std::unique_ptr<test::MemoryStream> stream_;
  std::size_t slice_ = 1;
  bool clean_;  // made by a backend that behaves, and only used as such
  bool gone_ = false;
  bool over_ = false;

  // The request under way, as the proxy writes it; some of it may never arrive.
  std::string written_;
  std::size_t requests_ = 0;
  Request* request_ = nullptr;
  std::size_t attempt_ = 0;
  std::size_t head_bytes_ = 0;   // once it was written
  std::size_t whole_bytes_ = 0;  // the same
  std::size_t request_bytes_ = 0;
  std::size_t request_base_ = 0;  // bytes of the requests before it
  std::size_t received_total_ = 0;
  base::TimePoint whole_at_{};

  Fault fault_ = Fault::none;
  std::size_t fault_at_ = 0;
  End fault_how_ = End::closed;
  bool early_ = false;  // answers before it has the whole request
  bool continued_ = false;
  base::TimePoint answer_at_{};
  Answer* answer_ = nullptr;
  std::string to_send_;
  std::size_t surplus_ = 0;  // bytes at the end of it
  base::TimePoint idle_end_{};
};

class Backend {
 public:
  enum class Reach : std::uint8_t { accept, refuse, hang };

  Backend(Stage& stage, std::size_t number);

  void act();
  // Follows what it can be relied on for; once a step, when nothing is left to run.
  void observe();

  // What it does from now on.
  void set_reach(Reach reach);
  void set_good(bool good);
  // Ends all its connections, as a process that dies does.
  void restart();

  // Whether a request that began in `step` could have been answered by it all the time since.
  [[nodiscard]] bool could_serve_since(std::size_t step) const noexcept;

  [[nodiscard]] const std::string& host() const noexcept { return host_; }
  [[nodiscard]] bool good() const noexcept { return good_; }

  Stage& stage;
  std::size_t number;
  Reach reach = Reach::accept;
  test::MemoryStream::Options options;
  std::vector<std::unique_ptr<Connection>> connections;
  std::size_t hanging = 0;  // connects and checks that were begun in a worse time and have not ended

  // As a member of the cluster. Null: it is none, for all that is known here.
  std::weak_ptr<upstream::Endpoint> endpoint;
  std::size_t member_since = 0;     // the step in which all knew of it; 0: it is none
  std::size_t removed_since = 0;    // the step since which no request may begin on it; 0: never removed
  std::size_t unlimited_since = 0;  // the step since which it takes any number of exchanges; 0: it does not
  base::TimePoint good_at{};        // since when it is good, for the health checks
  Duration check_bound{};           // how long it may be good and not be up

 private:
  std::string host_;
  bool good_ = true;
  std::size_t settled_ = 0;  // the step since which it serves whatever comes; 0: it does not
  std::size_t up_since_ = 0;
};

}  // namespace lb::sim
