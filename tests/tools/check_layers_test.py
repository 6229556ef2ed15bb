#!/usr/bin/env python3
"""Test tools/check_layers.py: each violation, alone in a small tree, is found with its file, line and rule."""

import subprocess
import sys
import sysconfig
import tempfile
import unittest
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CHECKER = CHECKOUT / "tools" / "check_layers.py"
LIB = "libinterp-actors/interp_actors/"

# A tree without a violation: each layer includes what it may.
CLEAN = {
    LIB + "base/a.hpp": "#pragma once\n#include <vector>\n#include <sys/mman.h>\n#include <unistd.h>\n",
    LIB + "base/a.cpp": '#include "interp_actors/base/a.hpp"\n\n#include <linux/futex.h>\n',
    LIB + "python/detail/capi.hpp": "#pragma once\n#include <Python.h>\n#include <marshal.h>\n",
    LIB + "python/b.hpp": '#pragma once\n#include "interp_actors/base/a.hpp"\n',
    LIB + "python/b.cpp": '#include "interp_actors/python/detail/capi.hpp"\n\n#include "interp_actors/python/b.hpp"\n',
    LIB + "python/interrupt.cpp": '#include "interp_actors/python/detail/capi.hpp"\nvoid f() { _PyEval_AddPendingCall(); }\n',
    LIB + "compat.hpp": "#pragma once\n#include <caf/config.hpp>\n",
    LIB + "message/c.hpp": '#pragma once\n#include "interp_actors/base/a.hpp"\n#include "interp_actors/compat.hpp"\n',
    LIB + "actor/d.hpp": '#pragma once\n#include "interp_actors/python/b.hpp"\n#include "interp_actors/message/c.hpp"\n'
                         "#include <caf/actor.hpp>\n",
    LIB + "actor/abandonable_thread.cpp": "void f(pthread_t t) { ::pthread_detach(t); }\n",
    LIB + "supervision/e.hpp": '#pragma once\n#include "interp_actors/actor/d.hpp"\n',
    LIB + "net/f.hpp": '#pragma once\n#include "interp_actors/supervision/e.hpp"\n#include <caf/io/all.hpp>\n',
    LIB + "runtime/g.hpp": '#pragma once\n#include "interp_actors/net/f.hpp"\n#include "interp_actors/base/a.hpp"\n',
    LIB + "all.hpp": '#pragma once\n#include "interp_actors/runtime/g.hpp"\n',
    "examples/one/main.cpp": '#include "interp_actors/all.hpp"\n#include <caf/actor.hpp>\n',
    "tools/bench_program/bare_interpreters.cpp": "#include <Python.h>\n",
    "tools/program/main.cpp": '#include "interp_actors/all.hpp"\n',
    "tests/t.cpp": '#include "interp_actors/python/b.hpp"\n#include <caf/detail/x.hpp>\n',
}

# Changes to it: name, file, its text, the line and a part of the rule that must be printed.
VIOLATIONS = [
    ("BaseIncludesPython", LIB + "base/x.hpp", '#include <string>\n#include "interp_actors/python/b.hpp"\n', 2, "base/ may not include python/"),
    ("BaseIncludesCompat", LIB + "base/x.hpp", '#include "interp_actors/compat.hpp"\n', 1, "base/ may not include compat/"),
    ("BaseIncludesCaf", LIB + "base/x.cpp", "#include <caf/actor.hpp>\n", 1, "base/ never sees CAF"),
    ("BaseIncludesOtherLibrary", LIB + "base/x.cpp", "#include <openssl/ssl.h>\n", 1, "the standard library and the OS alone"),
    ("PythonIncludesMessage", LIB + "python/x.hpp", '#include "interp_actors/message/c.hpp"\n', 1, "python/ may not include message/"),
    ("PythonIncludesCompat", LIB + "python/x.hpp", '#include "interp_actors/compat.hpp"\n', 1, "python/ may not include compat/"),
    ("PythonIncludesActor", LIB + "python/x.cpp", '#include "interp_actors/actor/d.hpp"\n', 1, "python/ may not include actor/"),
    ("PythonIncludesCaf", LIB + "python/x.cpp", '#include "caf/actor.hpp"\n', 1, "python/ never sees CAF"),
    ("MessageIncludesPython", LIB + "message/x.hpp", '#include "interp_actors/python/b.hpp"\n', 1, "message/ may not include python/"),
    ("MessageIncludesActor", LIB + "message/x.hpp", '#include "interp_actors/actor/d.hpp"\n', 1, "message/ may not include actor/"),
    ("ActorIncludesSupervision", LIB + "actor/x.hpp", '#include "interp_actors/supervision/e.hpp"\n', 1, "actor/ may not include supervision/"),
    ("ActorIncludesRuntime", LIB + "actor/x.hpp", '#include "interp_actors/runtime/g.hpp"\n', 1, "actor/ may not include runtime/"),
    ("SupervisionIncludesNet", LIB + "supervision/x.hpp", '#include "interp_actors/net/f.hpp"\n', 1, "supervision/ may not include net/"),
    ("NetIncludesRuntime", LIB + "net/x.hpp", '#include "interp_actors/runtime/g.hpp"\n', 1, "net/ may not include runtime/"),
    ("RuntimeIncludesAll", LIB + "runtime/x.hpp", '#include "interp_actors/all.hpp"\n', 1, "runtime/ may not include all/"),
    ("CompatIncludesBase", LIB + "compat.hpp", '#include "interp_actors/base/a.hpp"\n', 1, "compat/ may not include base/"),
    ("ActorIncludesCafIo", LIB + "actor/x.hpp", "#include <caf/io/middleman.hpp>\n", 1, "net/ alone includes CAF's network"),
    ("RuntimeIncludesCafOpenssl", LIB + "runtime/x.cpp", "#include <caf/openssl/all.hpp>\n", 1, "net/ alone includes CAF's network"),
    ("UnknownLayer", LIB + "utils/x.hpp", "\n", 1, "'utils' is no layer"),
    ("PythonHeaderElsewhere", LIB + "python/x.cpp", "#include <Python.h>\n", 1, "Python.h is included by python/detail/capi.hpp alone"),
    ("PythonHeaderInExample", "examples/x.cpp", "#include <Python.h>\n", 1, "Python.h is included by"),
    ("MarshalHeaderElsewhere", LIB + "python/x.cpp", "#include <marshal.h>\n", 1, "marshal.h is included by python/detail/capi.hpp alone"),
    ("InternalPythonHeader", LIB + "python/x.cpp", "#include <internal/pycore_frame.h>\n", 1, "pycore_frame.h is included by"),
    ("PythonHeaderInItsFolder", "tools/x.cpp", "#include <python3.14/frameobject.h>\n", 1, "frameobject.h is included by"),
    ("PythonHeaderInTheBench", "tools/bench_program/x.cpp", "#include <Python.h>\n", 1, "Python.h is included by"),
    ("CapiInHeader", LIB + "python/x.hpp", '#include "interp_actors/python/detail/capi.hpp"\n', 1, "source files in python/ alone"),
    ("CapiInActor", LIB + "actor/x.cpp", '#include "interp_actors/python/detail/capi.hpp"\n', 1, "source files in python/ alone"),
    ("CapiNotFirst", LIB + "python/x.cpp", '#include "interp_actors/python/b.hpp"\n#include "interp_actors/python/detail/capi.hpp"\n', 2, "capi.hpp comes first"),
    ("CafDetail", LIB + "actor/x.cpp", "\n#include <caf/detail/x.hpp>\n", 2, "detail and internal headers"),
    ("CafInternal", "tools/x.cpp", "#include <caf/internal/x.hpp>\n", 1, "detail and internal headers"),
    ("ExampleIncludesPart", "examples/x.cpp", '#include "interp_actors/base/a.hpp"\n', 1, "examples and tools include"),
    ("ToolIncludesPart", "tools/x.cpp", '#include "interp_actors/base/a.hpp"\n', 1, "examples and tools include"),
    ("GilState", LIB + "python/x.cpp", "\nauto s = PyGILState_Ensure();\n", 2, "PyGILState_ assumes"),
    ("GilStateInTest", "tests/x.cpp", "auto s = PyGILState_Ensure();\n", 1, "PyGILState_ assumes"),
    ("PrivateName", LIB + "python/x.cpp", "auto s = _PyThreadState_GET();\n", 1, "private CPython name"),
    ("PrivateType", LIB + "python/x.hpp", "struct _PyRuntimeState;\n", 1, "private CPython name"),
    ("PrivateMacro", LIB + "python/x.cpp", "auto flags = _Py_MEMORYVIEW_C;\n", 1, "private CPython name"),
    ("ThreadDetach", LIB + "actor/x.cpp", "std::thread t;\nvoid f() { t.detach(); }\n", 2, "detached thread"),
    ("TemporaryThreadDetach", "examples/x.cpp", "void f() { std::thread{[] {}}.detach(); }\n", 1, "detached thread"),
    ("PointerDetach", LIB + "actor/x.cpp", "void f() { t->detach ( ); }\n", 1, "detached thread"),
    ("PthreadDetach", LIB + "net/x.cpp", "void f() { ::pthread_detach(t); }\n", 1, "detached thread"),
    ("LongHeader", LIB + "base/x.hpp", "\n" * 251, 251, "header of more than 250 lines"),
    ("SpacesInInclude", LIB + "base/x.cpp", "#  include<caf/actor.hpp>\n", 1, "base/ never sees CAF"),
    ("MoreAtTheTopLevel", "utils/x.py", "\n", 1, "the top level holds"),
    ("AfterARawText", LIB + "base/x.cpp", 'auto s = R"(\n#include <x>\n")";\n#include <caf/actor.hpp>\n', 4, "base/ never sees CAF"),
]

# Changes that are no violations.
ALLOWED = {
    "comment": "// PyGILState_Ensure, _PyThreadState_GET, t.detach()\n/* #include <caf/actor.hpp>\n#include <Python.h>\n*/\n",
    "text": 'auto a = "PyGILState_Ensure \\" _PyX";\nauto b = R"x(\n#include <Python.h>\n)" t.detach() )x";\n',
    "character": "auto c = '\"';\nauto d = 1'000'000;\nauto e = '\"'; // PyGILState_\n",
    "own_detach": "void f() { control->detach(gil); }\n",
    "public_names": "PyObject* x; my_PyThing y; a_PyThing z;\n",
}


class CheckLayers(unittest.TestCase):
    def check(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return subprocess.run([sys.executable, str(CHECKER), folder], capture_output=True, text=True, timeout=60)

    def test_clean_tree_passes(self):
        result = self.check(CLEAN)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))

    def test_each_violation_is_found_alone(self):
        for name, file, text, line, rule in VIOLATIONS:
            with self.subTest(name):
                result = self.check(CLEAN | {file: text})
                lines = result.stdout.splitlines()
                self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
                self.assertEqual(len(lines), 1, result.stdout)
                place = file.split("/")[0] if name == "MoreAtTheTopLevel" else file
                self.assertTrue(lines[0].startswith(f"{place}:{line}: "), lines[0])
                self.assertIn(rule, lines[0])

    def test_all_headers_of_this_cpython_are_known(self):
        folder = Path(sysconfig.get_path("include"))
        headers = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.h"))
        if not headers:
            self.skipTest("this CPython has no development files")
        text = "".join(f"#include <{header}>\n" for header in headers)
        result = self.check(CLEAN | {LIB + "python/x.cpp": text})
        found = [line.split(": ")[1].split()[0] for line in result.stdout.splitlines()]
        self.assertEqual(found, headers)

    def test_all_violations_of_a_tree_are_printed(self):
        result = self.check(CLEAN | {LIB + "base/x.cpp": "#include <caf/a.hpp>\n#include <caf/io/b.hpp>\n",
                                     LIB + "actor/x.cpp": "auto a = _PyX + PyGILState_Y;\n"})
        self.assertEqual(len(result.stdout.splitlines()), 4, result.stdout)

    def test_comments_and_texts_are_not_read(self):
        for name, text in ALLOWED.items():
            with self.subTest(name):
                result = self.check(CLEAN | {LIB + "base/x.cpp": text})
                self.assertEqual((result.returncode, result.stdout), (0, ""))

    def test_wrong_folder_is_a_usage_error(self):
        with tempfile.TemporaryDirectory() as folder:
            result = subprocess.run([sys.executable, str(CHECKER), folder], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 64)
        self.assertIn("holds no libinterp-actors", result.stderr)

    def test_this_checkout_has_the_whole_top_level(self):
        found = {path.name for path in CHECKOUT.iterdir() if not path.name.startswith(".")} - {"build"}
        self.assertEqual(found, {"CMakeLists.txt", "CMakePresets.json", "README.md", "CHANGELOG.md", "CONTRIBUTING.md",
                                 "LICENSE", "libinterp-actors", "examples", "tests", "tools"})

    def test_this_checkout_passes(self):
        result = subprocess.run([sys.executable, str(CHECKER)], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.returncode, 0)


if __name__ == "__main__":
    unittest.main()
