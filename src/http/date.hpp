// The Date field (RFC 9110 section 6.6.1), formatted once a second rather than once a response.
#pragma once

#include <array>
#include <ctime>
#include <string_view>

#include "base/date_text.hpp"

namespace lb::http {

class DateCache {
 public:
  // IMF-fixdate of `seconds` since 1970, 29 characters; valid until the next call. One thread.
  [[nodiscard]] std::string_view at(std::time_t seconds) noexcept {
    if (seconds != seconds_) {
      base::write_http_date(seconds, text_);
      seconds_ = seconds;
    }
    return {text_.data(), text_.size()};
  }

 private:
  std::time_t seconds_ = -1;
  std::array<char, base::kHttpDateBytes> text_{};
};

}  // namespace lb::http
