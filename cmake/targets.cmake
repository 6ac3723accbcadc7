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
  elseif(name MATCHES "^(http1|upstream|proxy|app)$")
    target_precompile_headers(lb_${name} REUSE_FROM lb_net)
  endif()
  if(name STREQUAL "base")
    target_link_libraries(lb_base PRIVATE spdlog::spdlog)
  elseif(name STREQUAL "config")
    target_include_directories(lb_config SYSTEM PRIVATE ${TOMLPLUSPLUS_INCLUDE_DIR})
  endif()
endfunction()
