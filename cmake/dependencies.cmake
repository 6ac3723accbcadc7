# Every dependency is a Debian package; scripts/install-dependencies names them. Nothing is downloaded here.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(fmt REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(spdlog REQUIRED)
find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h REQUIRED)

# Third-party headers are system headers: their warnings are not ours to mend.
add_library(lb_boost INTERFACE)
target_include_directories(lb_boost SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
target_link_libraries(lb_boost INTERFACE Threads::Threads)

# llhttp: Debian 13 ships a library (libllhttp-dev); Debian 12 ships the C sources (node-llhttp).
find_path(LLHTTP_INCLUDE_DIR llhttp.h PATHS /usr/share/include/llhttp)
find_library(LLHTTP_LIBRARY NAMES llhttp)
find_path(LLHTTP_SOURCE_DIR llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH)
add_library(llhttp INTERFACE)
if(LLHTTP_INCLUDE_DIR AND LLHTTP_LIBRARY)
  target_link_libraries(llhttp INTERFACE ${LLHTTP_LIBRARY})
elseif(LLHTTP_INCLUDE_DIR AND LLHTTP_SOURCE_DIR)
  add_library(llhttp_objects STATIC
    ${LLHTTP_SOURCE_DIR}/api.c ${LLHTTP_SOURCE_DIR}/http.c ${LLHTTP_SOURCE_DIR}/llhttp.c)
  # Without strict mode llhttp 8 accepts white space before the colon and chunks without their CRLF.
  target_compile_definitions(llhttp_objects PUBLIC LLHTTP_STRICT_MODE=1)
  target_compile_options(llhttp_objects PRIVATE -w)
  target_include_directories(llhttp_objects PRIVATE ${LLHTTP_INCLUDE_DIR})
  target_link_libraries(llhttp INTERFACE llhttp_objects)
else()
  message(FATAL_ERROR "llhttp was not found. Install libllhttp-dev (Debian 13) or node-llhttp (Debian 12); scripts/install-dependencies does it.")
endif()
target_include_directories(llhttp SYSTEM INTERFACE ${LLHTTP_INCLUDE_DIR})

# The resolver asks name servers by c-ares (Debian 12 has 1.18, Debian 13 has 1.34).
find_path(CARES_INCLUDE_DIR ares.h REQUIRED)
find_library(CARES_LIBRARY NAMES cares REQUIRED)

# Linked statically: one library less to be there where the program runs.
find_path(LIBURING_INCLUDE_DIR liburing.h REQUIRED)
find_library(LIBURING_LIBRARY NAMES liburing.a uring REQUIRED)
