// A request and its answer, as the exchange sees them: whatever protocol carries them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/ip/tcp.hpp>

#include "base/callback.hpp"
#include "base/error.hpp"
#include "http/framing.hpp"
#include "http/message.hpp"
#include "message/body_run.hpp"
#include "message/own_answer.hpp"
#include "message/tunnel_end.hpp"
#include "net/awaitable.hpp"
#include "net/stream.hpp"

namespace lb::message {

// What a client has shown of itself when its connection was made, where it was asked to.
class Credentials {
 public:
  Credentials(std::string subject, std::string sha256) : subject_(std::move(subject)), sha256_(std::move(sha256)) {}
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;
  virtual ~Credentials() = default;

  // Of its certificate: the subject as RFC 4514 has it, and the digest in hex; empty: it has shown none.
  [[nodiscard]] const std::string& subject() const noexcept { return subject_; }
  [[nodiscard]] const std::string& sha256() const noexcept { return sha256_; }
  // Whether they are good for requests to this host, which may have a port.
  [[nodiscard]] virtual bool may_ask(std::string_view host) const = 0;

 private:
  std::string subject_;
  std::string sha256_;
};

// Who sent a request.
struct Peer {
  std::string address;  // the text of its IP address
  std::string_view scheme = "http";
  // Its connection, as it is, or as a proxy in front says.
  net::asio::ip::tcp::endpoint source{};
  net::asio::ip::tcp::endpoint destination{};
  std::shared_ptr<const Credentials> credentials{};  // null: it was not asked for any
};

// What an answer gets besides what the backend said.
struct AnswerMarks {
  std::string_view date;        // where the backend gave none (RFC 9110 section 6.6.1)
  std::string_view request_id;  // likewise; empty: none
  std::string_view cookie{};    // the value of a Set-Cookie field; empty: none
};

// One worker's. One read and one write may pend at a time. All errors have the side downstream: closed, truncated,
// reset (the client is gone), timeout, cancelled (the server is being stopped), and what is wrong with the bytes.
class Incoming {
 public:
  // How the client went: `cancelled` if it was reset() here.
  using OnGone = base::Callback<void(base::ErrorKind)>;

  Incoming(const Incoming&) = delete;
  Incoming& operator=(const Incoming&) = delete;

  [[nodiscard]] const Peer& peer() const noexcept { return peer_; }

  // The request. The views of its head are good until consume_head(), which makes way for its body; the rest of these
  // stays. `options`: what is said for this hop alone.
  [[nodiscard]] const http::RequestHead& request() const noexcept { return *request_; }
  [[nodiscard]] const http::Framing& framing() const noexcept { return *framing_; }
  [[nodiscard]] const http::ConnectionOptions& options() const noexcept { return *options_; }
  virtual void consume_head() noexcept = 0;

  // The request's body. take_buffered_body() gives what has come with the head, without waiting. Errors besides those
  // of the connection: malformed, header_too_large (of trailers), body_too_large.
  [[nodiscard]] virtual bool body_ended() noexcept = 0;
  // Whether nothing of it has come: the client may wait for 100 (RFC 9110 section 10.1.1).
  [[nodiscard]] virtual bool body_is_held_back() noexcept = 0;
  [[nodiscard]] virtual base::Result<BodyRun> take_buffered_body() = 0;
  [[nodiscard]] virtual net::Awaitable<base::Result<BodyRun>> read_body() = 0;
  // The read_body() that pends ends with `cancelled`; nothing happens if none does.
  virtual void cancel_read_body() noexcept = 0;
  // After the end of the body: the lines of its trailer section.
  [[nodiscard]] virtual std::string_view request_trailers() noexcept = 0;

  // From now on, once kAbortWatchDelay has passed, `on_gone` is called if the client leaves, or reset() is called.
  // Quick exchanges pay one store for it. Only while nothing else reads; stop_watching() ends it.
  virtual void watch(OnGone on_gone) noexcept = 0;
  // True if that ended it, as nearly always: nothing has begun to read yet.
  [[nodiscard]] virtual bool stop_watching_now() noexcept = 0;
  [[nodiscard]] virtual net::Awaitable<void> stop_watching() = 0;

  // An interim answer (1xx); nothing is sent to a client that cannot read it (RFC 9110 section 15.2).
  [[nodiscard]] virtual net::Awaitable<base::Result<void>> send_interim(const http::ResponseHead& head) = 0;
  // The answer: its head, which leaves with the first run of its body, and the runs; the last one says so. `kind`: how
  // the backend delimits it. `more_at_hand`: another run follows at once. `trailers`: for the last run. Views stay
  // until the write has completed.
  virtual void begin_answer(const http::ResponseHead& head, http::BodyKind kind, const AnswerMarks& marks) = 0;
  [[nodiscard]] virtual net::Awaitable<base::Result<void>> send_answer(const BodyRun& run, std::string_view trailers,
                                                                       bool more_at_hand) = 0;
  // The stream to which the answer's body may be spliced once the head is out; null: it has to go by send_answer().
  [[nodiscard]] virtual net::Stream* bulk() noexcept = 0;
  // Instead of a backend's answer. Gives the bytes of its body that were sent.
  [[nodiscard]] virtual net::Awaitable<base::Result<std::size_t>> send_own_answer(const OwnAnswer& answer,
                                                                                  const AnswerMarks& marks) = 0;
  // 101 or its like: afterwards the bytes are the two sides' own.
  [[nodiscard]] virtual net::Awaitable<base::Result<void>> send_switch(const http::ResponseHead& head) = 0;
  [[nodiscard]] virtual TunnelEnd tunnel_end() noexcept = 0;

  // Whether the client's connection may carry another request after the answer that was begun.
  [[nodiscard]] virtual bool persists() const noexcept = 0;
  // The answer that was begun breaks off, and the client sees that it does.
  virtual void cut() noexcept = 0;
  // Whatever pends ends with `cancelled`; the client sees a reset.
  virtual void reset() noexcept = 0;

 protected:
  explicit Incoming(Peer peer) noexcept : peer_(std::move(peer)) {}
  ~Incoming() = default;

  // They live as long as the request.
  void set_request(const http::RequestHead& request, const http::Framing& framing,
                   const http::ConnectionOptions& options) noexcept {
    request_ = &request;
    framing_ = &framing;
    options_ = &options;
  }

 private:
  Peer peer_;
  const http::RequestHead* request_ = nullptr;
  const http::Framing* framing_ = nullptr;
  const http::ConnectionOptions* options_ = nullptr;
};

}  // namespace lb::message
