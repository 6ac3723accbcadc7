# lb_library(<folder> [DEPS <folders>] [PRIVATE_DEPS <targets>]): the library lb_<folder> of all src/<folder>/*.cpp.
function(lb_library name)
  cmake_parse_arguments(ARG "" "" "DEPS;PRIVATE_DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/src/${name}/*.cpp")
  add_library(lb_${name} STATIC ${sources})
  target_link_libraries(lb_${name} PUBLIC lb_options lb_boost)
  foreach(dep IN LISTS ARG_DEPS)
    target_link_libraries(lb_${name} PUBLIC lb_${dep})
  endforeach()
  foreach(dep IN LISTS ARG_PRIVATE_DEPS)
    target_link_libraries(lb_${name} PRIVATE ${dep})
  endforeach()
  # Asio is most of what these compile: its headers are compiled once for all of them. Nothing of ours is among them, so
  # that each file still includes what it uses.
  if(name STREQUAL "net")
    target_precompile_headers(lb_net PRIVATE <functional> <memory> <string> <string_view> <vector>
      <boost/asio/as_tuple.hpp> <boost/asio/deferred.hpp>
      <boost/asio/io_context.hpp> <boost/asio/ip/tcp.hpp> <boost/asio/post.hpp> <boost/container/static_vector.hpp>)
  elseif(name MATCHES "^(http1|upstream|proxy|admin|app)$")
    target_precompile_headers(lb_${name} REUSE_FROM lb_net)
  endif()
  if(name STREQUAL "base")
    target_link_libraries(lb_base PRIVATE spdlog::spdlog)
  elseif(name STREQUAL "net")
    target_include_directories(lb_net SYSTEM PRIVATE ${LIBURING_INCLUDE_DIR})
    target_link_libraries(lb_net PRIVATE ${LIBURING_LIBRARY})
  elseif(name STREQUAL "upstream")
    target_include_directories(lb_upstream SYSTEM PRIVATE ${CARES_INCLUDE_DIR})
    target_link_libraries(lb_upstream PRIVATE ${CARES_LIBRARY})
  elseif(name STREQUAL "config")
    target_include_directories(lb_config SYSTEM PRIVATE ${TOMLPLUSPLUS_INCLUDE_DIR})
  endif()
endfunction()

# lb_embed(<folder> <text> <template>): the text, with @VERSION@ filled in, becomes @TEXT@ of a source file of the folder.
function(lb_embed name text template)
  set(folder "${CMAKE_CURRENT_SOURCE_DIR}/src/${name}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${folder}/${text}")
  file(READ "${folder}/${text}" TEXT)
  string(REPLACE "@VERSION@" "${PROJECT_VERSION}" TEXT "${TEXT}")
  configure_file("${folder}/${template}" "${CMAKE_CURRENT_BINARY_DIR}/embedded/${name}/${text}.cpp" @ONLY)
  target_sources(lb_${name} PRIVATE "${CMAKE_CURRENT_BINARY_DIR}/embedded/${name}/${text}.cpp")
endfunction()

# The dashboard's page, with its style and script, as one C++ file of lb_admin.
function(lb_dashboard)
  set(source "${CMAKE_CURRENT_SOURCE_DIR}/src/admin/dashboard")
  set(script "${CMAKE_CURRENT_SOURCE_DIR}/cmake/embed_dashboard.cmake")
  set(output "${CMAKE_CURRENT_BINARY_DIR}/embedded/admin/dashboard_page.cpp")
  file(GLOB parts CONFIGURE_DEPENDS "${source}/*")
  add_custom_command(OUTPUT "${output}" DEPENDS ${parts} "${script}" VERBATIM
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${source} -DOUTPUT=${output} -P "${script}")
  target_sources(lb_admin PRIVATE "${output}")
endfunction()
