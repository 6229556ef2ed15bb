# Warnings and sanitizers, for our own targets alone: linked inside BUILD_INTERFACE, never exported.
add_library(interp_actors_flags INTERFACE)
target_compile_options(interp_actors_flags INTERFACE -Wall -Wextra -Wconversion
  -Wno-missing-field-initializers) # designated initialisers leave out what keeps its default
if(INTERP_ACTORS_WERROR)
  target_compile_options(interp_actors_flags INTERFACE -Werror)
endif()
if(INTERP_ACTORS_SANITIZE)
  target_compile_options(interp_actors_flags INTERFACE -fsanitize=${INTERP_ACTORS_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(interp_actors_flags INTERFACE -fsanitize=${INTERP_ACTORS_SANITIZE})
endif()
