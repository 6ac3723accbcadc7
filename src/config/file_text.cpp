#include "config/file_text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "config/load.hpp"

namespace lb::config {
namespace {

// Our deepest key has two dots, an address four; a line may hold several of them.
constexpr std::ptrdiff_t kDotsPerLineMax = 64;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

constexpr std::size_t kReadBytes = 16 * 1024;

struct CloseFile {
  void operator()(std::FILE* file) const { static_cast<void>(std::fclose(file)); }
};

std::string open_problem(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return "there is no such file";
    case EACCES:
      return "may not be read: permission denied";
    default:
      return "cannot be read: " + std::generic_category().message(error);
  }
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t' && c != '\r') || byte == 0x7F;
}

// A comment with a quote in it may be the end of a string of several lines, with keys behind it.
bool is_plain_comment(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(" \t");
  return begin != std::string_view::npos && line[begin] == '#' && line.find_first_of("\"'") == std::string_view::npos;
}

bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

// Where the comment of a line begins. Strings of several lines are not followed: a line of one may be misjudged, and
// then only the message about it differs.
std::size_t comment_begin(std::string_view line) {
  char quote = '\0';
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == '\0' && c == '#') {
      return i;
    }
    if (quote == '"' && c == '\\') {
      ++i;  // An escaped quote does not end the string.
    } else if (quote != '\0') {
      quote = c == quote ? '\0' : quote;
    } else if (c == '"' || c == '\'') {
      quote = c;
    }
  }
  return line.size();
}

std::optional<ConfigError> line_problem(std::string_view line) {
  const auto* const control = std::find_if(line.begin(), line.end(), is_control);
  if (control != line.end()) {
    return ConfigError{
        .column = static_cast<unsigned>(control - line.begin()) + 1,
        .message = "the control character " + printable({&*control, 1}) + " is not allowed; is this a text file?"};
  }
  if (std::count(line.begin(), line.end(), '.') > kDotsPerLineMax && !is_plain_comment(line)) {
    return ConfigError{
        .column = 1,
        .message = "the line has more than " + std::to_string(kDotsPerLineMax) + " dots; no key is that deep"};
  }
  const std::string_view code = line.substr(0, comment_begin(line));
  const auto* const foreign = std::find_if_not(code.begin(), code.end(), is_ascii);
  if (foreign != code.end()) {
    const std::string_view rest = code.substr(static_cast<std::size_t>(foreign - code.begin()));
    if (rest.starts_with("\xE2\x80\x98") || rest.starts_with("\xE2\x80\x99") || rest.starts_with("\xE2\x80\x9C") ||
        rest.starts_with("\xE2\x80\x9D") || rest.starts_with("\xE2\x80\x9E")) {
      return ConfigError{.column = static_cast<unsigned>(foreign - code.begin()) + 1,
                         .message = "this quote is one of printed text, which word processors put in; write \" or '"};
    }
    return ConfigError{.column = static_cast<unsigned>(foreign - code.begin()) + 1,
                       .message = "only comments may contain characters beyond ASCII; host names have an xn-- form"};
  }
  return std::nullopt;
}

}  // namespace

Checked<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const auto fail = [&](std::string message) {
    return ConfigError{.file = path.empty() ? "\"\"" : path, .message = std::move(message)};
  };
  std::error_code ignored;
  // fopen() opens a directory happily; only reading it fails, and not on every system.
  if (std::filesystem::is_directory(path, ignored)) {
    return fail("is a directory; name a file");
  }
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rbe"));
  if (file == nullptr) {
    return fail(open_problem(errno));
  }
  std::string text;
  std::array<char, kReadBytes> buffer{};
  while (text.size() <= bytes_max) {
    const std::size_t length = std::fread(buffer.data(), 1, buffer.size(), file.get());
    if (length == 0) {
      if (std::ferror(file.get()) != 0) {
        return fail(open_problem(errno));
      }
      break;
    }
    text.append(buffer.data(), length);
  }
  if (text.size() > bytes_max) {
    return fail("is larger than " + std::to_string(bytes_max) + " bytes");
  }
  return text;
}

std::string_view without_byte_order_mark(std::string_view text) {
  return text.starts_with(kByteOrderMark) ? text.substr(kByteOrderMark.size()) : text;
}

Checked<std::string> clean_text(std::string_view text) {
  if (text.size() > kFileBytesMax) {
    return ConfigError{.message = "is larger than " + std::to_string(kFileBytesMax) + " bytes"};
  }
  text = without_byte_order_mark(text);
  std::string clean(text);
  for (unsigned line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (std::optional<ConfigError> error = line_problem(text.substr(0, end))) {
      error->line = line;
      return std::move(*error);
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  std::replace_if(clean.begin(), clean.end(), std::not_fn(is_ascii), '?');
  return clean;
}

}  // namespace lb::config
