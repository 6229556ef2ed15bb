"""The Python side of the demo: counts what one source file holds. Each interpreter runs this file when it starts."""

import ast
import json
import os
import platform
import sys
import sysconfig
import time
import warnings

# What the indexed files are warned about ("\d" in a plain string, for example) is not the demo's business.
warnings.simplefilter("ignore")

BODIES = ("body", "orelse", "finalbody", "handlers", "cases")


def index(source: memoryview, path: memoryview, chaos: memoryview | None = None) -> bytes:
    """Count the functions and classes of one file.

    Args:
        source: the file's bytes, mapped by C++. They are not copied on the way here; ast.parse makes one copy, since
            Python's parser works on text that ends with a zero byte.
        path: the file's path, for tracebacks.
        chaos: `loop` to never return, `exit` to end this interpreter.

    Raises:
        SyntaxError: the file does not parse. It goes to the C++ caller as it is.
    """
    started = time.thread_time()
    name = os.fsdecode(bytes(path))
    if chaos == b"loop":
        loop_for_ever(name)
    if chaos == b"exit":
        end_this_interpreter(name)
    functions, classes = count(ast.parse(source, filename=name))
    cpu_seconds = time.thread_time() - started
    return json.dumps({"functions": functions, "classes": classes, "cpu_seconds": cpu_seconds}).encode()


def count(tree: ast.Module) -> tuple[int, int]:
    """Return how many functions and classes a tree holds, at any depth. Both are statements, so only bodies are searched."""
    functions = classes = 0
    left = [tree]
    while left:
        node = left.pop()
        functions += isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        classes += isinstance(node, ast.ClassDef)
        for body in BODIES:
            left.extend(getattr(node, body, ()))
    return functions, classes


def loop_for_ever(name: str) -> None:
    """Do what --chaos asks for: hang on the file `name`."""
    turns = 0
    while True:
        turns += 1


def end_this_interpreter(name: str) -> None:
    """Do what --chaos asks for: die of the file `name`."""
    sys.exit(f"{name} is poison")


def about() -> bytes:
    """Return the version of Python and the folder of its standard library."""
    return json.dumps({"version": platform.python_version(), "library": sysconfig.get_path("stdlib")}).encode()
