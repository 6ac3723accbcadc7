# Makes one C++ file of the dashboard's page: cmake -DSOURCE=src/admin/dashboard -DOUTPUT=page.cpp -P embed_dashboard.cmake
# Style and script stand in the page, and their hashes in its Content-Security-Policy, so that nothing else runs in it.

function(base64_of_hex hex out)
  set(alphabet "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  # Three digits of 4 bits are two of 6. SHA-256 has 64: two are missing to a multiple of three, which is one "=".
  string(APPEND hex "00")
  set(text "")
  foreach(at RANGE 0 63 3)
    string(SUBSTRING "${hex}" ${at} 3 digits)
    math(EXPR first "0x${digits} >> 6")
    math(EXPR second "0x${digits} & 63")
    string(SUBSTRING "${alphabet}" ${first} 1 first)
    string(SUBSTRING "${alphabet}" ${second} 1 second)
    string(APPEND text "${first}${second}")
  endforeach()
  string(SUBSTRING "${text}" 0 43 text)
  set(${out} "${text}=" PARENT_SCOPE)
endfunction()

function(source_of text out)
  string(SHA256 hash "${text}")
  base64_of_hex("${hash}" hash)
  set(${out} "'sha256-${hash}'" PARENT_SCOPE)
endfunction()

file(READ "${SOURCE}/page.html" page)
file(READ "${SOURCE}/style.css" style)
set(script "'use strict';\n(() => {\n")
foreach(part format charts connection backends requests main)
  file(READ "${SOURCE}/${part}.js" text)
  string(APPEND script "${text}\n")
endforeach()
string(APPEND script "})();\n")
source_of("${style}" style_source)
source_of("${script}" script_source)
string(REPLACE "@STYLE@" "${style}" page "${page}")
string(REPLACE "@SCRIPT@" "${script}" page "${page}")

file(WRITE "${OUTPUT}" "// Made by cmake/embed_dashboard.cmake.
#include \"admin/dashboard.hpp\"

namespace lb::admin {

const std::string_view kDashboardPage = R\"page~(${page})page~\";

const std::string_view kDashboardPolicy =
    \"default-src 'none'; style-src ${style_source}; script-src ${script_source}; img-src data:; connect-src 'self'; \"
    \"base-uri 'none'; form-action 'none'; frame-ancestors 'none'\";

}  // namespace lb::admin
")
