#!/usr/bin/env python3
"""Test `interp-actors map` with real processes.

Usage: map_test.py PROGRAM [TEST...]
"""

import contextlib
import json
import signal
import subprocess

import program_support
from program_support import ProgramTest, until

SIZE = "import os\ndef run(path):\n    return {'size': os.path.getsize(path)}\n"


class Map(ProgramTest):
    def lines(self, done):
        return [json.loads(line) for line in done.stdout.splitlines()]

    def output(self):
        file = (self.folder / "out").open("w")
        self.addCleanup(file.close)
        return file

    def test_results_come_in_the_order_of_the_files(self):
        self.write("size.py", "import time\n" + SIZE.replace("    return", "    time.sleep(0.05 if path == 'f0' else 0)\n    return"))
        files = [self.write(f"f{i}", "x" * i).name for i in range(40)]
        done = self.run_program("map", "size.py", *files, "--jobs", "2")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.lines(done), [{"item": f"f{i}", "result": {"size": i}} for i in range(40)])
        self.assertIn("40 of 40 files\n", done.stderr)

    def test_a_second_parameter_gets_the_bytes(self):
        self.write("count.py", "def run(path, data):\n    assert type(data) is memoryview and data.readonly\n    return bytes(data).count(b'a')\n")
        self.write("one", "banana")
        self.write("empty", "")
        done = self.run_program("map", "count.py", "one", "empty", "missing")
        self.assertEqual(done.returncode, 1)
        one, empty, missing = self.lines(done)
        self.assertEqual((one["result"], empty["result"]), (3, 0))
        self.assertIn("No such file", missing["error"])

    def test_lines_of_files_and_of_stdin(self):
        self.write("f.py", "def run(line): return line.upper()\ndef length(line): return len(line)\n")
        self.write("a", "one\ntwo")
        self.write("b", "three\n\n")
        done = self.run_program("map", "f.py", "--lines", "a", "b")
        self.assertEqual([one["result"] for one in self.lines(done)], ["ONE", "TWO", "THREE", ""], done.stderr)
        done = self.run_program("map", "f.py:length", input="x\nyy\n\u00e4\n")
        self.assertEqual([(one["item"], one["result"]) for one in self.lines(done)], [("x", 1), ("yy", 2), ("\u00e4", 1)])
        done = self.run_program("map", "f.py:length", "--lines", "a", "-", input="last")
        self.assertEqual([one["item"] for one in self.lines(done)], ["one", "two", "last"])

    def test_many_lines_keep_their_order(self):
        self.write("f.py", "def run(line): return int(line) * 2\n")
        done = self.run_program("map", "f.py", "--jobs", "3", input="".join(f"{i}\n" for i in range(20000)))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([one["result"] for one in self.lines(done)], [2 * i for i in range(20000)])

    def test_results_come_while_stdin_is_open(self):
        self.write("f.py", "def run(line): return line\n")
        process = self.start_program("map", "f.py", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdin.write("first\n")
        process.stdin.flush()
        self.assertEqual(json.loads(process.stdout.readline())["item"], "first")
        process.stdin.close()
        self.assertEqual(process.wait(program_support.PATIENCE), 0)
        process.stdout.close()

    def test_what_fails_is_told_in_its_place(self):
        self.write("f.py", "import sys\ndef run(line):\n    if line == 'exit': sys.exit('over')\n    while line == 'hang': pass\n    return 1 / int(line)\n")
        done = self.run_program("map", "f.py", "--timeout", "0.3", input="1\n0\nhang\nexit\nx\n2\n")
        self.assertEqual(done.returncode, 1)
        found = self.lines(done)
        self.assertEqual([one.get("kind") for one in found], [None, "exception", "timeout", "died", "exception", None])
        self.assertEqual(found[1]["error"], "ZeroDivisionError: division by zero")
        self.assertRegex(found[1]["traceback"], r'^Traceback[^\n]*\n  File "[^\n]*/f.py", line 5, in run\n')
        self.assertEqual(found[3]["error"], "ended its interpreter: SystemExit: over")
        self.assertIn("x: ValueError: invalid literal", done.stderr)

    def test_retry_tries_again(self):
        self.write("f.py", "import os\ndef run(line):\n    open('tries', 'a').write('x')\n    if os.path.getsize('tries') < 3: raise ValueError\n    return 7\n")
        done = self.run_program("map", "f.py", "--retry", "2", input="1\n")
        self.assertEqual((done.returncode, self.lines(done)), (0, [{"item": "1", "result": 7}]))

    def test_fail_fast_begins_nothing_new(self):
        self.write("f.py", "def run(line): return 1 / int(line)\n")
        done = self.run_program("map", "f.py", "--jobs", "1", "--fail-fast", input="1\n0\n2\n3\n")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(self.lines(done)), 2)

    def test_prints_go_to_stderr(self):
        self.write("f.py", "def run(line):\n    print('hello from', line)\n    return None\n")
        done = self.run_program("map", "f.py", input="1\n")
        self.assertEqual(self.lines(done), [{"item": "1", "result": None}])
        self.assertIn("hello from 1\n", done.stderr)

    def test_a_reader_that_leaves_ends_it(self):
        self.write("f.py", "def run(line): return line * 1000\n")
        process = self.start_program("map", "f.py", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError), process.stdin:
            for i in range(100000):
                process.stdin.write(f"{i}\n")
        self.assertEqual(process.wait(program_support.PATIENCE), 73)
        self.until_said("cannot write to stdout: Broken pipe")

    def test_ctrl_c_once_lets_running_items_end_and_does_not_wait_for_more_lines(self):
        self.write("f.py", "import os, time\ndef run(line):\n    open('began-' + line, 'w').close()\n"
                           "    while line == 'slow' and not os.path.exists('go'): time.sleep(0.005)\n    return line\n")
        process = self.start_program("map", "f.py", stdin=subprocess.PIPE, stdout=self.output())
        process.stdin.write("quick\nslow\n")
        process.stdin.flush()
        until(lambda: (self.folder / "began-slow").exists(), "the slow item")
        process.send_signal(signal.SIGINT)
        self.until_said("Waiting for what runs")
        self.write("go", "")
        self.assertEqual(process.wait(program_support.PATIENCE), -signal.SIGINT)
        process.stdin.close()
        self.assertEqual([json.loads(line)["item"] for line in (self.folder / "out").read_text().splitlines()], ["quick", "slow"])

    def test_ctrl_c_twice_stops(self):
        self.write("f.py", "import time\ndef run(line):\n    open('began', 'w').close()\n    while line == 'slow': time.sleep(0.005)\n    return line\n")
        process = self.start_program("map", "f.py", "--jobs", "1", stdin=subprocess.PIPE, stdout=self.output())
        process.stdin.write("slow\n")
        process.stdin.flush()
        until(lambda: (self.folder / "began").exists(), "the item")
        process.send_signal(signal.SIGINT)
        self.until_said("Waiting for what runs")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(program_support.PATIENCE), -signal.SIGINT)
        process.stdin.close()
        self.assertEqual((self.folder / "out").read_text(), "")

    def test_mistakes_are_explained(self):
        self.write("f.py", "def run(line): return line\ndef three(a, b, c): pass\n")
        for arguments, code, said in (
                (("map",), 64, "FUNCTION.py is required"),
                (("map", "missing.py"), 66, "cannot read 'missing.py'"),
                (("map", "f.py:nothing", "a"), 65, "has no function 'nothing'; it needs def nothing(path) or def nothing(path, data)"),
                (("map", "f.py:three"), 65, "'three' takes 3 arguments; it needs def three(line)"),
                (("map", "f.py", "--lines", "missing"), 66, "cannot read 'missing': No such file or directory"),
        ):
            with self.subTest(arguments):
                done = self.run_program(*arguments, stdin=subprocess.DEVNULL)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(said, done.stderr)

    def test_help_is_there(self):
        text = self.run_program("map", "--help")
        self.assertEqual(text.returncode, 0)
        for part in ("--lines", "--retry", "def run(path, data)", "Exit codes:"):
            self.assertIn(part, text.stdout)


if __name__ == "__main__":
    program_support.main()
