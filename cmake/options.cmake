# One interface target carries what every translation unit of ours is compiled with.
add_library(lb_options INTERFACE)
target_include_directories(lb_options INTERFACE "${CMAKE_CURRENT_SOURCE_DIR}/src")
target_compile_options(lb_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Wnull-dereference)
if(LB_WERROR)
  target_compile_options(lb_options INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these inside its own coroutine frames and inside Boost, never on our lines.
  target_compile_options(lb_options INTERFACE -Wno-null-dereference -Wno-maybe-uninitialized -Wno-mismatched-new-delete)
  # It numbers the temporaries in a coroutine's frame by translation unit; LTO then takes equal frames for different types.
  # And takes an array of Boost.JSON for one of no bytes, which another function has just enlarged.
  target_link_options(lb_options INTERFACE -Wno-odr -Wno-stringop-overread)
  if(LB_SANITIZE)
    # The sanitizers' instrumentation itself triggers these in library headers.
    target_compile_options(lb_options INTERFACE -Wno-stringop-overflow -Wno-array-bounds -Wno-tsan)
  endif()
endif()
if(LB_SANITIZE)
  add_compile_options(-fsanitize=${LB_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${LB_SANITIZE})
endif()
target_compile_definitions(lb_options INTERFACE
  LB_VERSION="${PROJECT_VERSION}"
  # Asio keeps the memory of ended operations per thread; of a worker by its reactor many end in one turn, and the default
  # is to keep 2.
  BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=8
  BOOST_ASIO_NO_DEPRECATED)
