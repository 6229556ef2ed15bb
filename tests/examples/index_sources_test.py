#!/usr/bin/env python3
"""Test what the index_sources example shows beyond its result: its progress, and which files it takes by itself.

Usage: index_sources_test.py PROGRAM
"""

import ast
import os
import pty
import re
import subprocess
import sys
import sysconfig
import tempfile
import unittest
from pathlib import Path

PROGRAM = sys.argv.pop()
FEW_FILES = str(Path(sysconfig.get_path("stdlib"), "json"))


def shown_on_a_terminal(arguments, **environment):
    """Return what the program writes to a terminal, and its exit code."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([PROGRAM, "--workers=1", *arguments], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                          env={**os.environ, "TERM": "xterm", **environment}) as process:
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 4096):
                text += piece
        except OSError:  # how Linux says that nobody writes any more
            pass
        os.close(ours)
    return text.decode(), process.returncode


class IndexSources(unittest.TestCase):
    def test_a_terminal_shows_a_bar_that_grows(self):
        text, code = shown_on_a_terminal([FEW_FILES], NO_COLOR="")
        self.assertEqual(code, 0, text)
        drawings = [piece for piece in text.split("\r") if "\u2501" in piece and " files" in piece]
        self.assertIn("   0 %", drawings[0])
        self.assertTrue(any(" 100 %" in one for one in drawings), text)
        self.assertIn("\033[32m", text)

    def test_without_colours_the_bar_stays(self):
        text, code = shown_on_a_terminal([FEW_FILES], NO_COLOR="1")
        self.assertEqual(code, 0, text)
        self.assertIn("\u2501", text)
        self.assertNotIn("\033[3", text)

    def test_a_pipe_shows_progress_in_lines(self):
        done = subprocess.run([PROGRAM, "--workers=1", FEW_FILES], capture_output=True, text=True, timeout=90)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"(?m)^ +100 %  \d+ of \d+ files  \d+\.\d s$")
        self.assertNotIn("\033", done.stdout)

    def test_only_what_does_not_parse_is_part_of_the_show(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "ast.py").write_text("def parse(*_, **__): raise TypeError('no parser today')\n")
            done = subprocess.run([PROGRAM, "--workers=1", f'--interp-actors.sys-path=["{folder}"]', FEW_FILES],
                                  capture_output=True, text=True, timeout=90)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("TypeError: no parser today", done.stdout)
        self.assertRegex(done.stdout, r"\n  Failed +\d+ ")
        self.assertNotIn("Did not parse", done.stdout)
        self.assertIn("Not all went well", done.stdout)

    def test_the_counts_are_those_of_python(self):
        files = sorted(Path(FEW_FILES).rglob("*.py"))
        nodes = [node for file in files for node in ast.walk(ast.parse(file.read_bytes()))]
        functions = sum(isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) for node in nodes)
        classes = sum(isinstance(node, ast.ClassDef) for node in nodes)
        done = subprocess.run([PROGRAM, FEW_FILES], capture_output=True, text=True, timeout=90)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, rf"Files indexed +{len(files)} ")
        self.assertRegex(done.stdout, rf"Functions +{functions:,} ")
        self.assertRegex(done.stdout, rf"Classes +{classes:,}\s")
        # Without --workers, one interpreter for each core; and the largest file comes first in the table.
        cores = os.cpu_count()
        self.assertRegex(done.stdout, rf"{cores} interpreters? of Python")
        largest = max(files, key=lambda file: file.stat().st_size)
        table = done.stdout.split("Largest", 1)[1].splitlines()
        self.assertTrue(table[1].endswith(largest.name), table[1])

    def test_chaos_loses_no_file(self):
        done = subprocess.run([PROGRAM, "--chaos", "--workers=1", FEW_FILES],
                              capture_output=True, text=True, timeout=90)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stderr, "")
        table = done.stdout.split("\nResult\n", 1)[1].split("Largest", 1)[0]
        outcomes = {name: int(count) for name, count in re.findall(r"(?m)^  (\S.*?) {2,}([\d]+)   ", table)}
        self.assertEqual((outcomes["Ended by its deadline"], outcomes["Dead letter"]), (1, 1))
        ended = ("Files indexed", "Did not parse", "Ended by its deadline", "Dead letter")
        self.assertEqual(sum(outcomes[name] for name in ended), len(list(Path(FEW_FILES).rglob("*.py"))) + 1)
        self.assertEqual(done.stdout.count("indexer-1 has died. SystemExit: "), 3)
        self.assertIn("  indexer-1: running, 3 restarts, last ended: exit_code ", done.stdout)

    def test_without_chaos_nobody_dies(self):
        done = subprocess.run([PROGRAM, "--workers=2", FEW_FILES], capture_output=True, text=True, timeout=90)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("  indexer (one_for_one): running\n    indexer-1: running\n    indexer-2: running\n", done.stdout)
        self.assertNotIn("died", done.stdout + done.stderr)
        self.assertNotIn("Dead letter", done.stdout)

    def test_without_paths_it_takes_the_standard_library(self):
        library = sysconfig.get_path("stdlib")
        with subprocess.Popen([PROGRAM, "--workers=1"], stdout=subprocess.PIPE, text=True) as process:
            heading = []
            for line in process.stdout:
                heading.append(line)
                if "mapped into memory" in line:
                    break
            mapped = Path(f"/proc/{process.pid}/maps").read_text()
            process.kill()
        heading = "".join(heading)
        # The files themselves are its memory; nothing of them may be written.
        sources = [line.split() for line in mapped.splitlines() if line.endswith(".py")]
        self.assertGreater(len(sources), 100)
        self.assertEqual({fields[1][:3] for fields in sources}, {"r--"})
        self.assertIn(f"the standard library ({library})", heading)
        self.assertRegex(heading, r"[\d,]{3,} Python files, ")


if __name__ == "__main__":
    unittest.main()
