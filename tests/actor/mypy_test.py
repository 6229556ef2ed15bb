"""Check with mypy what the library gives to users of type checkers.

Usage: mypy_test.py MYPY STUB EXAMPLES, the program, interp_actors.pyi and the folder of the examples.

The stub is correct in itself, and a program that uses the module as documented passes with it. Of what implements a
printed protocol (actor/protocol/weather_station.py, which protocol_test compares with what is printed), mypy accepts what
fits, and names what does not.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

mypy, stub, examples = sys.argv[1:]
here = pathlib.Path(__file__).resolve().parent
folder = tempfile.TemporaryDirectory()
work = pathlib.Path(folder.name)


def run(*arguments):
    """Return what mypy says, line by line, without its summary."""
    environment = os.environ | {"MYPYPATH": str(pathlib.Path(stub).parent)}
    done = subprocess.run([mypy, "--no-error-summary", "--hide-error-context", "--cache-dir", work / "cache", *arguments],
                          cwd=work, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = done.stdout.splitlines()
    if (done.returncode != 0) != bool(lines):
        sys.exit(f"mypy ended with {done.returncode} and said:\n{done.stdout}")
    return lines


def expect_nothing(what, lines):
    if lines:
        sys.exit(f"{what}:\n" + "\n".join(lines))
    print(f"{what}: accepted")


def write(name, text):
    (work / name).write_text(text)
    return name


expect_nothing("the stub", run("--strict", stub))
expect_nothing("a program that uses the module", run("--strict", here / "module" / "sample.py"))
expect_nothing("the example squares", run("--check-untyped-defs", pathlib.Path(examples) / "squares" / "squares.py"))
wrong_uses = {
    "ia.spawn()": 'Missing positional argument "source"',
    "ia.spawn('', 'name')": "Too many positional arguments",
    "ia.current().sender.kill()": 'has no attribute "kill"',
    "ia.current().address.score(1, timeout='x')": 'incompatible type "str"; expected "float | None"',
    "ia.current().address.score(1, other=2)": 'Unexpected keyword argument "other"',
    "ia.current().address.score.sent(1)": 'has no attribute "sent"',
    "ia.send_after(1, 'score')": 'incompatible type "str"; expected "Method"',
    "ia.channel(when_full='sometimes')": 'has incompatible type "Literal[',
    "ia.channel()[0].send('text')": 'incompatible type "str"',
    "ia.Builder('text')": 'expected "int"',
    "ia.nothing": 'Module has no attribute "nothing"',
}
wrong = write("wrong_uses.py", "import interp_actors as ia\n" + "".join(line + "\n" for line in wrong_uses))
said = run("--strict", wrong)
for number, (line, expected) in enumerate(wrong_uses.items(), 2):
    if not any(one.startswith(f"{wrong}:{number}: error:") and expected in one for one in said):
        sys.exit(f"mypy does not say '{expected}' of the line {line}:\n" + "\n".join(said))
print(f"{len(wrong_uses)} wrong uses of the module: refused")

protocol = write("weather_station.py", (here / "protocol" / "weather_station.py").read_text())
good_class = (here / "protocol" / "class.py").read_text()
good_module = (here / "protocol" / "module.py").read_text()
expect_nothing("a protocol, and a class and a module that implement it",
               run("--strict", protocol, write("good_class.py", good_class), write("good_module.py", good_module),
                   write("uses_module.py", "import good_module\nimport weather_station\n\n"
                                           "station: weather_station.WeatherStation = good_module\n")))
misfits = [
    ("wrong result", "-> bool:", "-> str:", "def ping", "() -> bool"),
    ("wrong argument", "text: str", "text: int", "def note", "note(self"),
    ("missing argument", ", flag: bool", "", "def reading", "reading(self"),
    ("missing method", "def ping", "def pong", "def ping", '"ping"'),
    ("wrong structure", "-> p.place", "-> p.event", "def visit", "visit(self"),
]
checked = []
for number, (what, old, new, where, expected) in enumerate(misfits):
    for form, text in ("class", good_class), ("module", good_module):
        begin = text.index(where)
        changed = text[:begin] + text[begin:].replace(old, new, 1)
        assert changed != text, what
        name = write(f"bad_{form}_{number}.py", changed)
        if form == "module":
            name = write(f"uses_bad_{number}.py", f"import bad_module_{number} as bad\nimport weather_station\n\n"
                                                  f"station: weather_station.WeatherStation = bad\n")
        checked.append((name, f"a {form} with a {what}"))
said = run("--strict", *(name for name, _ in checked))
for name, what in checked:
    about = [line for line in said if line.startswith(f"{name}:")]
    if not any("error: Incompatible types in assignment" in line and "WeatherStation" in line for line in about):
        sys.exit(f"{what} is accepted:\n" + "\n".join(about))
    print(f"{what}: refused")
