#include "config/excerpt.hpp"

#include <algorithm>
#include <clocale>
#include <cwchar>
#include <optional>
#include <vector>

#include "base/utf8.hpp"
#include "config/config_error.hpp"

namespace lb::config {
namespace {

// What is kept of a line before and from the place on: both fit beside each other in a usual terminal.
constexpr std::size_t kBytesBefore = 60;
constexpr std::size_t kBytesAfter = 100;
constexpr std::string_view kTab = "    ";
constexpr std::string_view kCut = "...";
constexpr std::string_view kSecret = "***";

struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

std::size_t after_last(std::string_view text, std::string_view any_of) {
  const std::size_t at = text.find_last_of(any_of);
  return at == std::string_view::npos ? 0 : at + 1;
}

// Where the address begins whose '@' follows the text. The line may be no valid TOML, so this is a guess that rather
// hides too much: in quotes anything may be part of a password, elsewhere anything but the comma of a list.
std::size_t begin_of_address(std::string_view before) {
  const std::size_t quote = after_last(before, "\"'");
  const std::size_t item = quote > 0 ? quote : after_last(before, ",");
  const std::size_t scheme = before.rfind("://");
  if (scheme != std::string_view::npos && scheme >= item) return scheme + 3;
  return quote > 0 ? quote : after_last(before, " \t,=");
}

// Where the value of admin.token begins, however it is written; the line's end if there is none.
std::size_t begin_of_token(std::string_view line) {
  constexpr std::string_view kName = "token";
  for (std::size_t name = line.find(kName); name != std::string_view::npos; name = line.find(kName, name + 1)) {
    const std::size_t sign = line.find_first_not_of("\"' \t", name + kName.size());
    if (sign == std::string_view::npos || (line[sign] != '=' && line[sign] != ':')) continue;
    return std::min(line.find_first_not_of(" \t", sign + 1), line.size());
  }
  return line.size();
}

// User names and passwords that reach into the window, and the token.
std::vector<Range> find_secrets(std::string_view line, Range window) {
  std::vector<Range> secrets;
  if (const std::size_t token = begin_of_token(line); token < line.size()) {
    secrets.push_back({token, line.size()});
    line = line.substr(0, token);
  }
  std::size_t from = 0;
  for (std::size_t at = line.find('@'); at != std::string_view::npos; at = line.find('@', at + 1)) {
    const Range secret{from + begin_of_address(line.substr(from, at - from)), at};
    if (secret.begin < std::min(secret.end, window.end) && secret.end > window.begin) secrets.push_back(secret);
    from = at;
  }
  return secrets;
}

Range window_around(std::string_view line, std::size_t place) {
  std::size_t begin = place > kBytesBefore + kCut.size() ? place - kBytesBefore : 0;
  std::size_t end = line.size() > place + kBytesAfter + kCut.size() ? place + kBytesAfter : line.size();
  while (begin > 0 && begin < place && base::is_continuation(line[begin])) ++begin;
  while (end > place && end < line.size() && base::is_continuation(line[end])) --end;
  return {begin, end};
}

// Columns that the code point takes on a terminal; 0 for one that is not to be printed, for it combines with others,
// changes the direction of writing or does something else that would move the caret. The C library knows, but only in a
// locale, and the program must not depend on the one that it is started in.
class ColumnCounter {
 public:
  ColumnCounter() : locale_(newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (locale_ != nullptr) before_ = uselocale(locale_);
  }
  ~ColumnCounter() {
    if (locale_ == nullptr) return;
    uselocale(before_);
    freelocale(locale_);
  }
  ColumnCounter(const ColumnCounter&) = delete;
  ColumnCounter& operator=(const ColumnCounter&) = delete;

  [[nodiscard]] std::size_t columns(char32_t value) const {
    if (value >= 0x20 && value < 0x7F) return 1;
    const int columns = locale_ != nullptr ? wcwidth(static_cast<wchar_t>(value)) : 0;
    return columns > 0 ? static_cast<std::size_t>(columns) : 0;
  }

 private:
  locale_t locale_;
  locale_t before_ = nullptr;
};

class Writer {
 public:
  Writer(std::string_view line, Range marked)
      : line_(line),
        marked_(marked),
        window_(window_around(line, marked.begin)),
        secrets_(find_secrets(line, window_)) {}

  Excerpt write() {
    if (window_.begin > 0) append(kCut);
    for (std::size_t at = window_.begin; at < window_.end;) at = write_unit(at);
    if (!column_) column_ = columns_;
    if (window_.end < line_.size()) append(kCut);
    return {.text = std::move(text_), .column = *column_, .width = std::max(end_, *column_ + 1) - *column_};
  }

 private:
  // One code point, byte or secret; returns where the next one begins.
  std::size_t write_unit(std::size_t at) {
    const std::size_t column = columns_;
    const std::size_t next = append_unit(at);
    if (!column_ && marked_.begin < next) column_ = column;
    if (at < marked_.end) end_ = columns_;
    return next;
  }

  std::size_t append_unit(std::size_t at) {
    const auto secret = std::ranges::find_if(secrets_, [&](const Range& r) { return r.begin <= at && at < r.end; });
    if (secret != secrets_.end()) {
      append(kSecret);
      return secret->end;
    }
    if (line_[at] == '\t') {
      append(kTab);
      return at + 1;
    }
    const std::optional<base::CodePoint> point = base::first_code_point(line_.substr(at));
    const std::size_t columns = point ? counter_.columns(point->value) : 0;
    const std::string_view bytes = line_.substr(at, point ? point->bytes : 1);
    if (columns == 0) {
      append(escaped(bytes));
    } else {
      text_ += bytes;
      columns_ += columns;
    }
    return at + bytes.size();
  }

  void append(std::string_view ascii) {
    text_ += ascii;
    columns_ += ascii.size();
  }

  std::string_view line_;
  Range marked_;
  Range window_;
  std::vector<Range> secrets_;
  ColumnCounter counter_;
  std::string text_;
  std::size_t columns_ = 0;  // of text_
  std::optional<std::size_t> column_;
  std::size_t end_ = 0;
};

}  // namespace

Excerpt make_excerpt(std::string_view line, std::size_t begin, std::size_t length) {
  begin = std::min(begin, line.size());
  return Writer(line, {begin, begin + std::min(length, line.size() - begin)}).write();
}

std::string_view line_of(std::string_view text, unsigned number) {
  for (; number > 1; --number) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  return text.ends_with('\r') ? text.substr(0, text.size() - 1) : text;
}

}  // namespace lb::config
