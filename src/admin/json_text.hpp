// JSON as people like to read it.
#pragma once

#include <string>

#include <boost/json/value.hpp>

namespace lb::admin {

// The value in one line, as boost::json::serialize() has it but for numbers with a fraction: 1.587 rather than 1.587E0,
// with three decimals at most.
[[nodiscard]] std::string json_text(const boost::json::value& value);

}  // namespace lb::admin
