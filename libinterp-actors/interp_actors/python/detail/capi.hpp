#pragma once

/// The only include of CPython's headers. Comes first in every source file that needs it.

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <marshal.h>

#if PY_VERSION_HEX < 0x030E0000
#error                                                                                                       \
    "interp-actors needs CPython 3.14 or newer (3.13.0 leaks megabytes per interpreter, 3.12 crashes at their end)"
#endif
