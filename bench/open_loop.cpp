// Requests at a fixed rate, whatever the answers do: an open-loop load generator for HTTP/1.1 on the loopback
// interface.
//
//   open_loop PORT PATH RATE SECONDS WARM_UP CONNECTIONS SEED POST_BYTES CLOSE
//
// Arrivals are a Poisson process drawn from SEED. Each takes an idle connection, or waits for one; its latency counts
// from the moment it was due, so that time spent waiting for a stalled proxy is not left out. Only requests due after
// WARM_UP seconds count. It polls without sleeping, for a timer would add its own lateness: it wants a processor of its
// own. One line of JSON tells the percentiles in microseconds, the errors, and how late the generator itself was.
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <netinet/tcp.h>
#include <random>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

constexpr double kGrace = 5;  // seconds that the last answers have
constexpr std::size_t kHeadMax = 16 * 1024;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

// Finds the end of one answer: its head as text, its body by Content-Length or chunk by chunk.
class Answer {
 public:
  enum class State { more, complete, broken };

  State feed(std::string_view bytes) {
    while (!bytes.empty()) {
      if (left_ > 0) {
        const auto taken = std::min<std::uint64_t>(left_, bytes.size());
        left_ -= taken;
        bytes.remove_prefix(taken);
        if (left_ == 0 && !chunked_) return bytes.empty() ? State::complete : State::broken;
        continue;
      }
      // A line, or the head as a whole: up to its end mark, which may come in pieces.
      line_ += bytes.front();
      bytes.remove_prefix(1);
      if (line_.size() > kHeadMax) return State::broken;
      if (!line_.ends_with(in_head_ ? "\r\n\r\n" : "\r\n")) continue;
      if (!(in_head_ ? end_head() : end_chunk_line())) return State::broken;
      line_.clear();
      if (finished_) return bytes.empty() ? State::complete : State::broken;
    }
    return State::more;
  }

  int status() const { return status_; }

 private:
  bool end_head() {
    in_head_ = false;
    if (!line_.starts_with("HTTP/1.1 ")) return false;
    status_ = std::atoi(line_.c_str() + 9);
    std::transform(line_.begin(), line_.end(), line_.begin(), [](unsigned char c) { return std::tolower(c); });
    chunked_ = line_.find("\r\ntransfer-encoding: chunked\r\n") != std::string::npos;
    if (chunked_) return true;
    constexpr std::string_view kLength = "\r\ncontent-length: ";
    const auto at = line_.find(kLength);
    if (at == std::string::npos) return false;
    left_ = std::strtoull(line_.c_str() + at + kLength.size(), nullptr, 10);
    finished_ = left_ == 0;
    return true;
  }

  // The size of a chunk, the empty line after its data, or the empty line after the last one.
  bool end_chunk_line() {
    if (line_ == "\r\n") {
      finished_ = last_chunk_;
      return true;
    }
    if (last_chunk_) return true;  // a trailer
    const auto [end, error] = std::from_chars(line_.data(), line_.data() + line_.size(), left_, 16);
    last_chunk_ = left_ == 0;
    return error == std::errc{};
  }

  std::string line_;
  std::uint64_t left_ = 0;
  int status_ = 0;
  bool in_head_ = true, chunked_ = false, last_chunk_ = false, finished_ = false;
};

struct Options {
  std::uint16_t port;
  double rate, seconds, warm_up;
  std::size_t connections;
  std::uint64_t seed;
  bool close;
  std::string request;
};

struct Connection {
  int fd = -1;
  bool busy = false;
  double due = 0;
  std::size_t sent = 0;
  Answer answer;
};

class Load {
 public:
  explicit Load(const Options& options) : options_(options), connections_(options.connections) {
    if (epoll_ < 0) fail("epoll_create1");
    for (std::size_t i = connections_.size(); i-- > 0;) {
      if (!options_.close) open(connections_[i], i);
      idle_.push_back(i);
    }
  }

  void run() {
    std::mt19937_64 random(options_.seed);
    std::exponential_distribution<double> gap(options_.rate);
    std::array<epoll_event, 256> events;
    const double start = now(), end = start + options_.seconds;
    counted_from_ = start + options_.warm_up;
    double next = start + gap(random);
    for (double time = start; time < end + kGrace; time = now()) {
      for (; next <= time && next < end; next += gap(random)) {
        waiting_.push_back(next);
        lateness_.push_back(time - next);
      }
      while (!waiting_.empty() && !idle_.empty()) begin(waiting_.front());
      if (next >= end && waiting_.empty() && idle_.size() == connections_.size()) break;
      const int count = epoll_wait(epoll_, events.data(), events.size(), 0);
      for (int i = 0; i < count; ++i) progress(events[i].data.u64);
    }
    unfinished_ = waiting_.size() + connections_.size() - idle_.size();
  }

  void print() {
    std::sort(latencies_.begin(), latencies_.end());
    std::sort(lateness_.begin(), lateness_.end());
    std::printf("{\"samples\": %zu, \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f, \"mean\": %.1f, ",
                latencies_.size(), percentile(latencies_, 0.5), percentile(latencies_, 0.99),
                percentile(latencies_, 0.999), percentile(latencies_, 1), mean());
    std::printf("\"generator_late_p99\": %.1f, \"bad_status\": %zu, \"broken\": %zu, \"unfinished\": %zu}\n",
                percentile(lateness_, 0.99), bad_status_, broken_, unfinished_);
  }

 private:
  static double percentile(const std::vector<double>& sorted, double share) {
    if (sorted.empty()) return 0;
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    return sorted[rank - 1] * 1e6;
  }

  double mean() const {
    double sum = 0;
    for (const double latency : latencies_) sum += latency;
    return latencies_.empty() ? 0 : sum / static_cast<double>(latencies_.size()) * 1e6;
  }

  void open(Connection& connection, std::size_t index) {
    connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection.fd < 0) fail("socket");
    const int on = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // A refusal shows on the first write.
    if (connect(connection.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 && errno != EINPROGRESS) {
      if (errno == EADDRNOTAVAIL) fail("connect");
    }
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u64 = index;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event) < 0) fail("epoll_ctl");
  }

  void begin(double due) {
    const std::size_t index = idle_.back();
    Connection& connection = connections_[index];
    idle_.pop_back();
    waiting_.pop_front();
    connection.busy = true;
    connection.due = due;
    connection.sent = 0;
    connection.answer = {};
    if (connection.fd < 0) open(connection, index);
    progress(index);
  }

  void progress(std::size_t index) {
    Connection& connection = connections_[index];
    if (connection.fd < 0) return;
    if (!connection.busy) {  // nothing should come: the proxy ends an idle connection
      char byte;
      const ssize_t count = recv(connection.fd, &byte, 1, 0);
      if (count >= 0 || errno != EAGAIN) reopen_later(connection);
      return;
    }
    const auto& request = options_.request;
    if (connection.sent < request.size()) {
      const ssize_t count =
          send(connection.fd, request.data() + connection.sent, request.size() - connection.sent, MSG_NOSIGNAL);
      if (count < 0 && errno != EAGAIN) return finish(index, Answer::State::broken);
      connection.sent += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
    }
    for (;;) {
      const ssize_t count = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
      if (count < 0 && errno == EAGAIN) return;
      if (count <= 0) return finish(index, Answer::State::broken);
      const auto state = connection.answer.feed({buffer_.data(), static_cast<std::size_t>(count)});
      if (state != Answer::State::more) return finish(index, state);
    }
  }

  void finish(std::size_t index, Answer::State state) {
    Connection& connection = connections_[index];
    if (state == Answer::State::broken) {
      ++broken_;
    } else if (connection.answer.status() != 200) {
      ++bad_status_;
    } else if (connection.due >= counted_from_) {
      latencies_.push_back(now() - connection.due);
    }
    connection.busy = false;
    idle_.push_back(index);
    if (options_.close || state == Answer::State::broken) reopen_later(connection);
  }

  static void reopen_later(Connection& connection) {
    close(connection.fd);
    connection.fd = -1;
  }

  const Options& options_;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  double counted_from_ = 0;
  std::vector<Connection> connections_;
  std::vector<std::size_t> idle_;
  std::deque<double> waiting_;
  std::vector<double> latencies_, lateness_;  // lateness: when this program noticed that a request was due
  std::vector<char> buffer_ = std::vector<char>(256 * 1024);
  std::size_t bad_status_ = 0, broken_ = 0, unfinished_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 10) {
    std::fputs("usage: open_loop PORT PATH RATE SECONDS WARM_UP CONNECTIONS SEED POST_BYTES CLOSE\n", stderr);
    return 2;
  }
  Options options{};
  options.port = static_cast<std::uint16_t>(std::atoi(arguments[1]));
  options.rate = std::atof(arguments[3]);
  options.seconds = std::atof(arguments[4]);
  options.warm_up = std::atof(arguments[5]);
  options.connections = std::strtoull(arguments[6], nullptr, 10);
  options.seed = std::strtoull(arguments[7], nullptr, 10);
  const auto post_bytes = std::strtoull(arguments[8], nullptr, 10);
  options.close = std::string_view(arguments[9]) == "1";
  options.request = std::string(post_bytes > 0 ? "POST " : "GET ") + arguments[2] +
                    " HTTP/1.1\r\nHost: 127.0.0.1:" + arguments[1] + "\r\n" +
                    (options.close ? "Connection: close\r\n" : "") +
                    (post_bytes > 0 ? "Content-Length: " + std::to_string(post_bytes) + "\r\n" : "") + "\r\n" +
                    std::string(post_bytes, 'x');
  Load load(options);
  load.run();
  load.print();
}
