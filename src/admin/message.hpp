// What is asked of the admin interface, and what it answers, apart from the connection.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/message.hpp"

namespace lb::admin {

// A request whose head, and perhaps body, was read. Owns its texts.
struct Request {
  http::Method method = http::Method::other;
  http::Version version = http::Version::http_1_1;
  std::string path{};   // "/status", as it was sent: no byte is decoded
  std::string query{};  // behind the "?", without it
  std::string rest{};   // of the path, where the route ends in "*": "abc" of "/why/abc" for "/why/*"
  std::string body{};
  // Fields that decide whether it may be answered; empty: there was none.
  std::string host{};
  std::string origin{};
  std::string content_type{};
  std::string authorization{};
  std::string fetch_site{};  // Sec-Fetch-Site: where a browser's page came from that asks
  std::string fetch_dest{};  // Sec-Fetch-Dest: "document" if the user follows a link
};

// The body of a long answer. It is made while it is sent, a piece at a time, so that neither its memory nor the time of
// the thread grows with the number of backends and readers.
class Pieces {
 public:
  Pieces() = default;
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;
  virtual ~Pieces() = default;

  // Appends the next piece, of about kPieceBytes. False: it was the last one.
  [[nodiscard]] virtual bool next(std::string& out) = 0;
};

struct Answer {
  unsigned status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";  // of static storage
  std::string body{};
  // Whole lines with their CRLF, beside those that every answer has: "Allow: GET\r\n".
  std::string fields{};
  std::unique_ptr<Pieces> pieces{};  // the body, if not null
};

inline constexpr std::string_view kJson = "application/json";

// {"error": sentence}.
[[nodiscard]] Answer refusal(unsigned status, std::string_view sentence);

// "Not Found" of 404: for those that the admin interface uses.
[[nodiscard]] std::string_view reason_phrase(unsigned status) noexcept;

}  // namespace lb::admin
