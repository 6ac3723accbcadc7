#include "sim/ledger.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "http/chunked.hpp"

namespace lb::sim {
namespace {

// Text that occurs nowhere else: what is mixed up does not go unseen.
std::string body_of(Random& random, std::string_view mark, std::size_t id, std::size_t bytes) {
  std::string body = std::string(mark) + std::to_string(id) + ":";
  while (body.size() < bytes) {
    std::uint64_t bits = random.next();
    for (int i = 0; i < 12 && body.size() < bytes; ++i, bits >>= 5U) body += static_cast<char>('A' + bits % 32);
  }
  return body;
}

std::string chunked(Random& random, std::string_view body, std::string_view trailers) {
  std::string text;
  const std::size_t most = random.once_in(3) ? 10 + body.size() / 20 : 1 + body.size();
  while (!body.empty()) {
    const std::string_view chunk = body.substr(0, random.between(1 + most / 4, 1 + most));
    std::array<char, 20> storage{};
    text.append(http::chunk_size_line(chunk.size(), storage)).append(chunk).append("\r\n");
    body.remove_prefix(chunk.size());
  }
  return text.append("0\r\n").append(trailers).append("\r\n");
}

std::size_t number_behind(std::string_view text, std::string_view prefix) {
  const std::size_t at = text.find(prefix);
  std::size_t number = 0;
  if (at == std::string_view::npos) return 0;
  const std::string_view digits = text.substr(at + prefix.size());
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

}  // namespace

void Figures::add(const Figures& other) noexcept {
  runs += other.runs;
  requests += other.requests;
  answered += other.answered;
  own_answers += other.own_answers;
  cuts += other.cuts;
  attempts += other.attempts;
  stale += other.stale;
  reloads += other.reloads;
  drains += other.drains;
  judged_failures += other.judged_failures;
  handlers += other.handlers;
  handlers_at_once_max = std::max(handlers_at_once_max, other.handlers_at_once_max);
  handlers_max = std::max(handlers_max, other.handlers_max);
  simulated_ms += other.simulated_ms;
}

Request& Ledger::make_request(Random& random, std::size_t replay_bytes) {
  static constexpr std::array<std::string_view, 8> kMethods{"GET",  "GET", "GET",    "POST",
                                                            "POST", "PUT", "DELETE", "PATCH"};
  Request& request = requests_.emplace_back();
  ++figures.requests;
  request.id = requests_.size();
  request.method = random.once_in(10) ? "HEAD" : random.one_of<std::string_view>(kMethods);
  request.http_1_0 = random.once_in(12);
  request.without_host = request.http_1_0 && random.once_in(2);
  request.text = request.method + " /r" + std::to_string(request.id) + (request.http_1_0 ? " HTTP/1.0" : " HTTP/1.1");
  request.text += "\r\n";
  if (!request.without_host) request.text += "Host: example.org\r\n";
  if (request.http_1_0 && random.once_in(2)) request.text += "Connection: keep-alive\r\n";
  const bool usual_body = request.method != "GET" && request.method != "HEAD" && request.method != "DELETE";
  if (!usual_body && !random.once_in(12)) {
    request.text += "\r\n";
    request.head_bytes = request.text.size();
    return request;
  }
  const std::size_t bytes = random.once_in(40)  ? random.between(10'000, 40'000)
                            : random.once_in(6) ? replay_bytes + random.between(0, 40) - 20
                                                : random.below(300);
  request.body = body_of(random, "ask", request.id, bytes);
  request.expects = !request.http_1_0 && random.once_in(6);
  if (request.expects) request.text += "Expect: 100-continue\r\n";
  if (request.http_1_0 || random.once_in(2)) {
    request.text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n";
    request.head_bytes = request.text.size();
    request.text += request.body;
    return request;
  }
  if (random.once_in(2)) request.trailers = "Check: of-request-" + std::to_string(request.id) + "\r\n";
  request.text += "Transfer-Encoding: chunked\r\n\r\n";
  request.head_bytes = request.text.size();
  request.text += chunked(random, request.body, request.trailers);
  return request;
}

Answer& Ledger::make_answer(Random& random, const Request& request, Coming coming) {
  static constexpr std::array<unsigned, 8> kStatuses{200, 200, 200, 404, 500, 503, 204, 304};
  Answer& answer = answers_.emplace_back();
  answer.id = answers_.size();
  answer.request = request.id;
  answer.status = random.one_of<unsigned>(kStatuses);
  answer.shown = static_cast<Shown>(random.between(1, 3));
  // Whoever closes with a request half read destroys the answer.
  const bool stays = coming == Coming::early || random.once_in(2);
  if (answer.shown == Shown::until_close && stays) answer.shown = Shown::chunked;
  const bool without = answer.status == 204 || answer.status == 304;
  if (without) answer.shown = Shown::none;
  const bool http_1_0 = answer.shown != Shown::chunked && random.once_in(8);

  for (std::size_t interims = random.once_in(6) ? random.between(1, 3) : 0; interims > 0 && !http_1_0; --interims) {
    answer.text += "HTTP/1.1 103 Early Hints\r\nLink: </" + std::to_string(answer.id) + ">\r\n\r\n";
  }
  answer.text += (http_1_0 ? "HTTP/1.0 " : "HTTP/1.1 ") + std::to_string(answer.status) + " Fine\r\n";
  answer.text += "X-Answer: " + std::to_string(answer.id) + "\r\n";
  answer.closes = answer.shown == Shown::until_close || (coming == Coming::in_time && random.once_in(10));
  if (answer.closes && random.once_in(2)) answer.text += "Connection: close\r\n";
  if (http_1_0 && !answer.closes) answer.text += "Connection: keep-alive\r\n";
  std::string body;
  if (!without) {
    const std::size_t bytes = random.once_in(40) ? random.between(10'000, 40'000) : random.below(300);
    body = body_of(random, "tell", answer.id, bytes);
  }
  if (answer.shown == Shown::length) answer.text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  if (answer.shown == Shown::chunked) answer.text += "Transfer-Encoding: chunked\r\n";
  answer.text += "\r\n";
  answer.head_bytes = answer.text.size();
  if (request.method == "HEAD") {
    answer.shown = Shown::none;
    return answer;
  }
  if (answer.shown == Shown::chunked) {
    if (random.once_in(2)) answer.trailers = "Check: of-answer-" + std::to_string(answer.id) + "\r\n";
    answer.text += chunked(random, body, answer.trailers);
  } else {
    answer.text += body;
  }
  answer.body = std::move(body);
  return answer;
}

Request* Ledger::request_in(std::string_view request_line) {
  const std::size_t id = number_behind(request_line.substr(0, request_line.find('\r')), " /r");
  return id == 0 || id > requests_.size() ? nullptr : &requests_[id - 1];
}

Answer* Ledger::answer_in(std::string_view head) {
  const std::size_t id = number_behind(head, "X-Answer: ");
  return id == 0 || id > answers_.size() ? nullptr : &answers_[id - 1];
}

}  // namespace lb::sim
