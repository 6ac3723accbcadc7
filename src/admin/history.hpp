// The last two minutes of what the dashboard draws, a point for each second: a page that is loaded again goes on where
// it was.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/json/object.hpp>

#include "admin/limits.hpp"

namespace lb::admin {

// Points are numbered from 0; those of the last kHistorySeconds are kept. Control thread.
class History {
 public:
  // Adds what the status says, with its rates. Backends that are not in it are forgotten.
  void add(const boost::json::object& status);
  // Adds points of which nothing is known.
  void skip(std::uint64_t points);
  // How many were added: the number of the next one.
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }

  // The backends of which something is kept.
  [[nodiscard]] std::vector<std::string> backends() const;
  // A list of values for each figure, the oldest first; null where nothing is known. Of the points before `end`.
  [[nodiscard]] boost::json::object server(std::uint64_t end) const;
  // Empty if that one is not known any more.
  [[nodiscard]] boost::json::object backend(const std::string& url, std::uint64_t end) const;

  static constexpr std::size_t kServerFigures = 5;
  static constexpr std::size_t kBackendFigures = 4;

 private:
  // The value of point n is at n % kHistorySeconds; not a number: none.
  struct Line {
    Line() noexcept;
    std::array<float, kHistorySeconds> values;
  };

  template <std::size_t N>
  [[nodiscard]] boost::json::object lists(const std::array<Line, N>& lines, const std::array<const char*, N>& names,
                                          std::uint64_t end) const;

  std::uint64_t end_ = 0;
  std::array<Line, kServerFigures> server_;
  struct Backend {
    std::array<Line, kBackendFigures> lines;
    std::uint64_t seen = 0;  // end_ when it was in a status last
  };
  std::unordered_map<std::string, Backend> backends_;
};

}  // namespace lb::admin
