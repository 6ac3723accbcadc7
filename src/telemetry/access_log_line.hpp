// A request as a line of the access log.
#pragma once

#include <string>
#include <string_view>

#include "telemetry/request_record.hpp"

namespace lb::telemetry {

// The Combined format of NCSA httpd, Apache and nginx, which many tools read, and nothing behind it. Appends one line
// with its end; `time` is LineTime::common(). A request that nobody answered has the status 499 if its client left, as
// with nginx, and 000 otherwise.
void append_combined(const RequestRecord& record, std::string_view time, std::string& out);

// One JSON object (RFC 8259) with all that is known; `time` is LineTime::utc(). What is not known, or was not there, is
// left out. Whatever bytes a client sends, the line is valid.
void append_json(const RequestRecord& record, std::string_view time, std::string& out);

}  // namespace lb::telemetry
