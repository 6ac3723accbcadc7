// What lines of the access log have to be like.
#pragma once

#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace lb::test {

// The Combined format, as strictly as its strictest reader: nothing within quotes that is not escaped.
inline const std::regex kCombined(R"re(([^ ]+) - - \[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] )re"
                                  R"re("((?:[ !#-\[\]-~]|\\x[0-9A-F]{2})+)" (\d{3}) (\d+) )re"
                                  R"re("((?:[ !#-\[\]-~]|\\x[0-9A-F]{2})+)" "((?:[ !#-\[\]-~]|\\x[0-9A-F]{2})+)")re");

// Without their ends. What stands behind the last one is a line as well.
inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace lb::test
