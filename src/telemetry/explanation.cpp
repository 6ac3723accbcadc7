#include "telemetry/explanation.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace lb::telemetry {
namespace {

// "0.8 ms", "250 ms", "3.2 s".
std::string in_words(Micros time) {
  std::array<char, 32> text{};
  const auto millis = static_cast<double>(time.count()) / 1000.0;
  if (millis < 9.95) {
    std::snprintf(text.data(), text.size(), "%.1f ms", millis);
  } else if (millis < 999.5) {
    std::snprintf(text.data(), text.size(), "%.0f ms", millis);
  } else {
    std::snprintf(text.data(), text.size(), "%.1f s", millis / 1000.0);
  }
  return text.data();
}

std::string in_brackets(std::string_view detail) {
  return detail.empty() ? "" : " (" + std::string(detail) + ")";
}

std::string_view because(PassedOver why) noexcept {
  switch (why) {
    case PassedOver::down:
      return "is down";
    case PassedOver::drained:
      return "is being drained";
    case PassedOver::disabled:
      return "is disabled";
    case PassedOver::busy:
      return "is at its connection limit";
    case PassedOver::tried:
      return "had been tried";
    case PassedOver::stalled:
      return "is stalled";
    case PassedOver::ejected:
      return "is ejected for doing worse than the others";
    case PassedOver::reduced:
      return "gets only a part of its share for now";
  }
  return "";
}

// What it did, as the rest of a sentence that begins with its name.
std::string deed(const Attempt& attempt) {
  switch (attempt.result) {
    case AttemptResult::answered:
      return attempt.status == 101
                 ? "switched protocols, and the tunnel lasted " + in_words(attempt.ended - attempt.first_byte)
                 : "answered with " + std::to_string(attempt.status) + " after " +
                       in_words(attempt.first_byte - attempt.began);
    case AttemptResult::not_connected:
      return "could not be reached" + in_brackets(attempt.detail);
    case AttemptResult::stale:
      return "had just closed its idle connection, so that the request went on a new one";
    case AttemptResult::no_answer:
      return "took the request and gave no answer" + in_brackets(attempt.detail);
    case AttemptResult::bad_answer:
      return "gave an answer that is not HTTP" + in_brackets(attempt.detail);
    case AttemptResult::timed_out:
      return "did not answer within " + in_words(attempt.ended - attempt.began);
    case AttemptResult::broke_off:
      return "broke off in the middle of its answer with " + std::to_string(attempt.status) +
             in_brackets(attempt.detail);
    case AttemptResult::client_left:
      return attempt.status == 0 ? "was at work when the client left, after " + in_words(attempt.ended - attempt.began)
                                 : "was answering with " + std::to_string(attempt.status) + " when the client left";
    case AttemptResult::abandoned:
      return "was given up" + in_brackets(attempt.detail);
    case AttemptResult::over_limits:
      return "gave an answer beyond the limits of this balancer" + in_brackets(attempt.detail);
    case AttemptResult::stalled:
      return "owed every answer while others answered, and was left after " + in_words(attempt.ended - attempt.began);
  }
  return "";
}

// Those that were passed over when attempt number `before` was chosen: "http://a is down and http://b is disabled".
// That one was tried before is in the sentence already.
std::string passed_over(const RequestRecord& record, unsigned before) {
  std::string text;
  for (const Passed& one : record.passed) {
    if (one.before_attempt != before || one.why == PassedOver::tried) continue;
    text.append(text.empty() ? "" : " and ").append(one.backend).append(" ").append(because(one.why));
  }
  return text;
}

constexpr std::size_t kOutMax = 3;

// "http://c is down and http://d is disabled, and so had no turn".
std::string out_of_turn(std::span<const Passed> out) {
  std::string text;
  for (const Passed& one : out.first(std::min(out.size(), kOutMax))) {
    text.append(text.empty() ? "" : " and ").append(one.backend).append(" ").append(because(one.why));
  }
  text += ", and so had no turn";
  if (out.size() > kOutMax) text += ", as " + std::to_string(out.size() - kOutMax) + " more";
  return text;
}

class Sentence {
 public:
  void add(const std::string& clause) { text_.append(text_.empty() ? "" : "; ").append(clause); }
  [[nodiscard]] std::string end() && {
    if (!text_.empty() && text_.front() >= 'a' && text_.front() <= 'z' && !text_.starts_with("http://")) {
      text_.front() = static_cast<char>(text_.front() - 'a' + 'A');
    }
    return std::move(text_) + ".";
  }

 private:
  std::string text_;
};

}  // namespace

std::string explain(const RequestRecord& record, std::span<const Passed> out) {
  Sentence sentence;
  unsigned number = 0;  // of those that count
  bool again = false;   // the same backend, on a new connection
  for (const Attempt& attempt : record.attempts) {
    const std::string passed = again ? "" : passed_over(record, number);
    if (!passed.empty()) sentence.add(passed);
    const std::string_view opening = again                 ? "then "
                                     : attempt.last_resort ? "with no other left, "
                                     : number == 0         ? "it was the turn of "
                                                           : "then ";
    const bool turn = !again && !attempt.last_resort && number == 0;
    sentence.add(std::string(opening) + std::string(attempt.backend) + (turn ? ", which " : " ") + deed(attempt));
    again = attempt.result == AttemptResult::stale;
    if (!again) ++number;
  }
  if (record.attempts_made > number) sentence.add("and further attempts followed");
  if (const std::string passed = passed_over(record, number); !passed.empty()) sentence.add(passed);
  if (record.refusal == Refusal::last_hop) {
    sentence.add("the request was to go no further than this balancer, which answered it");
  } else if (record.refusal != Refusal::none) {
    if (record.refusal == Refusal::request_at_fault) {
      sentence.add("so the request itself is taken for the cause, was not tried again, and counts against no backend");
    }
    const std::string who = record.attempts.empty() ? "no backend was asked; the balancer itself answered with "
                                                    : "the balancer itself answered with ";
    sentence.add(who + std::to_string(record.status) + in_brackets(record.detail));
  } else if (record.attempts.empty()) {
    sentence.add("no backend was asked, for " + std::string(record.detail.empty() ? "the client left" : record.detail));
  }
  if (!out.empty()) sentence.add(out_of_turn(out));
  return std::move(sentence).end();
}

}  // namespace lb::telemetry
