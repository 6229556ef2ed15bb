"""Stands before trial.py and item.py in each interpreter of a fleet. The program puts a line `USER_CODE = {...}` in front of it:
the path, folder and text of the user's file, so that all interpreters run the same text, whatever happens to the file meanwhile.
"""

import io
import json
import math
import sys

import interp_actors


class CodeError(Exception):
    """What is wrong with the user's file, for people."""


def load() -> dict:
    """Run the user's file as a module, and return its names. It is loaded once in each interpreter, with its folder first on sys.path."""
    path, folder = USER_CODE["path"], USER_CODE["folder"]
    sys.path.insert(0, folder)
    name = USER_CODE["name"]
    if name in sys.modules:  # a file called json.py, for example
        name += "_"
    module = type(sys)(name)
    module.__file__ = path
    sys.modules[name] = module
    exec(compile(USER_CODE["text"], path, "exec", dont_inherit=True), module.__dict__)
    return module.__dict__


def function(names: dict, name: str, shapes: dict[int, str]):
    """Return the function `name` and how many arguments it is called with, one of the keys of `shapes`."""
    wanted = " or ".join(f"def {name}({arguments})" for arguments in shapes.values())
    found = names.get(name)
    if not callable(found):
        raise CodeError(f"{USER_CODE['path']} has no function '{name}'; it needs {wanted}")
    code = getattr(found, "__code__", None)
    if code is None:  # a class, a partial: called with as many as there may be
        return found, max(shapes)
    required = code.co_argcount - len(found.__defaults__ or ())
    most = math.inf if code.co_flags & 4 else code.co_argcount
    for count in sorted(shapes, reverse=True):
        if required <= count <= most:
            return found, count
    raise CodeError(f"{USER_CODE['path']}: '{name}' takes {code.co_argcount} arguments; it needs {wanted}")


def modules() -> list[str]:
    """Return the files of the modules that the user's file has imported from its folder."""
    folder = USER_CODE["folder"].rstrip("/") + "/"
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return sorted(file for file in files if file and file.startswith(folder) and file != USER_CODE["path"])


def plain(value):
    """Return the value without what JSON has no word for: numbers that are none become None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def to_json(value, what: str) -> str:
    """Return the value as JSON."""
    try:
        return json.dumps(plain(value))
    except (TypeError, ValueError) as problem:
        raise TypeError(f"{what} cannot be written as JSON: {problem}") from None
