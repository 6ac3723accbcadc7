// Why a request was answered as it was, in one sentence of plain words.
#pragma once

#include <span>
#include <string>

#include "telemetry/request_record.hpp"

namespace lb::telemetry {

// "It was the turn of http://b1, which could not be reached (connection refused); then http://b2 answered with 200
// after 3.1 ms." Names every attempt and every backend that was passed over, as far as the record has them, and the
// first few of `out`: backends whose turn it was not, and which would not have got the request if it had been.
[[nodiscard]] std::string explain(const RequestRecord& record, std::span<const Passed> out = {});

}  // namespace lb::telemetry
