#include <algorithm>
#include <array>

#include "sim/backend.hpp"
#include "support/http_text.hpp"

namespace lb::sim {
namespace {

constexpr std::array<std::string_view, 8> kRubbish{
    "garbage\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 99 Less\r\n\r\n",
    "\r\n\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n",
};

}  // namespace

Connection::Connection(Stage& stage, Backend& backend, std::size_t number)
    : stage_(stage), backend_(backend), number_(number), clean_(backend.good()) {
  slice_ = stage.random.once_in(3) ? stage.random.between(1, 5) : stage.random.between(20, 3'000);
}

std::string Connection::name() const {
  return backend_.host() + "#" + std::to_string(number_);
}

std::unique_ptr<test::MemoryStream> Connection::open() {
  auto pair = test::MemoryStream::connected(stage_.world, base::Side::upstream, backend_.options);
  stream_ = std::move(pair.second);
  pair.first->observe(*this);
  stage_.journal.note(name(), " is connected");
  // Some servers accept and die, or are killed, before they have read a byte.
  if (!clean_ && stage_.random.once_in(12)) end(stage_.random.once_in(2) ? End::closed : End::reset);
  return std::move(pair.first);
}

void Connection::end(End how) {
  if (over_) return;
  over_ = true;
  if (request_bytes_ > 0) request_->attempts[attempt_].closed_by_peer = true;
  stage_.journal.note(name(), how == End::reset ? " resets" : " closes");
  how == End::reset ? stream_->abort() : stream_->close();
}

// The proxy writes.

void Connection::before_write(std::string_view bytes) {
  // An early answer, and the rest of its request has just not been read yet.
  if (answer_ != nullptr && answer_->whole_sent && whole_bytes_ != 0) finish_exchange();
  if (request_bytes_ == 0 && request_ == nullptr) take(bytes);
  if (fault_ == Fault::dies_when_taken) end(fault_how_);
}

// The connection was taken for a request.
void Connection::take(std::string_view bytes) {
  request_ = stage_.ledger.request_in(bytes);
  if (request_ == nullptr) stage_.journal.violate(name(), " gets bytes that are no request: ", bytes.substr(0, 60));
  head_bytes_ = whole_bytes_ = 0;
  continued_ = false;
  draw_fault();
}

// The first bytes of the request have left, whether or not they arrive.
void Connection::begin_request() {
  Request& request = *request_;
  attempt_ = request.attempts.size();
  request.attempts.push_back({.backend = backend_.number, .reused = requests_ > 0, .closed_by_peer = over_});
  ++requests_;
  ++stage_.ledger.figures.attempts;
  stage_.journal.note(name(), " gets ", request.method, " /r", request.id, requests_ > 1 ? ", kept connection" : "");
  if (attempt_ > 0 && !request.repeatable_method()) {
    stage_.journal.violate(request.method, " /r", request.id, " was sent a second time");
  }
  const auto fresh = std::ranges::count_if(request.attempts, [](const Attempt& attempt) { return !attempt.reused; });
  const std::size_t most = stage_.attempts_max + (stage_.stalls ? base::kKnocksMax : 0);
  if (static_cast<std::size_t>(fresh) > most || request.attempts.size() > 2 * most) {
    stage_.journal.violate("/r", request.id, " was sent ", request.attempts.size(), " times");
  }
  if (backend_.removed_since != 0 && backend_.removed_since < request.begun) {
    stage_.journal.violate("/r", request.id, " went to ", backend_.host(), ", which was removed before it");
  }
}

void Connection::draw_fault() {
  Random& random = stage_.random;
  fault_ = Fault::none;
  fault_how_ = random.once_in(2) ? End::closed : End::reset;
  answer_at_ = stage_.now() + Duration(static_cast<std::int64_t>(random.once_in(2) ? 0 : random.between(1, 30)));
  early_ = request_ != nullptr && !request_->body.empty() && random.once_in(8);
  if (over_ || stage_.connect_faults_only) return;
  if (clean_ && backend_.good()) {
    // Even a good server closes what idles, and the proxy may not have heard of it yet.
    if (requests_ > 0 && random.once_in(8)) fault_ = Fault::dies_when_taken;
    return;
  }
  clean_ = false;
  if (requests_ > 0 && random.once_in(4)) {
    fault_ = Fault::dies_when_taken;
  } else if (random.once_in(2)) {
    fault_ = static_cast<Fault>(random.between(2, 7));
  }
  fault_at_ = random.once_in(2) ? random.below(30) : random.below(400);
}

void Connection::wrote(std::string_view bytes) {
  if (request_ == nullptr) return;
  if (request_bytes_ == 0) begin_request();
  request_bytes_ += bytes.size();
  if (whole_bytes_ != 0) stage_.journal.violate(name(), " got bytes behind a request");
  written_ += bytes;
  check_whole_request();
}

void Connection::check_whole_request() {
  if (head_bytes_ == 0) {
    const std::size_t end = written_.find("\r\n\r\n");
    if (end == std::string::npos) return;
    head_bytes_ = end + 4;
    if (request_->without_host && written_.find("Host: " + backend_.host() + "\r\n") == std::string::npos) {
      stage_.journal.violate(name(), " got a request that was meant for another backend");
    }
  }
  // A long body is not cut again with each of its bytes.
  const bool chunked = request_->text.find("\r\nTransfer-Encoding: chunked\r\n") < request_->head_bytes;
  if (written_.size() < head_bytes_ + request_->body.size() || (chunked && !written_.ends_with("\r\n\r\n"))) return;
  test::Message message;
  const test::Cut cut = test::cut_request(written_, message);
  if (cut == test::Cut::garbage) stage_.journal.violate(name(), " got a malformed request: ", written_.substr(0, 400));
  if (cut != test::Cut::whole) return;
  whole_bytes_ = request_bytes_;
  whole_at_ = stage_.now();
  request_->attempts[attempt_].whole_written = true;
  if (!written_.empty()) stage_.journal.violate(name(), " got bytes behind a request: ", written_.substr(0, 60));
  const Request& request = *request_;
  if (message.method != request.method || message.body != request.body || message.trailers != request.trailers) {
    stage_.journal.violate(name(), " got another /r", request.id, " than its client had sent; body of ",
                           message.body.size(), " for ", request.body.size(), " bytes, trailers ", message.trailers);
  }
}

void Connection::gone() {
  gone_ = true;
}

// The backend acts.

void Connection::act() {
  if (over_ || stage_.silent) return;
  if (backend_.good() || !stage_.random.once_in(4)) received_total_ += stream_->take().size();
  if (stream_->peer_end()) {
    over_ = true;
    stream_->close();
    return;
  }
  if (answer_ != nullptr && answer_->whole_sent && whole_bytes_ != 0 && received() >= whole_bytes_) finish_exchange();
  if (request_bytes_ == 0) return idle();
  if (should_die_reading()) return end(fault_how_);
  check_client_left();
  if (request_->expects && !continued_ && head_bytes_ != 0 && received() >= head_bytes_ && answer_ == nullptr &&
      fault_ != Fault::silent) {
    continued_ = true;
    if (!early_) to_send_ += "HTTP/1.1 100 Continue\r\n\r\n";
  }
  const bool whole = whole_bytes_ != 0 && received() >= whole_bytes_;
  const bool head = head_bytes_ != 0 && received() >= head_bytes_;
  if (answer_ == nullptr && (whole || (early_ && head)) && stage_.now() >= answer_at_ && fault_ != Fault::silent) {
    if (fault_ == Fault::dies_unanswered) return end(fault_how_);
    begin_answer();
  }
  if (!to_send_.empty()) send();
}

bool Connection::should_die_reading() const noexcept {
  return fault_ == Fault::dies_reading &&
         received() >= (whole_bytes_ == 0 ? fault_at_ : std::min(fault_at_, whole_bytes_));
}

// A client that closes while its answer is awaited wants none: the exchange with the backend has to end soon.
void Connection::check_client_left() {
  if (!request_->client_left || whole_bytes_ == 0 || request_->attempts[attempt_].answer_begun) return;
  if (request_->behind >= base::kSmallBlockBytes) return;  // more than is read ahead: the end behind it is not seen
  if (stage_.now() > std::max(request_->left_at, whole_at_) + base::kAbortWatchDelay + Duration(50)) {
    stage_.journal.violate("/r", request_->id, " is still awaited from ", name(), ", but its client has left");
  }
}

void Connection::begin_answer() {
  const bool whole = whole_bytes_ != 0 && received() >= whole_bytes_;
  Answer& answer = stage_.ledger.make_answer(stage_.random, *request_, whole ? Coming::in_time : Coming::early);
  answer_ = &answer;
  if (fault_ == Fault::rubbish) {
    // The last of them is good enough for whoever awaits no body.
    const std::span<const std::string_view> rubbish(kRubbish);
    to_send_ += stage_.random.one_of(request_->method == "HEAD" ? rubbish.first(rubbish.size() - 1) : rubbish);
    return;
  }
  stage_.journal.note(name(), " answers /r", request_->id, " with ", answer.status, ", answer ", answer.id, ", ",
                      answer.text.size(), " bytes");
  to_send_ += answer.text;
  surplus_ = 0;
  if (fault_ == Fault::breaks_off) {
    // Where the orderly end would be the end of the body, it is a reset that breaks it off.
    if (answer.shown == Shown::until_close) fault_how_ = End::reset;
    if (stage_.random.once_in(2)) fault_at_ = stage_.random.below(to_send_.size());
    to_send_.resize(std::min(fault_at_, to_send_.size() - 1));
    if (to_send_.empty()) end(fault_how_);
  } else if (fault_ == Fault::surplus && answer.shown != Shown::until_close) {
    const std::string_view surplus =
        stage_.random.once_in(2) ? "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsurplus" : "x";
    to_send_ += surplus;
    surplus_ = surplus.size();
  }
}

void Connection::send() {
  request_->attempts[attempt_].answer_begun = true;
  // The last byte of an answer and the first one behind it arrive together, or nobody could tell them apart.
  const bool answering = answer_ != nullptr;
  const std::size_t hold = answering && surplus_ > 0 ? surplus_ + 1 : 0;
  if (to_send_.size() > hold) {
    const std::size_t sent =
        stage_.feed(*stream_, std::string_view(to_send_).substr(0, to_send_.size() - hold), slice_);
    to_send_.erase(0, sent);
    if (to_send_.size() > hold) return;
  }
  if (hold > 0) {
    if (stream_->put(to_send_) == 0) return;
    to_send_.clear();
  }
  if (answering && !over_) answer_sent();
}

void Connection::answer_sent() {
  const bool surplus = surplus_ > 0;
  Answer& answer = *answer_;
  surplus_ = 0;
  if (fault_ == Fault::rubbish || fault_ == Fault::breaks_off) {
    fault_how_ == End::closed&& stage_.random.once_in(3) ? static_cast<void>(fault_ = Fault::silent) : end(fault_how_);
    return;
  }
  answer.whole_sent = true;
  stage_.journal.note(name(), " has sent answer ", answer.id, surplus ? " and more" : "");
  // After an early answer, what the proxy still writes is read: it may end the connection, or the request.
  if (whole_bytes_ != 0 && received() >= whole_bytes_) finish_exchange();
}

void Connection::finish_exchange() {
  const bool closes = answer_->closes;
  request_base_ += request_bytes_;
  request_bytes_ = 0;
  request_ = nullptr;
  answer_ = nullptr;
  if (closes) return end(End::closed);
  idle_end_ = stage_.connect_faults_only || !stage_.random.once_in(6)
                  ? base::kNever
                  : stage_.now() + Duration(static_cast<std::int64_t>(stage_.random.below(60)));
}

void Connection::idle() {
  if (stage_.now() < idle_end_ || requests_ == 0) return;
  if (!clean_ && stage_.random.once_in(3)) {
    stage_.journal.note(name(), " says 408 to nobody");
    static_cast<void>(stream_->put("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
  }
  end(clean_ || stage_.random.once_in(2) ? End::closed : End::reset);
}

}  // namespace lb::sim
