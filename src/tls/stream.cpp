#include "tls/stream.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <utility>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "net/yield.hpp"

namespace lb::tls {

using base::Error;
using base::ErrorKind;
using base::Result;

namespace {

constexpr std::size_t kRecordBytes = 16 * 1024;  // of plaintext (RFC 8446 section 5.1)
// More than any cipher adds, also where the client wants records of 512 bytes (RFC 6066 section 4): 32 of them.
constexpr std::size_t kRecordOverhead = 2048;
// A small answer shares a block with its overhead.
constexpr std::size_t kSmallBytes = base::kSmallBlockBytes - kRecordOverhead;

// Where small parts of one write become one record. Nothing waits while it is used.
std::array<char, kRecordBytes>& gather_room() noexcept {
  thread_local std::array<char, kRecordBytes> room;
  return room;
}

// The words of a failed verification, which are shown to operators.
std::string_view words_of(long verification) noexcept {
  switch (verification) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "certificate has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "certificate is not valid yet";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "certificate: name does not match";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "certificate is self-signed, and not among the trusted ones";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "certificate: the authority that signed it is not trusted";
    case X509_V_ERR_CERT_REVOKED:
      return "certificate is revoked";
    default:
      return X509_verify_cert_error_string(verification);
  }
}

// A server of TLS 1.3 looks at the client's certificate when the client thinks that they have shaken hands already.
// These alerts say that it has not let us in, and so has seen nothing of a request; others may come when it has.
bool refuses_certificate(int reason) noexcept {
  switch (reason - SSL_AD_REASON_OFFSET) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case TLS13_AD_CERTIFICATE_REQUIRED:
      return true;
    default:
      return false;
  }
}

}  // namespace

BIO_METHOD* Stream::bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "lb::tls::Stream");
    BIO_meth_set_read(made, &Stream::bio_read);
    BIO_meth_set_write(made, &Stream::bio_write);
    BIO_meth_set_ctrl(made, [](BIO*, int command, long, void*) -> long { return command == BIO_CTRL_FLUSH ? 1 : 0; });
    BIO_meth_set_create(made, [](BIO* bio) {
      BIO_set_init(bio, 1);
      return 1;
    });
    return made;
  }();
  return method;
}

int Stream::bio_read(BIO* bio, char* into, int size) {
  auto& self = *static_cast<Stream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const std::string_view unread = self.received_.unread();
  if (unread.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t bytes = std::min(unread.size(), static_cast<std::size_t>(size));
  std::memcpy(into, unread.data(), bytes);
  self.received_.consume(bytes);
  return static_cast<int>(bytes);
}

int Stream::bio_write(BIO* bio, const char* from, int size) {
  auto& self = *static_cast<Stream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  self.make_room(1);
  const std::size_t bytes = std::min(self.room(), static_cast<std::size_t>(size));
  if (bytes == 0) {
    BIO_set_retry_write(bio);
    return -1;
  }
  std::memcpy(self.sending_.data() + self.made_, from, bytes);
  self.made_ += static_cast<std::uint32_t>(bytes);
  return static_cast<int>(bytes);
}

Stream::Stream(net::StreamPtr inner, SslPtr ssl, net::BlockPool& blocks, base::Side side,
               std::shared_ptr<const void> keep)
    : net::Stream(inner->executor(), inner->wheel(), side),
      inner_(std::move(inner)),
      keep_(std::move(keep)),
      ssl_(std::move(ssl)),
      blocks_(blocks),
      received_(blocks) {
  BIO* const bio = BIO_new(bio_method());
  LB_CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_.get(), bio, bio);
}

Stream::~Stream() {
  // A connection that ends without much ceremony is no reason to forget its session.
  if (SSL_is_init_finished(ssl_.get()) != 0) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

void Stream::take_in(std::string_view early) {
  while (!early.empty()) {
    const net::asio::mutable_buffer room = received_.up_to(base::kLargeBlockBytes).prepare(early.size());
    const std::size_t bytes = std::min(room.size(), early.size());
    std::memcpy(room.data(), early.data(), bytes);
    received_.commit(bytes);
    early.remove_prefix(bytes);
  }
}

// Room for so many bytes, unless something is made already that has to leave first.
void Stream::make_room(std::size_t bytes) {
  if (made_ != 0 || sending_.size() >= bytes) return;
  sending_ = blocks_.take(bytes);
}

std::size_t Stream::room() const noexcept {
  return sending_.size() - made_;
}

Error Stream::handshake_error(int why) noexcept {
  const long verification = SSL_get_verify_result(ssl_.get());
  const unsigned long code = why == SSL_ERROR_SSL ? ERR_peek_last_error() : 0;
  const int reason = ERR_GET_REASON(code);
  const char* const text = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  if (verification != X509_V_OK && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    return {ErrorKind::tls_certificate, side_, words_of(verification)};
  }
  const bool is_alert = reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256;
  const std::string_view words = text != nullptr ? std::string_view(text) : "the handshake failed";
  return {is_alert ? ErrorKind::tls_alert : ErrorKind::tls_protocol, side_, words};
}

// One read or write of ours may take several of the inner stream's: what stops it holds for those to come as well.
class Stream::Pending {
 public:
  Pending(bool& pending, bool& cancelled) noexcept : pending_(pending) {
    LB_CHECK(!pending);
    pending = true;
    cancelled = false;
  }
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  ~Pending() { pending_ = false; }

 private:
  bool& pending_;
};

net::Awaitable<Result<void>> Stream::handshake(base::Deadline deadline) {
  const Pending pending(reading_, read_cancelled_);
  read_deadline_ = deadline;
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    const int why = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), result);
    const bool goes_on = why == SSL_ERROR_NONE || why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
    Error failed{};
    if (!goes_on) failed = handshake_error(why);
    // An alert leaves, too.
    if (made_ != 0) {
      const auto left = std::chrono::duration_cast<base::Duration>(deadline - wheel_.now());
      const auto flushed = co_await flush(std::max(left, base::Duration(1)), net::Next::anything);
      if (!flushed && goes_on) co_return flushed;
    }
    if (!goes_on) co_return failed;
    if (why == SSL_ERROR_NONE) co_return Result<void>();
    if (why == SSL_ERROR_WANT_WRITE) continue;
    if (const auto stop = stopped()) co_return *stop;
    const auto came = co_await inner_->read_some(received_.up_to(base::kLargeBlockBytes), read_deadline_);
    if (!came) co_return came.error();
    received_.commit(*came);
  }
}

// Whether a read or wait is to end before another one of the inner stream begins.
std::optional<Error> Stream::stopped() const noexcept {
  if (read_cancelled_) return Error{ErrorKind::cancelled, side_, "cancelled"};
  if (wheel_.now() >= read_deadline_) return Error{ErrorKind::timeout, side_, "no progress within the timeout"};
  return std::nullopt;
}

void Stream::set_read_deadline(base::Deadline deadline) noexcept {
  read_deadline_ = deadline;
  inner_->set_read_deadline(deadline);
}

void Stream::cancel_read() noexcept {
  read_cancelled_ = reading_;
  inner_->cancel_read();
}

void Stream::cancel_write() noexcept {
  write_cancelled_ = writing_;
  inner_->cancel_write();
}

// What a failed SSL_read or SSL_peek says.
Stream::State Stream::note_failure(int result) noexcept {
  const int why = SSL_get_error(ssl_.get(), result);
  if (why == SSL_ERROR_WANT_READ) return State::wanting;
  ended_ = true;
  if (why == SSL_ERROR_ZERO_RETURN) {
    end_ = {ErrorKind::closed, side_, base::to_string(ErrorKind::closed)};
  } else if (why == SSL_ERROR_WANT_WRITE) {
    end_ = {ErrorKind::reset, side_, "TLS: the peer asks for more answers than it reads"};
  } else {
    const unsigned long code = ERR_peek_last_error();
    const char* const text = code == 0 ? nullptr : ERR_reason_error_string(code);
    end_ = {!got_data_ && refuses_certificate(ERR_GET_REASON(code)) ? ErrorKind::tls_alert : ErrorKind::reset, side_,
            text != nullptr ? std::string_view(text) : "TLS failed"};
  }
  ERR_clear_error();
  return State::ended;
}

// As much plaintext as is there and fits; 0: none, or the end.
std::size_t Stream::decrypt(net::ReadBuffer& into) {
  if (ended_ || (received_.empty() && SSL_pending(ssl_.get()) == 0)) return 0;
  const net::asio::mutable_buffer room = into.prepare(received_.unread().size());
  std::size_t bytes = 0;
  ERR_clear_error();  // what another connection may have left would be taken for this one's
  while (bytes < room.size()) {
    std::size_t more = 0;
    const int result = SSL_read_ex(ssl_.get(), static_cast<char*>(room.data()) + bytes, room.size() - bytes, &more);
    if (result != 1) {
      static_cast<void>(note_failure(result));
      break;
    }
    bytes += more;
    got_data_ = true;
    if (received_.empty() && SSL_pending(ssl_.get()) == 0) break;
  }
  return bytes;
}

Stream::State Stream::peek() noexcept {
  if (SSL_pending(ssl_.get()) > 0) return State::data;
  if (ended_) return State::ended;
  if (received_.empty()) return State::wanting;
  char byte = 0;
  std::size_t bytes = 0;
  ERR_clear_error();
  const int result = SSL_peek_ex(ssl_.get(), &byte, 1, &bytes);
  return result == 1 ? State::data : note_failure(result);
}

// The end of the inner stream, where no close_notify came before it.
Error Stream::end_of(const Error& inner) const noexcept {
  if (inner.kind != ErrorKind::closed) return inner;
  return {ErrorKind::truncated, side_, "the connection ended without close_notify"};
}

net::Awaitable<Result<std::size_t>> Stream::read_some(net::ReadBuffer& into, base::Deadline deadline) {
  const Pending pending(reading_, read_cancelled_);
  read_deadline_ = deadline;
  reads_ahead_ = false;
  bool again = false;
  for (;;) {
    if (const std::size_t bytes = decrypt(into); bytes > 0) co_return bytes;
    if (ended_) co_return end_;
    if (std::exchange(again, true)) {
      if (const auto stop = stopped()) co_return *stop;
    }
    into.release();
    received_.release();
    const auto came = co_await inner_->read_some(received_.up_to(base::kLargeBlockBytes), read_deadline_);
    if (!came) co_return end_of(came.error());
    received_.commit(*came);
  }
}

bool Stream::more_at_hand() const noexcept {
  return SSL_pending(ssl_.get()) > 0 || !received_.empty() || inner_->more_at_hand();
}

std::size_t Stream::read_at_hand(net::ReadBuffer& into) {
  const std::size_t bytes = decrypt(into);
  if (bytes > 0 || ended_ || !inner_->more_at_hand() || !received_.has_room()) return bytes;
  received_.commit(inner_->read_at_hand(received_.up_to(base::kLargeBlockBytes)));
  return decrypt(into);
}

net::Awaitable<Result<void>> Stream::wait_readable(base::Deadline deadline) {
  const Pending pending(reading_, read_cancelled_);
  read_deadline_ = deadline;
  for (bool again = false;;) {
    if (peek() != State::wanting) co_return Result<void>();
    if (std::exchange(again, true)) {
      if (const auto stop = stopped()) co_return *stop;
    }
    received_.release();
    if (received_.empty()) {
      const auto readable = co_await inner_->wait_readable(read_deadline_);
      if (!readable) co_return readable;
    }
    // The bytes, or the end, are there: this does not wait.
    reads_ahead_ = false;
    const auto came = co_await inner_->read_some(received_.up_to(base::kLargeBlockBytes), read_deadline_);
    if (!came) {
      if (!base::is_end_of_connection(came.error().kind)) co_return came.error();
      ended_ = true;
      end_ = end_of(came.error());
      continue;
    }
    received_.commit(*came);
  }
}

bool Stream::read_ahead() noexcept {
  received_.release();
  reads_ahead_ = inner_->read_ahead();
  return reads_ahead_;
}

// What lies there, by what lies below. Tickets and the like are taken in.
net::Probe Stream::look(net::Probe inner) noexcept {
  // Who sends nothing but key updates, one after the other, is looked at again later.
  constexpr int kRounds = 8;
  for (int round = 0; round < kRounds; ++round) {
    const State state = peek();
    if (state == State::data) return net::Probe::readable;
    if (state == State::ended) return net::Probe::closed;
    if (inner != net::Probe::readable) return inner;
    if (!received_.empty() && !received_.has_room()) return net::Probe::readable;
    const std::size_t bytes = inner_->read_at_hand(received_.up_to(base::kLargeBlockBytes));
    if (bytes == 0) {
      received_.release();
      return net::Probe::readable;  // it cannot be looked at yet: what it is nobody knows
    }
    received_.commit(bytes);
    if (reads_ahead_) static_cast<void>(inner_->read_ahead());
    inner = inner_->noticed();
  }
  return net::Probe::readable;
}

bool Stream::encrypt(std::string_view plain) noexcept {
  std::size_t taken = 0;
  ERR_clear_error();
  return SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &taken) == 1;
}

net::Awaitable<Result<void>> Stream::write(const net::BufferList& from, base::Duration idle, net::Next next) {
  const Pending pending(writing_, write_cancelled_);
  std::size_t left = net::asio::buffer_size(from);
  if (left > kSmallBytes) {
    // Large ones behind all else that is to be done now, as plain streams have it.
    net::Yield yield(executor_);
    co_await yield;
  }
  std::size_t part = 0;
  std::size_t at = 0;  // in the part
  while (left > 0) {
    make_room(left <= kSmallBytes ? base::kSmallBlockBytes : base::kLargeBlockBytes);
    while (left > 0 && room() >= kRecordOverhead + std::min(left, kRecordBytes)) {
      while (at == from[part].size()) {
        ++part;
        at = 0;
      }
      const std::size_t record = std::min(left, kRecordBytes);
      std::string_view plain(static_cast<const char*>(from[part].data()) + at,
                             std::min(from[part].size() - at, record));
      if (plain.size() == record) {
        at += record;
      } else {
        std::array<char, kRecordBytes>& gathered = gather_room();
        std::size_t bytes = 0;
        while (bytes < record) {
          const std::size_t more = std::min(from[part].size() - at, record - bytes);
          std::memcpy(gathered.data() + bytes, static_cast<const char*>(from[part].data()) + at, more);
          bytes += more;
          at += more;
          if (at == from[part].size() && bytes < record) {
            ++part;
            at = 0;
          }
        }
        plain = {gathered.data(), record};
      }
      if (!encrypt(plain)) {
        ERR_clear_error();
        co_return Error{ErrorKind::reset, side_, "TLS: nothing can be sent any more"};
      }
      left -= record;
      bytes_written_ += record;
    }
    const auto flushed = co_await flush(idle, left > 0 ? net::Next::more : next);
    if (!flushed) co_return flushed;
  }
  co_return Result<void>();
}

// Everything that OpenSSL has made, also what it makes meanwhile.
net::Awaitable<Result<void>> Stream::flush(base::Duration idle, net::Next next) {
  while (sent_ < made_) {
    if (write_cancelled_) co_return Error{ErrorKind::cancelled, side_, "cancelled"};
    const std::uint32_t until = made_;
    net::BufferList buffers;
    buffers.emplace_back(sending_.data() + sent_, until - sent_);
    const auto written = co_await inner_->write(buffers, idle, next);
    if (!written) co_return written;
    sent_ = until;
  }
  made_ = sent_ = 0;
  sending_ = net::Block();
  co_return Result<void>();
}

net::Awaitable<Result<void>> Stream::shutdown_send(base::Duration idle) {
  if (SSL_is_init_finished(ssl_.get()) != 0 && (SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) == 0) {
    ERR_clear_error();
    static_cast<void>(SSL_shutdown(ssl_.get()));
    ERR_clear_error();
    const auto flushed = co_await flush(idle, net::Next::close);
    if (!flushed) co_return flushed;
  }
  co_return co_await inner_->shutdown_send(idle);
}

}  // namespace lb::tls
