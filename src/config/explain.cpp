#include "config/explain.hpp"

#include <string_view>

namespace lb::config {
namespace {

constexpr std::string_view kBold = "\x1B[1m";
constexpr std::string_view kBoldRed = "\x1B[1;31m";
constexpr std::string_view kDim = "\x1B[2m";
constexpr std::string_view kPlain = "\x1B[0m";

class Painter {
 public:
  explicit Painter(Colour colour) : on_(colour == Colour::on) {}

  [[nodiscard]] std::string paint(std::string_view colour, std::string_view text) const {
    std::string out(text);
    return on_ ? std::string(colour) + out + std::string(kPlain) : out;
  }

 private:
  bool on_;
};

std::string excerpt_lines(const ConfigError& error, const Painter& painter) {
  // An argument has no line number, and then no bar that would set it apart either.
  const std::string number = error.line > 0 ? std::to_string(error.line) : "";
  const std::string bar = error.line > 0 ? " | " : "";
  const std::string margin = "  " + std::string(number.size(), ' ');
  const Excerpt& excerpt = error.excerpt;
  return "  " + painter.paint(kDim, number + bar) + excerpt.text + '\n' + margin + painter.paint(kDim, bar) +
         std::string(excerpt.column, ' ') + painter.paint(kBoldRed, std::string(excerpt.width, '^')) + '\n';
}

}  // namespace

std::string explain(const ConfigErrors& errors, Colour colour) {
  const Painter painter(colour);
  std::string out;
  for (const ConfigError& error : errors) {
    const std::string place = render_place(error);
    out += painter.paint(kBold, place) + render(error).substr(place.size()) + '\n';
    if (!error.excerpt.text.empty()) out += excerpt_lines(error, painter);
  }
  return out;
}

}  // namespace lb::config
