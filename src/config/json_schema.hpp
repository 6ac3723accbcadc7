// The table of keys as a JSON Schema, by which editors complete, explain and check a file while it is written.
#pragma once

#include <string>

namespace lb::config {

// JSON Schema 2020-12. Every file that load_text() takes is valid by it; what a schema cannot say, such as the range of
// a duration, is in the descriptions.
std::string json_schema();

}  // namespace lb::config
