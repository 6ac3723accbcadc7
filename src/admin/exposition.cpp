#include "admin/exposition.hpp"

#include <array>
#include <charconv>
#include <cstdio>

namespace lb::admin {
namespace {

struct Bound {
  std::size_t buckets;  // those below it
  std::string text;     // in seconds
};

std::vector<Bound> make_bounds() {
  std::vector<Bound> bounds;
  for (std::size_t i = 0; i < telemetry::kBucketMicros.size(); ++i) {
    std::uint32_t digits = telemetry::kBucketMicros[i];
    while (digits % 10 == 0) digits /= 10;
    if (digits != 1 && digits != 2 && digits != 5) continue;
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%g", telemetry::kBucketMicros[i] / 1e6);
    bounds.push_back({i + 1, text.data()});
  }
  return bounds;
}

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

}  // namespace

std::string label(std::string_view name, std::string_view value) {
  std::string out(name);
  out += "=\"";
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    c == '\n' ? out += "\\n" : out += c;
  }
  return out += '"';
}

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = "load_balancer_";
  name_ += name;
  text_.append("# HELP ").append(name_).append(" ").append(help).append("\n# TYPE ").append(name_);
  text_.append(" ").append(type).append("\n");
}

void Exposition::begin(std::string_view suffix, std::string_view labels, std::string_view more_name,
                       std::string_view more_value) {
  text_.append(name_).append(suffix);
  if (labels.empty() && more_name.empty()) return;
  text_.append("{").append(labels);
  // Names of ours, which need no escaping.
  if (!more_name.empty()) {
    text_.append(labels.empty() ? "" : ",").append(more_name).append("=\"").append(more_value).append("\"");
  }
  text_.append("}");
}

void Exposition::end(std::uint64_t value) {
  text_ += ' ';
  append_number(text_, value);
  text_ += '\n';
}

void Exposition::end_millionths(std::uint64_t millionths) {
  text_ += ' ';
  append_number(text_, millionths / 1'000'000);
  std::string fraction = std::to_string(millionths % 1'000'000 + 1'000'000);
  fraction.front() = '.';
  text_.append(fraction).append("\n");
}

void Exposition::sample(std::uint64_t value, std::string_view labels) {
  begin({}, labels, {}, {});
  end(value);
}

void Exposition::sample(std::uint64_t value, std::string_view labels, std::string_view more_name,
                        std::string_view more_value) {
  begin({}, labels, more_name, more_value);
  end(value);
}

void Exposition::sample(base::WallTime at) {
  begin({}, {}, {}, {});
  const auto micros = std::chrono::floor<std::chrono::microseconds>(at.time_since_epoch()).count();
  end_millionths(micros > 0 ? static_cast<std::uint64_t>(micros) : 0);
}

void Exposition::sample(const telemetry::Distribution& latency, std::string_view labels) {
  static const std::vector<Bound> bounds = make_bounds();
  std::uint64_t below = 0;
  std::size_t bucket = 0;
  for (const Bound& bound : bounds) {
    while (bucket < bound.buckets) below += latency.buckets[bucket++];
    begin("_bucket", labels, "le", bound.text);
    end(below);
  }
  while (bucket < latency.buckets.size()) below += latency.buckets[bucket++];
  begin("_bucket", labels, "le", "+Inf");
  end(below);
  begin("_sum", labels, {}, {});
  end_millionths(latency.sum_micros);
  begin("_count", labels, {}, {});
  end(below);
}

}  // namespace lb::admin
