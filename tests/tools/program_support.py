"""What the tests of the program's commands have in common."""

import os
import pty
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else ""
PATIENCE = 60  # seconds after which what should have come has not


def until(condition, what):
    """Wait until condition() is true, and return what it is. `what` may be a function, which is called where it was in vain."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.005)
    raise AssertionError(f"in vain: {what() if callable(what) else what}")


def heed_signals():
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_DFL)


class ProgramTest(unittest.TestCase):
    """Each test has an empty folder."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def run_program(self, *arguments, **how):
        return subprocess.run([PROGRAM, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True, timeout=2 * PATIENCE, **how)

    def start_program(self, *arguments, **how):
        """Start the program; its stderr goes to the file `stderr`. SIGINT is not ignored, whatever started this test."""
        outputs = {"stdout": subprocess.DEVNULL, **how}
        (self.folder / "stderr").write_text("")
        with (self.folder / "stderr").open("a") as errors:  # two programs may share it
            process = subprocess.Popen([PROGRAM, *map(str, arguments)], cwd=self.folder, stderr=errors, text=True,
                                       preexec_fn=heed_signals, **outputs)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def until_said(self, text):
        said = (self.folder / "stderr").read_text
        until(lambda: text in said(), lambda: f"{text!r} on stderr:\n{said()}")

    def journal(self, query, out="e.sweep"):
        """Return what the journal of a sweep has to say; nothing before it is there."""
        path = self.folder / out / "journal.sqlite"
        if not path.exists():
            return []
        database = sqlite3.connect(path, timeout=30)
        try:
            return database.execute(query).fetchall()
        except sqlite3.OperationalError:  # the tables are not there yet
            return []
        finally:
            database.close()

    def on_a_terminal(self, *arguments, **environment):
        """Return what the program writes to a terminal, and its exit code."""
        ours, theirs = pty.openpty()
        with subprocess.Popen([PROGRAM, *map(str, arguments)], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=theirs, env={**os.environ, "TERM": "xterm", **environment}) as process:
            os.close(theirs)
            text = b""
            try:
                while piece := os.read(ours, 4096):
                    text += piece
            except OSError:  # how Linux says that nobody writes any more
                pass
            os.close(ours)
        return text.decode(), process.returncode


def main():
    del sys.argv[1:2]
    unittest.main()
