#include "config/nearest_name.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace lb::config {
namespace {

// No known name is nearly as long; the bound keeps hostile names from costing quadratic time.
constexpr std::size_t kNameBytesMax = 64;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// "warn" for "warning": how some people abbreviate. Two letters would match too much.
constexpr std::size_t kPrefixBytesMin = 3;

bool is_prefix(std::string_view name, std::string_view candidate) {
  return name.size() >= kPrefixBytesMin && name.size() < candidate.size() &&
         edit_distance(name, candidate.substr(0, name.size())) == 0;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the usual table are enough: a swap looks two rows back.
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    last[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0U : 1U)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1])) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::optional<std::string_view> nearest_name(std::string_view name, std::span<const std::string_view> candidates) {
  if (name.empty() || name.size() > kNameBytesMax) {
    return std::nullopt;
  }
  // One slip in a short name, one more for every four letters: beyond that a hint is a guess.
  std::size_t best_distance = 2 + name.size() / 4;
  std::optional<std::string_view> best;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best_distance = distance;
      best = candidate;
    }
  }
  if (!best) {
    const auto match = std::find_if(candidates.begin(), candidates.end(),
                                    [&](std::string_view candidate) { return is_prefix(name, candidate); });
    if (match != candidates.end()) {
      best = *match;
    }
  }
  return best;
}

}  // namespace lb::config
