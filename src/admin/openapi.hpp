// The description of the admin interface: src/admin/openapi.json, as it was when this was built.
#pragma once

#include <string_view>

namespace lb::admin {

extern const std::string_view kOpenApi;

}  // namespace lb::admin
