# cmake -D NAME=VALUE... -P install_test.cmake: the steps of the test `install`; see CMakeLists.txt for the names.
function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${what} ended with ${code}:\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE "${FOLDER}")
run("cmake --install" "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${FOLDER}/prefix" --config "${CONFIG}")

# CPython's API stays inside of the library.
file(GLOB_RECURSE headers "${FOLDER}/prefix/include/*.hpp")
foreach(header IN LISTS headers)
  file(STRINGS "${header}" private REGEX "Python\\.h|interp_actors/python/(detail|module)/")
  if(private)
    message(FATAL_ERROR "${header} is installed, but holds: ${private}")
  endif()
endforeach()

if(NOT EXISTS "${FOLDER}/prefix/share/interp-actors/stubs/interp_actors.pyi")
  message(FATAL_ERROR "the stub for type checkers is not installed")
endif()

# Elsewhere than where it was installed: packages move.
file(RENAME "${FOLDER}/prefix" "${FOLDER}/moved")
run("configuring the consumer" "${CMAKE_COMMAND}" -S "${CONSUMER}" -B "${FOLDER}/build" -G "${GENERATOR}"
  "-DCMAKE_PREFIX_PATH=${FOLDER}/moved;$ENV{CAF_ROOT}" "-DCAF_DIR=${CAF_DIR}" "-DPython_EXECUTABLE=${PYTHON}"
  "-DCMAKE_BUILD_TYPE=${CONFIG}" "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}"
  "-DCMAKE_CXX_FLAGS=${FLAGS}" "-DSANITIZER_DEFAULTS=${DEFAULTS}")
run("building the consumer" "${CMAKE_COMMAND}" --build "${FOLDER}/build" --config "${CONFIG}")

find_program(consumer consumer PATHS "${FOLDER}/build" "${FOLDER}/build/${CONFIG}" NO_DEFAULT_PATH REQUIRED)
execute_process(COMMAND "${consumer}" RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT code EQUAL 42)
  message(FATAL_ERROR "the consumer ended with ${code} instead of 42:\n${output}")
endif()
message(STATUS "installed, built and ran the consumer in ${FOLDER}")
