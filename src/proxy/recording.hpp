// What is remembered of an exchange for logs and metrics.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "message/incoming.hpp"
#include "proxy/context.hpp"
#include "telemetry/request_record.hpp"

namespace lb::proxy {

// One request's at a time; one worker.
class Recording {
 public:
  explicit Recording(ExchangeContext& context) noexcept : context_(context) {}

  // A request has come. Its texts are kept while its head still stands in the buffer, as far as anybody asks for them.
  void begin(const message::Incoming& client, RequestIds ids);
  void keep_texts(const http::RequestHead& request);
  // The client's id, or a new one, which the backend is told as well.
  void identify(http::ForwardedRequest& request);
  // A new one, of a request that could not be read.
  void identify();
  // Whether the client does not know it, and may be told.
  [[nodiscard]] bool tells_id() const noexcept { return id_is_ours_ && ids_ != RequestIds::off; }
  // `tell_id`: whether the client is told the request's id.
  [[nodiscard]] message::AnswerMarks marks(bool tell_id);

  // An attempt at the backend, which lives as long as the request. The other calls are about it.
  void begin_attempt(const upstream::Pick& pick) noexcept;
  void connected(bool reused) noexcept;
  // Gives the time that it takes down.
  base::TimePoint answered(unsigned status) noexcept;
  void end_attempt(telemetry::AttemptResult result, std::string_view detail) noexcept;

  // Bytes of bodies: taken from the client, sent to the backend, sent to the client.
  void body_taken(std::uint64_t bytes) noexcept { record_.request_body_bytes += bytes; }
  void body_sent(std::uint64_t bytes) noexcept { request_bytes_ += bytes; }
  void answer_sent(std::uint64_t bytes) noexcept { record_.response_body_bytes += bytes; }

  // How it ends. `sent`: of an answer of our own, the bytes of its body.
  void ends(telemetry::Ending ending, std::string_view detail) noexcept {
    record_.ending = ending;
    record_.detail = detail;
  }
  void refuses(telemetry::Refusal refusal, std::string_view detail) noexcept {
    record_.refusal = refusal;
    record_.detail = detail;
  }
  void own_answer(unsigned status, const base::Result<std::size_t>& sent) noexcept;
  // The request has ended: those who count and log are told.
  void conclude() noexcept;

  // The plans that the record names endpoints of live as long as it is filled.
  void keep(PlanPtr plan) { plans_.push_back(std::move(plan)); }
  void forget_plans() noexcept { plans_.clear(); }

  [[nodiscard]] telemetry::RequestRecord& record() noexcept { return record_; }
  [[nodiscard]] const telemetry::RequestRecord& record() const noexcept { return record_; }
  // The status that the backend of the attempt has answered with, if it has.
  [[nodiscard]] unsigned attempt_status() const noexcept { return attempt_->status; }
  [[nodiscard]] base::TimePoint started() const noexcept { return started_; }

 private:
  [[nodiscard]] telemetry::Micros elapsed() const noexcept;
  [[nodiscard]] telemetry::BackendCounters& counters() const noexcept {
    return endpoint_->counters(context_.recorder.worker());
  }

  ExchangeContext& context_;
  telemetry::RequestRecord record_;
  base::TimePoint started_;
  RequestIds ids_ = RequestIds::off;
  bool id_is_ours_ = false;
  std::vector<PlanPtr> plans_;

  // Of the attempt under way, or the last one.
  std::optional<telemetry::Attempt> attempt_;
  upstream::Endpoint* endpoint_ = nullptr;
  std::uint64_t request_bytes_ = 0;  // of the body
};

}  // namespace lb::proxy
