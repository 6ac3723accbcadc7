#include "app/inheritance.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace lb::app {
namespace {

using upstream::Administration;

// Cuts the text up to the separator off the front.
std::string_view cut(std::string_view& rest, char separator) noexcept {
  const std::size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return part;
}

std::optional<Administration> administration_of(std::string_view word) noexcept {
  for (const Administration one : {Administration::active, Administration::draining, Administration::disabled}) {
    if (word == to_string(one)) return one;
  }
  return std::nullopt;
}

}  // namespace

std::string write(const Inheritance& left) {
  std::string text = "next\t" + left.next + "\n";
  for (const Inheritance::Backend& backend : left.backends) {
    std::string reason = backend.reason;
    std::ranges::replace_if(reason, [](char c) { return c == '\t' || c == '\n'; }, ' ');
    text.append("backend\t").append(backend.url).append("\t").append(to_string(backend.administration));
    text.append(backend.failed ? "\tfailed\t" : "\t-\t").append(std::to_string(backend.weight));
    text.append("\t").append(reason).append("\n");
  }
  return text;
}

Inheritance read_inheritance(std::string_view text) {
  Inheritance left;
  while (!text.empty()) {
    std::string_view line = cut(text, '\n');
    const std::string_view what = cut(line, '\t');
    if (what == "next") left.next = line;
    if (what != "backend") continue;
    Inheritance::Backend backend;
    backend.url = cut(line, '\t');
    const auto administration = administration_of(cut(line, '\t'));
    if (!administration) continue;
    backend.administration = *administration;
    backend.failed = cut(line, '\t') == "failed";
    const std::string_view weight = cut(line, '\t');
    std::from_chars(weight.data(), weight.data() + weight.size(), backend.weight);
    backend.reason = line;
    left.backends.push_back(std::move(backend));
  }
  return left;
}

}  // namespace lb::app
