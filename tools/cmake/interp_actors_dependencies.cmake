# CAF, CPython and OpenSSL, for the build and for the installed package.

find_package(OpenSSL REQUIRED)
find_package(CAF REQUIRED COMPONENTS core io)
# CAF 1.1.0 and Debian's 0.18.7 come without a version that find_package could compare: the header knows.
get_target_property(interp_actors_caf_include CAF::core INTERFACE_INCLUDE_DIRECTORIES)
string(REGEX REPLACE "^([0-9]+)\\.([0-9]+)\\.([0-9]+)$" "(\\1 * 10000 + \\2 * 100 + \\3)" interp_actors_caf_minimum
  "${INTERP_ACTORS_CAF_MINIMUM}")
file(WRITE "${CMAKE_BINARY_DIR}/interp_actors_caf_version.cpp" "
#include <caf/config.hpp>
#if CAF_MAJOR_VERSION * 10000 + CAF_MINOR_VERSION * 100 + CAF_PATCH_VERSION < ${interp_actors_caf_minimum}
#error interp-actors needs CAF ${INTERP_ACTORS_CAF_MINIMUM} or newer
#endif
int main() {}
")
try_compile(interp_actors_caf_is_new_enough "${CMAKE_BINARY_DIR}" "${CMAKE_BINARY_DIR}/interp_actors_caf_version.cpp"
  LINK_LIBRARIES CAF::core CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON)
if(NOT interp_actors_caf_is_new_enough)
  message(FATAL_ERROR "interp-actors needs CAF ${INTERP_ACTORS_CAF_MINIMUM} or newer; found headers in ${interp_actors_caf_include}")
endif()

find_package(Python ${INTERP_ACTORS_PYTHON_MINIMUM} REQUIRED COMPONENTS Interpreter Development.Embed)
find_package(Threads REQUIRED)
