#include "config/config_error.hpp"

namespace lb::config {
namespace {

// Longer values are cut: a message is one line that somebody has to read.
constexpr std::size_t kShownBytesMax = 100;

void append_escaped(std::string& out, unsigned char byte) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\x";
  out += kHex[byte >> 4U];
  out += kHex[byte & 0x0FU];
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte > 0x7E) {
      append_escaped(out, byte);
    } else {
      out += c;
    }
  }
  return out;
}

std::string printable(std::string_view text) {
  std::string out = escaped(text.substr(0, kShownBytesMax));
  if (text.size() > kShownBytesMax) {
    out += "...";
  }
  return out;
}

std::string in_quotes(std::string_view text) {
  return '"' + printable(text) + '"';
}

std::string render_place(const ConfigError& error) {
  std::string out;
  if (!error.file.empty()) {
    // A path is never cut: it is what the user has to open.
    out += escaped(error.file);
    if (error.line > 0) {
      out += ':' + std::to_string(error.line) + ':' + std::to_string(error.column);
    }
    out += ": ";
  }
  if (!error.key.empty()) {
    out += escaped(error.key) + ": ";
  }
  return out;
}

std::string render(const ConfigError& error) {
  return render_place(error) + escaped(error.message);
}

std::string render(const ConfigErrors& errors) {
  std::string out;
  for (const ConfigError& error : errors) {
    out += render(error) + '\n';
  }
  return out;
}

}  // namespace lb::config
