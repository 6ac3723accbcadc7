#include "http/authentication.hpp"

#include "http/text.hpp"

namespace lb::http {
namespace {

// A challenge or credentials: the scheme, and what belongs to it behind a space (RFC 9110 section 11.4).
bool has_connection_scheme(std::string_view element) noexcept {
  const std::string_view scheme = element.substr(0, element.find_first_of(" \t"));
  return equals_ignoring_case(scheme, "ntlm") || equals_ignoring_case(scheme, "negotiate");
}

}  // namespace

bool authenticates_connection(const Fields& fields) noexcept {
  const bool speaks_of_authentication = fields.has(FieldId::authorization) || fields.has(FieldId::www_authenticate) ||
                                        fields.has(FieldId::proxy_authorization) ||
                                        fields.has(FieldId::proxy_authenticate);
  if (!speaks_of_authentication) return false;
  bool found = false;
  for (const Field& field : fields) {
    switch (field.id) {
      case FieldId::authorization:
      case FieldId::www_authenticate:
      case FieldId::proxy_authorization:
      case FieldId::proxy_authenticate:
        // Parameters are elements, too, and quoted commas cut them: a scheme that is found wrongly costs a connection
        // its place in the pool and nothing else.
        for_each_element(field.value,
                         [&found](std::string_view element) { found = found || has_connection_scheme(element); });
        break;
      default:
        break;
    }
  }
  return found;
}

}  // namespace lb::http
