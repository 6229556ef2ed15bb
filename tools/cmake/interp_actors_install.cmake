# Installation: the library, the headers that all.hpp reaches, and a package for find_package(interp-actors CONFIG).
include(CMakePackageConfigHelpers)

# What all.hpp reaches is public; the rest, with all that shows CPython's API, stays here.
set(waiting interp_actors/all.hpp)
set(public "")
while(waiting)
  list(POP_FRONT waiting header)
  list(APPEND public "${header}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${header}")
  if(header MATCHES "^interp_actors/python/(detail|module)/")
    message(FATAL_ERROR "${header} is private, but all.hpp reaches it: forward-declare what it is needed for")
  endif()
  file(STRINGS "${CMAKE_CURRENT_SOURCE_DIR}/${header}" includes REGEX "^#include \"interp_actors/")
  foreach(include IN LISTS includes)
    string(REGEX REPLACE "^#include \"([^\"]+)\".*" "\\1" include "${include}")
    if(NOT include IN_LIST public AND NOT include IN_LIST waiting)
      list(APPEND waiting "${include}")
    endif()
  endforeach()
endwhile()
set_property(TARGET interp_actors PROPERTY INTERP_ACTORS_PUBLIC_HEADERS "${public}") # for tests/headers
foreach(header IN LISTS public)
  get_filename_component(folder "${header}" DIRECTORY)
  install(FILES "${header}" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/${folder}")
endforeach()

# For type checkers: MYPYPATH names the folder.
install(FILES interp_actors/python/module/interp_actors.pyi
  DESTINATION "${CMAKE_INSTALL_DATADIR}/interp-actors/stubs")

install(TARGETS interp_actors EXPORT interp-actors-targets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
set(package "${CMAKE_INSTALL_LIBDIR}/cmake/interp-actors")
install(EXPORT interp-actors-targets NAMESPACE interp_actors:: DESTINATION "${package}")

# A static library leaves its users to link CPython: the very version that it was compiled for.
get_target_property(type interp_actors TYPE)
set(INTERP_ACTORS_PACKAGE_PYTHON "")
if(type STREQUAL "STATIC_LIBRARY")
  set(INTERP_ACTORS_PACKAGE_PYTHON
    "find_dependency(Python ${Python_VERSION_MAJOR}.${Python_VERSION_MINOR} EXACT COMPONENTS Development.Embed)")
endif()
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/interp-actors-config.cmake.in"
  "${CMAKE_CURRENT_BINARY_DIR}/interp-actors-config.cmake" INSTALL_DESTINATION "${package}"
  NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/interp-actors-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/interp-actors-config.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/interp-actors-config-version.cmake" DESTINATION "${package}")
