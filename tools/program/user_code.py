"""Stands before the other code of the program in each interpreter of a fleet. The program puts a line `USER_CODE = {...}` in front of it:
the path, folder and text of the user's file, so that all interpreters run the same text, whatever happens to the file meanwhile.
"""

import io
import json
import math
import sys

import interp_actors


class CodeError(Exception):
    """What is wrong with the user's file, for people."""


class Text:
    """Lets tracebacks that the user's code prints show its lines where the file is not there."""

    def get_source(self, name: str) -> str:
        """Return the text of the user's file."""
        return USER_CODE["text"]


def code_folder() -> str:
    """Return where the user's modules are: the file's folder, or, on a node, the zip file with what can be imported from there."""
    if archive := USER_CODE.get("archive"):
        return next(entry for entry in sys.path if entry.endswith("/" + archive))
    return USER_CODE["folder"]


folder = code_folder()


def load() -> dict:
    """Run the user's file as a module, and return its names. It is loaded once in each interpreter, with its folder first on sys.path."""
    path = USER_CODE["path"]
    sys.path.insert(0, folder)
    name = USER_CODE["name"]
    if name in sys.modules:  # a file called json.py, for example
        name += "_"
    module = type(sys)(name)
    module.__file__ = path
    if "archive" in USER_CODE:
        module.__spec__ = type(sys.__spec__)(name, Text(), origin=path)
        module.__loader__ = module.__spec__.loader
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


def modules() -> dict[str, str]:
    """Return the SHA-256 of each module that the user's file has imported from its folder, by the name of its file there."""
    start = folder.rstrip("/") + "/"
    result = {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not file or not file.startswith(start) or file == USER_CODE["path"]:
            continue
        name = file[len(start):]
        if not all(part.isidentifier() for part in name.split("/")[:-1]):  # a virtual environment that lies there
            continue
        from hashlib import sha256  # importing it costs milliseconds

        if "archive" in USER_CODE:
            content = module.__loader__.get_data(file)
        else:
            with open(file, "rb") as opened:
                content = opened.read()
        result[name] = sha256(content).hexdigest()
    return dict(sorted(result.items()))


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
