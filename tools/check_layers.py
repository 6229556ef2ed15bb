#!/usr/bin/env python3
"""Check that includes follow the layers of the library, and that forbidden constructs stay out.

Usage: tools/check_layers.py [CHECKOUT]

Prints FILE:LINE: RULE for each violation and exits with 1 if there is one. Comments and text literals are not read.
The rules are those of STYLE: layout, headers, and what to avoid.
"""

import re
import sys
from pathlib import Path, PurePosixPath

OURS = "interp_actors/"

# What lies at the visible top level, besides what builds leave there.
TOP_LEVEL = {
    "CMakeLists.txt", "CMakePresets.json", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE",
    "libinterp-actors", "examples", "tests", "tools",
}
BUILDS = {"build"}

# What a layer may include of the library besides itself.
LAYERS = {
    "base": set(),
    "python": {"base"},
    "message": {"base", "compat"},
    "compat": set(),
    "actor": {"base", "python", "message", "compat"},
    "supervision": {"base", "python", "message", "compat", "actor"},
    "net": {"base", "python", "message", "compat", "actor", "supervision"},
    "runtime": {"base", "python", "message", "compat", "actor", "supervision", "net"},
    "all": {"base", "python", "message", "compat", "actor", "supervision", "net", "runtime"},
}

# Headers of the operating system that base may include, besides those of the standard library.
OS_FOLDERS = ("sys/", "linux/")
OS_HEADERS = {"dlfcn.h", "fcntl.h", "pthread.h", "sched.h", "signal.h", "unistd.h"}

# CPython's own headers, which lie beside Python.h (3.14 and 3.15), with or without the folder that they lie in.
CPYTHON_HEADER = re.compile(
    r"(?:python3\.\d+\w*/)?(?:(?:cpython|internal)/.*|(?:Python|py\w*|\w*object|abstract|audit|bltinmodule|ceval|codecs|compile"
    r"|critical_section|datetime|dynamic_annotations|errcode|exports|fileutils|import|intrcheck|lock|marshal|modsupport|monitoring"
    r"|objimpl|opcode|opcode_ids|osdefs|osmodule|patchlevel|refcount|slots|slots_generated|structmember|structseq|sysmodule"
    r"|traceback|typeslots|warnings)\.h)")

CAPI = OURS + "python/detail/capi.hpp"
# Where CPython's headers are included: the bench measures beside the library what a program does without it.
CPYTHON_INCLUDERS = {f"libinterp-actors/{CAPI}", "tools/bench_program/bare_interpreters.cpp"}
MAX_HEADER_LINES = 250

# Rules about code: pattern, rule, and the files where it may stand. Our own `detach` functions take arguments.
CODE_RULES = [
    (re.compile(r"\bPyGILState_\w*"), "PyGILState_ assumes one thread state for each OS thread", set()),
    (re.compile(r"\b_Py_?[A-Z]\w*"),
     "private CPython name; python/interrupt.cpp and python/memory_view.cpp alone may use some",
     {"libinterp-actors/interp_actors/python/interrupt.cpp", "libinterp-actors/interp_actors/python/memory_view.cpp"}),
    (re.compile(r"(?:\.|->)\s*detach\s*\(\s*\)|\bpthread_detach\b"),
     "detached thread; actor/abandonable_thread.cpp alone may detach one",
     {"libinterp-actors/interp_actors/actor/abandonable_thread.cpp"}),
]

INCLUDE = re.compile(r"^\s*#\s*include\s*([<\"])([^>\"]+)[>\"]")
TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|(?<![\w.])(?:u8|[uUL])?R"(?P<mark>[^ ()\\\t\v\f\n]{0,16})\(.*?\)(?P=mark)"'
    r'|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'',
    re.DOTALL)


def without_comments(text):
    """Blank out comments and literals, keeping lines and what follows #include."""

    def blank(match):
        token = match.group()
        line_start = text.rfind("\n", 0, match.start()) + 1
        if token.startswith('"') and re.fullmatch(r"\s*#\s*include\s*", text[line_start:match.start()]):
            return token
        return re.sub(r"[^\n]", " ", token)

    return TOKEN.sub(blank, text)


def layer_of(path):
    """Return the layer of a path below interp_actors/, such as "base/bell.hpp"."""
    parts = PurePosixPath(path).parts
    return parts[0] if len(parts) > 1 else PurePosixPath(path).stem


class Checker:
    """Collects violations of one checkout."""

    def __init__(self, root):
        self.root = Path(root)
        self.found = []

    def report(self, file, line, rule):
        self.found.append(f"{file}:{line}: {rule}")

    def run(self):
        for path in sorted(self.root.iterdir()):
            if not path.name.startswith(".") and path.name not in TOP_LEVEL | BUILDS:
                self.report(path.name, 1, "the top level holds what STYLE lists, and nothing else")
        for folder in ("libinterp-actors", "examples", "tools", "tests"):
            for path in sorted((self.root / folder).rglob("*")):
                if path.suffix in (".hpp", ".cpp", ".h", ".cc") and path.is_file():
                    self.check(path)
        return self.found

    def check(self, path):
        name = path.relative_to(self.root).as_posix()
        lines = without_comments(path.read_text(encoding="utf-8", errors="replace")).split("\n")
        includes = []
        for number, line in enumerate(lines, 1):
            if match := INCLUDE.match(line):
                includes.append((number, match.group(2)))
        self.check_includes(name, includes)
        if path.suffix == ".hpp" and len(lines) - 1 > MAX_HEADER_LINES:
            self.report(name, MAX_HEADER_LINES + 1, f"header of more than {MAX_HEADER_LINES} lines; split it")
        for number, line in enumerate(lines, 1):
            self.check_code(name, number, line)

    def check_code(self, name, number, line):
        for pattern, rule, exceptions in CODE_RULES:
            if name not in exceptions:
                for match in pattern.finditer(line):
                    self.report(name, number, f"{rule} ({match.group().strip('.->')})")

    def check_includes(self, name, includes):
        if name.startswith("tests/"):
            return  # tests may include anything
        for place, (number, header) in enumerate(includes):
            if re.match(r"caf/(?:detail|internal)/", header):
                self.report(name, number, f"CAF's detail and internal headers are not ours to use ({header})")
            if CPYTHON_HEADER.fullmatch(header) and name not in CPYTHON_INCLUDERS:
                self.report(name, number, f"{header} is included by python/detail/capi.hpp alone")
            if header == CAPI:
                if not (name.startswith(f"libinterp-actors/{OURS}python/") and name.endswith(".cpp")):
                    self.report(name, number, "capi.hpp is for the source files in python/ alone")
                elif place != 0:
                    self.report(name, number, "capi.hpp comes first")
        if name.startswith(f"libinterp-actors/{OURS}"):
            self.check_layer(name, includes)
        elif name.startswith(("examples/", "tools/")):
            for number, header in includes:
                if header.startswith(OURS) and header != f"{OURS}all.hpp":
                    self.report(name, number, f"examples and tools include {OURS}all.hpp alone ({header})")

    def check_layer(self, name, includes):
        own = layer_of(name.removeprefix(f"libinterp-actors/{OURS}"))
        if own not in LAYERS:
            self.report(name, 1, f"'{own}' is no layer; the layers are {', '.join(LAYERS)}")
            return
        for number, header in includes:
            if header.startswith(OURS):
                other = layer_of(header.removeprefix(OURS))
                if other != own and other not in LAYERS[own]:
                    self.report(name, number, f"{own}/ may not include {other}/ ({header})")
            elif header.startswith("caf/"):
                if own in ("base", "python"):
                    self.report(name, number, f"{own}/ never sees CAF ({header})")
                elif header.startswith(("caf/io/", "caf/openssl/", "caf/net/")) and own != "net":
                    self.report(name, number, f"net/ alone includes CAF's network ({header})")
            elif own == "base" and not self.is_standard(header):
                self.report(name, number, f"base/ includes the standard library and the OS alone ({header})")

    @staticmethod
    def is_standard(header):
        return (re.fullmatch(r"[a-z_0-9]+", header) is not None or header in OS_HEADERS
                or header.startswith(OS_FOLDERS))


def main(arguments):
    if len(arguments) > 1:
        print(__doc__, file=sys.stderr)
        return 64
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    if not (root / "libinterp-actors").is_dir():
        print(f"check_layers: '{root}' holds no libinterp-actors; give the checkout", file=sys.stderr)
        return 64
    found = Checker(root).run()
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
