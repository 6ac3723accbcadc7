// A client of a simulated run: one connection with some requests, and everything it may expect of their answers.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "sim/backend.hpp"
#include "sim/stage.hpp"
#include "support/http_text.hpp"

namespace lb::sim {

class Client final : public test::MemoryStream::Observer {
 public:
  enum class Manner : std::uint8_t {
    brisk,        // sends and reads all the time
    leaves,       // closes or resets at some byte
    stalls,       // stops sending at some byte
    slow_reader,  // reads now and then
  };

  // `backends`: those that a failed request may have been refused by.
  Client(Stage& stage, const std::vector<std::unique_ptr<Backend>>& backends, std::size_t number, Manner manner,
         std::size_t requests, base::TimePoint begins);

  // Whether it is time to connect; connect() gives the proxy's end.
  [[nodiscard]] bool is_due() const noexcept;
  [[nodiscard]] std::unique_ptr<test::MemoryStream> connect();
  void act();

  // It never connects, if it has not.
  void stay_away() noexcept { over_ = over_ || stream_ == nullptr; }
  [[nodiscard]] bool over() const noexcept { return over_; }
  [[nodiscard]] std::size_t served() const noexcept { return served_; }
  [[nodiscard]] std::string name() const { return "client " + std::to_string(number_); }
  [[nodiscard]] std::string state() const;

 private:
  void before_write(std::string_view) override {}
  void wrote(std::string_view bytes) override { written_ += bytes.size(); }
  void gone() override {}

  void send();
  [[nodiscard]] bool may_send(const Request& request);
  void receive();
  bool take_interim();
  void judge(Request& request, const test::Message& message);
  void judge_own_answer(Request& request, const test::Message& message);
  void judge_end(End how);
  void judge_failure(Request& request, std::string_view what);
  void leave(bool reset);
  void finish();

  Stage& stage_;
  const std::vector<std::unique_ptr<Backend>>& backends_;
  std::size_t number_;
  Manner manner_;
  base::TimePoint begins_;
  bool pipelines_;
  std::size_t slice_;
  std::size_t acts_at_ = SIZE_MAX;  // the byte at which it leaves or stalls
  std::unique_ptr<test::MemoryStream> stream_;
  std::vector<Request*> requests_;

  std::size_t sending_ = 0;  // the request that is being sent
  std::size_t offset_ = 0;   // of its text
  std::size_t sent_ = 0;     // of all
  bool continue_ = false;    // a 100 came for the front request
  base::TimePoint waits_since_{};

  std::string received_;
  std::size_t unread_ = 0;    // bytes at its end that were not looked at
  std::size_t written_ = 0;   // bytes that the proxy has written
  std::size_t consumed_ = 0;  // bytes of them that were understood
  std::size_t answered_ = 0;
  std::size_t served_ = 0;  // of those, by a backend
  bool over_ = false;
};

}  // namespace lb::sim
