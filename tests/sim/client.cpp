#include "sim/client.hpp"

#include <algorithm>
#include <utility>

namespace lb::sim {
namespace {

// How long a client waits for 100 before it sends its body unasked.
constexpr Duration kPatience{100};

bool counts(const Attempt& attempt) {
  // Closed without a byte of an answer, on a connection that had served before: nobody's fault.
  return !(attempt.reused && attempt.closed_by_peer && !attempt.answer_begun);
}

}  // namespace

Client::Client(Stage& stage, const std::vector<std::unique_ptr<Backend>>& backends, std::size_t number, Manner manner,
               std::size_t requests, base::TimePoint begins)
    : stage_(stage),
      backends_(backends),
      number_(number),
      manner_(manner),
      begins_(begins),
      pipelines_(stage.random.once_in(3)),
      slice_(stage.random.once_in(3) ? stage.random.between(1, 5) : stage.random.between(20, 3'000)) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < requests; ++i) {
    requests_.push_back(&stage.ledger.make_request(stage.random, stage.replay_bytes_min));
    bytes += requests_.back()->text.size();
  }
  if (manner == Manner::leaves || manner == Manner::stalls) acts_at_ = stage.random.below(bytes + 1);
  for (Request* request : requests_) request->excused = manner != Manner::brisk;
}

bool Client::is_due() const noexcept {
  return stream_ == nullptr && !over_ && stage_.now() >= begins_;
}

std::unique_ptr<test::MemoryStream> Client::connect() {
  test::MemoryStream::Options options;
  options.read_slice = stage_.random.once_in(3) ? stage_.random.between(1, 8) : stage_.random.between(20, 4'000);
  options.capacity = stage_.random.between(20, 3'000);
  options.reads_ahead = options.capacity % 2 == 0;
  auto pair = test::MemoryStream::connected(stage_.world, base::Side::downstream, options);
  stream_ = std::move(pair.second);
  pair.first->observe(*this);
  stage_.journal.note(name(), " connects");
  return std::move(pair.first);
}

std::string Client::state() const {
  return name() + " has sent " + std::to_string(sent_) + " bytes and has " + std::to_string(answered_) + " of " +
         std::to_string(requests_.size()) + " answers, " + std::to_string(received_.size()) + " bytes of the next" +
         (stream_ != nullptr && stream_->peer_end() ? ", at the end of its connection" : "");
}

void Client::act() {
  if (over_ || stream_ == nullptr) return;
  if (manner_ == Manner::leaves && sent_ >= acts_at_ && stage_.random.once_in(4))
    return leave(stage_.random.once_in(2));
  if (!stage_.silent) send();
  if (manner_ != Manner::slow_reader || stage_.silent || stage_.random.once_in(20)) receive();
}

void Client::leave(bool reset) {
  stage_.journal.note(name(), reset ? " resets" : " closes");
  if (reset) stream_->abort();
  finish();
}

void Client::finish() {
  over_ = true;
  stream_->close();
  std::size_t behind = offset_;
  for (std::size_t i = sending_; i-- > 0;) {
    requests_[i]->behind = behind;
    behind += requests_[i]->text.size();
  }
  for (Request* request : requests_) {
    request->over = true;
    if (request->client_left) continue;
    request->client_left = true;
    request->left_at = stage_.now();
  }
}

// A client that asked for 100 waits for it; one that does not pipeline waits for its answers.
bool Client::may_send(const Request& request) {
  if (offset_ == 0) return pipelines_ || sending_ == answered_;
  if (!request.expects || offset_ != request.head_bytes) return true;
  return sending_ == answered_ && (continue_ || stage_.now() >= waits_since_ + kPatience);
}

void Client::send() {
  if (sending_ == requests_.size() || stream_->peer_end()) return;
  Request& request = *requests_[sending_];
  if (sent_ >= acts_at_ || !may_send(request)) return;
  if (request.begun == 0) {
    request.begun = stage_.step;
    stage_.journal.note(name(), " sends ", request.method, " /r", request.id, ", ", request.text.size(), " bytes",
                        request.expects ? ", expects 100" : "");
  }
  const std::size_t stop = request.expects && offset_ < request.head_bytes ? request.head_bytes : request.text.size();
  const std::size_t most = std::min(stop - offset_, acts_at_ - sent_);
  const std::size_t taken = stage_.feed(*stream_, std::string_view(request.text).substr(offset_, most), slice_);
  offset_ += taken;
  sent_ += taken;
  if (offset_ == request.head_bytes) waits_since_ = stage_.now();
  if (offset_ < request.text.size()) return;
  request.sent = true;
  ++sending_;
  offset_ = 0;
}

void Client::receive() {
  const std::string fresh = stream_->take();
  received_ += fresh;
  const auto end = stream_->peer_end();
  // A long answer is looked at now and then: when it pauses, at the latest.
  constexpr std::size_t kLong = 2'000;
  unread_ += fresh.size();
  if (!fresh.empty() && !end && received_.size() > kLong && unread_ < kLong) return;
  const bool news = std::exchange(unread_, 0) > 0 || end;
  while (answered_ < requests_.size() && news) {
    Request& request = *requests_[answered_];
    if (take_interim()) continue;
    test::Message message;
    const std::size_t before = received_.size();
    // Of a method that is cut itself nobody knows that its answer has no body.
    const bool unknown = answered_ == sending_ && offset_ < 5;
    test::Cut cut = test::cut_response(received_, unknown ? http::Method::get : request.method_id(), message);
    if (cut == test::Cut::part && message.until_close && end == End::closed) {
      received_.clear();
      cut = test::Cut::whole;
    }
    if (cut == test::Cut::part) break;
    if (cut == test::Cut::garbage) {
      return stage_.journal.violate(name(), " got what is no answer to /r", request.id, ": ", received_.substr(0, 400));
    }
    consumed_ += before - received_.size();
    ++answered_;
    continue_ = false;
    request.over = true;
    judge(request, message);
    if (message.close || message.until_close) {
      if (!received_.empty()) stage_.journal.violate(name(), " got bytes behind the last answer");
      return finish();
    }
  }
  if (answered_ == requests_.size()) {
    if (!received_.empty()) stage_.journal.violate(name(), " got bytes behind the last answer");
    return finish();
  }
  if (end) judge_end(*end);
}

bool Client::take_interim() {
  if (!received_.starts_with("HTTP/1.1 1")) return false;
  const std::size_t end = received_.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  const Request& request = *requests_[answered_];
  if (request.begun == 0) stage_.journal.violate(name(), " got an interim answer to nothing");
  if (request.http_1_0) stage_.journal.violate(name(), " got an interim answer in HTTP/1.0");
  if (received_.starts_with("HTTP/1.1 100")) {
    continue_ = true;
    if (!request.expects) stage_.journal.violate(name(), " got a 100 that it had not asked for");
  }
  received_.erase(0, end + 4);
  consumed_ += end + 4;
  return true;
}

void Client::judge(Request& request, const test::Message& message) {
  if (request.begun == 0) return stage_.journal.violate(name(), " got an answer to what it has not asked yet");
  if (!request.sent && !message.close && !message.until_close) {
    stage_.journal.violate("/r", request.id, " was answered before its end, and its connection stays");
  }
  const Answer* const answer = stage_.ledger.answer_in(message.head);
  const bool own = message.head.find("\r\nProxy-Status: load-balancer; error=") != std::string::npos;
  if (own == (answer != nullptr)) {
    return stage_.journal.violate("/r", request.id, " got an answer of nobody: ", message.head);
  }
  if (own) return judge_own_answer(request, message);
  stage_.journal.note(name(), " has answer ", answer->id, " to /r", request.id);
  ++stage_.ledger.figures.answered;
  ++served_;
  if (answer->request != request.id) {
    return stage_.journal.violate("/r", request.id, " got the answer to /r", answer->request);
  }
  if (!answer->whole_sent) {
    return stage_.journal.violate("/r", request.id, " got answer ", answer->id, " as a whole, which broke off");
  }
  const std::string& trailers = message.until_close ? std::string() : answer->trailers;
  if (message.status != answer->status || message.body != answer->body || message.trailers != trailers) {
    stage_.journal.violate("/r", request.id, " got another answer than ", answer->id, ": ", message.status, " for ",
                           answer->status, ", body of ", message.body.size(), " for ", answer->body.size(),
                           " bytes, trailers ", message.trailers);
  }
}

void Client::judge_own_answer(Request& request, const test::Message& message) {
  ++stage_.ledger.figures.own_answers;
  stage_.journal.note(name(), " is told ", message.status, " for /r", request.id);
  if (message.status == 408) {
    if (manner_ != Manner::brisk || stage_.silent) return;
    return stage_.journal.violate("/r", request.id, " got 408, but its client was brisk");
  }
  if (message.status != 502 && message.status != 503 && message.status != 504) {
    return stage_.journal.violate("/r", request.id, " got ", message.status, " of the balancer");
  }
  judge_failure(request, std::to_string(message.status));
}

// The connection ended before all was answered.
void Client::judge_end(End how) {
  stage_.journal.note(name(), how == End::reset ? " is reset" : " is closed");
  Request& request = *requests_[answered_];
  if (request.begun != 0 && request.sent) {
    ++stage_.ledger.figures.cuts;
    const bool excused = request.excused || stage_.draining || stage_.silent;
    if (written_ <= consumed_ && !excused) {
      stage_.journal.violate("/r", request.id, " was cut before the first byte of its answer");
    }
  }
  finish();
}

// Whether it had to fail: not while a backend that could have served it all the time was left untried.
void Client::judge_failure(Request& request, std::string_view what) {
  if (request.excused || stage_.silent || stage_.ended || stage_.attempts_min < 2) return;
  if (stage_.starved >= request.begun) return;
  const bool repeatable = request.repeatable_method() && request.body.size() <= stage_.replay_bytes_min;
  if (!repeatable && !stage_.connect_faults_only) return;
  ++stage_.ledger.figures.judged_failures;
  const auto counted = std::ranges::count_if(request.attempts, counts);
  if (static_cast<std::size_t>(counted) >= stage_.attempts_min) return;
  // One that has failed alike at two backends is tried no further, though others may have served it.
  const bool at_two = std::ranges::any_of(request.attempts, [&](const Attempt& attempt) {
    return counts(attempt) && attempt.backend != request.attempts.front().backend;
  });
  if (at_two && stage_.at_fault->value() > stage_.at_fault_excused) {
    ++stage_.at_fault_excused;
    return;
  }
  for (const auto& backend : backends_) {
    if (!backend->could_serve_since(request.begun)) continue;
    stage_.journal.violate("/r", request.id, " failed with ", what, " after ", request.attempts.size(),
                           " forwarded exchanges, ", counted, " of which count, though ", backend->host(),
                           " could have served it all the time");
  }
}

}  // namespace lb::sim
