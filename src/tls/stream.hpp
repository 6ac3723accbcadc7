// A Stream of what another one carries under TLS.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "net/block_pool.hpp"
#include "net/input_buffer.hpp"
#include "net/stream.hpp"
#include "tls/openssl.hpp"

namespace lb::tls {

// Server or client. What is read is the peer's application data; tickets, key updates and alerts are no bytes of it. An
// end with close_notify is `closed`, one without `truncated` (RFC 8446 section 6.1). Bytes that are written at once
// share records of 16 KiB. An idle one holds no buffers. Its pool outlives it.
class Stream final : public net::Stream {
 public:
  // `ssl`: fresh, and set to its role. `keep`: what its callbacks use lives as long as the stream.
  Stream(net::StreamPtr inner, SslPtr ssl, net::BlockPool& blocks, base::Side side,
         std::shared_ptr<const void> keep = nullptr);
  ~Stream() override;

  // Before anything else. Errors: those of the inner stream, tls_certificate, tls_protocol, tls_alert.
  [[nodiscard]] net::Awaitable<base::Result<void>> handshake(base::Deadline deadline);
  // Bytes that were read from the inner stream before it was made into this one; at most a block of them. Before
  // handshake().
  void take_in(std::string_view early);
  // Whether an earlier session goes on. After handshake().
  [[nodiscard]] bool is_resumed() noexcept { return SSL_session_reused(ssl_.get()) == 1; }
  [[nodiscard]] SSL& ssl() noexcept { return *ssl_; }

  using net::Stream::write;
  [[nodiscard]] net::Awaitable<base::Result<std::size_t>> read_some(net::ReadBuffer& into,
                                                                    base::Deadline deadline) override;
  [[nodiscard]] bool more_at_hand() const noexcept override;
  [[nodiscard]] std::size_t read_at_hand(net::ReadBuffer& into) override;
  [[nodiscard]] net::Awaitable<base::Result<void>> wait_readable(base::Deadline deadline) override;
  bool read_ahead() noexcept override;
  [[nodiscard]] net::Probe probe() noexcept override { return look(inner_->probe()); }
  [[nodiscard]] net::Probe noticed() noexcept override { return look(inner_->noticed()); }
  [[nodiscard]] net::Awaitable<base::Result<void>> write(const net::BufferList& from, base::Duration idle,
                                                         net::Next next) override;
  // With close_notify.
  [[nodiscard]] net::Awaitable<base::Result<void>> shutdown_send(base::Duration idle) override;
  void set_read_deadline(base::Deadline deadline) noexcept override;
  void cancel_read() noexcept override;
  void cancel_write() noexcept override;
  [[nodiscard]] net::asio::ip::tcp::endpoint local_endpoint() const noexcept override {
    return inner_->local_endpoint();
  }
  void close() noexcept override { inner_->close(); }
  void abort() noexcept override { inner_->abort(); }

 private:
  enum class State : std::uint8_t { data, wanting, ended };
  class Pending;

  static BIO_METHOD* bio_method();
  static int bio_read(BIO* bio, char* into, int size);
  static int bio_write(BIO* bio, const char* from, int size);

  [[nodiscard]] std::optional<base::Error> stopped() const noexcept;
  std::size_t decrypt(net::ReadBuffer& into);
  State peek() noexcept;
  State note_failure(int result) noexcept;
  [[nodiscard]] net::Probe look(net::Probe inner) noexcept;
  [[nodiscard]] base::Error end_of(const base::Error& inner) const noexcept;
  [[nodiscard]] base::Error handshake_error(int why) noexcept;

  [[nodiscard]] std::size_t room() const noexcept;
  void make_room(std::size_t bytes);
  bool encrypt(std::string_view plain) noexcept;
  net::Awaitable<base::Result<void>> flush(base::Duration idle, net::Next next);

  net::StreamPtr inner_;
  std::shared_ptr<const void> keep_;
  SslPtr ssl_;
  net::BlockPool& blocks_;
  net::InputBuffer received_;                    // of the inner stream, not taken by OpenSSL yet
  net::Block sending_;                           // what OpenSSL has made
  std::uint32_t made_ = 0;                       // bytes of it
  std::uint32_t sent_ = 0;                       // of those
  base::Deadline read_deadline_ = base::kNever;  // of the read that pends
  bool got_data_ = false;                        // of the peer, ever
  bool reading_ = false;
  bool read_cancelled_ = false;
  bool writing_ = false;
  bool write_cancelled_ = false;
  bool ended_ = false;        // nothing can be decrypted any more:
  base::Error end_{};         // why
  bool reads_ahead_ = false;  // the inner stream was told to
};

}  // namespace lb::tls
