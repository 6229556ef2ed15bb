#!/usr/bin/env python3
"""Test `interp-actors sweep` and `map` on nodes, which are processes of their own on this machine's loopback: the same results as without
nodes, whatever is killed, frozen and brought back meanwhile.

Usage: nodes_test.py PROGRAM [TEST...]

SWEEP_SOAK_SECONDS says how long the soak test lasts (default: 10).
"""

import csv
import functools
import json
import os
import pty
import random
import re
import select
import shlex
import signal
import subprocess
import time
from pathlib import Path

import program_support
from program_support import PATIENCE, PROGRAM, ProgramTest, until

# Notes each start in a file of the trial's own, with the process that runs it; a value in HANGING waits for a file `go`.
NOTING = """
import os, time
HERE = os.path.dirname(__file__)

def run(params, report):
    with open(f"{HERE}/ran-{params['x']}", "a") as file:
        file.write(f"{os.getpid()}\\n")
    while params["x"] in HANGING and not os.path.exists(f"{HERE}/go"):
        time.sleep(0.005)
    return {"y": params["x"]}
"""


class Node:
    """A node that listens where it did before once it is started again."""

    def __init__(self, test, slots=2, lease="2s", arguments=()):
        self.test = test
        self.arguments = ["--slots", str(slots), "--lease", lease, *arguments]
        self.name = "127.0.0.1:0"
        self.process = None
        self.start()
        test.addCleanup(self.kill)

    def start(self):
        self.errors = (self.test.folder / f"node-{id(self)}").open("a")
        self.process = subprocess.Popen([PROGRAM, "node", "--listen", self.name, *self.arguments], cwd=self.test.folder, text=True,
                                        stdout=subprocess.PIPE, stderr=self.errors)
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else ""
        found = re.fullmatch(r"listening at (\S+) with \d+ slots\n", line)
        if not found:
            raise AssertionError(f"the node did not start: {line!r} {Path(self.errors.name).read_text()}")
        self.name = found.group(1)

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """Kill it; returns once it is gone."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()

    def said(self):
        return Path(self.errors.name).read_text()


class OnNodes(ProgramTest):
    def setUp(self):
        super().setUp()
        (self.folder / "code").mkdir()
        self.code = self.folder / "code"

    def write_code(self, name, text):
        path = self.code / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def nodes(self, *slots, **how):
        """Start nodes with so many slots, and write the file that names them."""
        result = [Node(self, count, **how) for count in slots]
        self.list_nodes(*result)
        return result

    def list_nodes(self, *nodes):
        self.write("nodes.txt", "# those of this test\n\n" + "".join(f"{node.name}  # a node\n" for node in nodes))

    def sweep(self, *arguments, nodes=True):
        return self.run_program("sweep", "code/e.py", *arguments, *(("--nodes", "nodes.txt") if nodes else ()))

    def start_sweep(self, *arguments):
        return self.start_program("sweep", "code/e.py", *arguments, "--nodes", "nodes.txt")

    def table(self, out="e.sweep"):
        """The lines of trials.csv without what differs from run to run."""
        with (self.folder / out / "trials.csv").open(newline="") as file:
            return [{name: value for name, value in row.items() if name not in ("seconds", "ended")} for row in csv.DictReader(file)]

    def starts(self, x):
        path = self.code / f"ran-{x}"
        return path.read_text().split() if path.exists() else []

    def done(self):
        return sorted(json.loads(parameters)["x"] for parameters, in self.journal(
            "SELECT trial.parameters FROM result JOIN trial ON trial.id = result.trial WHERE outcome = 'done'"))

    def tree(self, out):
        """What is in the trials' folders."""
        root = self.folder / out / "trials"
        return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}

    # -- the same as without nodes

    def test_results_output_and_metrics_are_the_same_as_here(self):
        self.write_code("helper.py", "from package.inner import DOUBLE\n\ndef twice(x):\n    return DOUBLE * x\n\ndef fail(x):\n    raise ValueError(f'no {x}')\n")
        self.write_code("package/__init__.py", "")
        self.write_code("package/inner.py", "DOUBLE = 2\n")
        self.write_code("unused.py", "raise RuntimeError('nobody imports this')\n")
        self.write_code("e.py", """
import random
import sys

import helper

def run(params, report):
    print("x is", params["x"])
    print("no end", end="", file=sys.stderr)
    for step in range(3):
        report(step, y=params["x"] * step)
    if params["x"] == 3:
        helper.fail(3)
    return {"y": helper.twice(params["x"]), "random": random.random()}
""")
        self.nodes(2, 1)
        grid = ("--grid", "x=1,2,3,4,5,6", "--export", "csv", "--export", "json", "--seed", "7")
        here = self.sweep(*grid, "--out", "here", nodes=False)
        there = self.sweep(*grid, "--out", "there")
        self.assertEqual((here.returncode, there.returncode), (1, 1), there.stderr)
        self.assertEqual(self.table("here"), self.table("there"))
        self.assertEqual(self.tree("here"), self.tree("there"))
        self.assertEqual(len(self.tree("there")), 7)
        traceback = next(text for name, text in self.tree("there").items() if name.endswith("traceback.txt"))
        self.assertIn(f'File "{self.code}/helper.py", line 7, in fail\n    raise ValueError(f\'no {{x}}\')\n', traceback)
        self.assertNotIn("interp-actors", traceback)
        metrics = "SELECT trial, step, name, value FROM metric JOIN attempt ON attempt.id = metric.attempt ORDER BY 1, 2"
        self.assertEqual(self.journal(metrics, "here"), self.journal(metrics, "there"))
        self.assertEqual(len(self.journal(metrics, "there")), 18)
        # Both are of the same code: each goes on with what the other has done.
        again = self.sweep(*grid, "--out", "here")
        self.assertIn("6 of 6 trials have their results", again.stderr)
        self.write_code("package/inner.py", "DOUBLE = 3\n")
        changed = self.sweep(*grid, "--out", "here")
        self.assertEqual(changed.returncode, 78)
        self.assertIn("the code: package/inner.py has changed", changed.stderr)

    def test_only_python_files_that_can_be_imported_travel(self):
        self.write_code("data.txt", "data")
        self.write_code(".hidden/secret.py", "")
        self.write_code("not-a-name/module.py", "")
        self.write_code("venv/pyvenv.cfg", "")
        self.write_code("venv/module.py", "")
        self.write_code("inside/module.py", "")
        (self.code / "loop").symlink_to(self.code)
        self.write_code("e.py", "import sys, zipfile\ndef run(params, report):\n    import inside.module\n"
                                "    return {'files': sorted(zipfile.ZipFile(sys.path[0]).namelist())}\n")
        self.nodes(1)
        done = self.sweep("--export", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        result = json.loads((self.folder / "e.sweep/trials.json").read_text())[0]["result"]
        self.assertEqual(result, {"files": ["e.py", "inside/module.py"]})

    def test_a_folder_with_more_than_anybody_would_send_is_refused(self):
        self.write_code("e.py", "def run(params, report): return {}\n")
        (self.code / "many").mkdir()
        for i in range(10_000):
            (self.code / f"many/m{i}.py").touch()
        self.nodes(1)
        done = self.sweep()
        self.assertEqual(done.returncode, 66)
        self.assertIn("more than 10000 Python files", done.stderr)
        self.assertIn("put the file into a folder of its own", done.stderr)

    def test_much_output_lands_in_the_trials_folders(self):
        self.write_code("e.py", "def run(params, report):\n    for i in range(30000): print('line', i, params['x'])\n    return {}\n")
        self.nodes(2)
        self.assertEqual(self.sweep("--grid", "x=1,2,3").returncode, 0)
        texts = sorted(text.splitlines() for text in self.tree("e.sweep").values())
        self.assertEqual(texts, [[f"line {i} {x}" for i in range(30000)] for x in (1, 2, 3)])

    def test_pruning_timeouts_retries_and_deaths_are_the_same(self):
        self.write_code("e.py", """
import os, sys, time

def run(params, report):
    what = params["x"]
    mark = f"{os.path.dirname(__file__)}/{what}"
    first = not os.path.exists(mark)
    open(mark, "w").close()
    for step in range(5):
        report(step, loss={"bad": 9}.get(what, 1))
    if what == "slow":
        while True: pass
    if what == "stuck":
        time.sleep(1000)
    if what == "late" and first:
        raise ValueError("too early")
    if what == "once" and first:
        sys.exit("once")
    if what == "always":
        sys.exit("always")
    return {"loss": 1}
""")
        self.nodes(1)
        done = self.sweep("--grid", "x=a,b,c,bad,slow,stuck,late,once,always", "--metric", "loss", "--prune", "--prune-startup", "3", "--retry", "1",
                          "--timeout", "500ms", "--export", "csv")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual({row["x"]: (row["outcome"], row["attempts"]) for row in self.table()},
                         {"a": ("done", "1"), "b": ("done", "1"), "c": ("done", "1"), "bad": ("pruned", "1"), "slow": ("failed", "2"),
                          "stuck": ("failed", "2"), "late": ("done", "2"), "once": ("done", "2"), "always": ("failed", "3")})
        self.assertIn("ended its interpreter: SystemExit: always", done.stderr)
        self.assertIn("not done within 0.5 s", done.stderr)

    def test_a_replay_runs_on_a_node(self):
        self.write_code("e.py", "def run(params, report):\n    print('x is', params['x'])\n    report(1, y=2)\n    return {'y': params['x']}\n")
        self.nodes(1)
        self.assertEqual(self.sweep("--grid", "x=5", "--export", "csv").returncode, 0)
        trial = self.table()[0]["trial"]
        replay = self.sweep("--replay", trial[:6])
        self.assertEqual(replay.returncode, 0, replay.stderr)
        self.assertEqual(replay.stdout, f"trial {trial}: x=5\nreport: step 1, y 2.0\nx is 5\nresult: {{\"y\":5}}\n".replace(
            "report: step 1, y 2.0\nx is 5\n", "x is 5\nreport: step 1, y 2.0\n"))

    def test_map_gives_its_results_in_order(self):
        self.write_code("helper.py", "def count(data):\n    return bytes(data).count(b'a')\n")
        self.write_code("count.py", "import time\nimport helper\n\ndef run(path, data):\n    if path == 'f0': time.sleep(0.1)\n"
                                    "    if path == 'f7': raise ValueError('seven')\n    return helper.count(data)\n")
        files = [self.write(f"f{i}", "a" * i).name for i in range(40)]
        self.nodes(2, 2)
        done = self.run_program("map", "code/count.py", *files, "--nodes", "nodes.txt")
        self.assertEqual(done.returncode, 1, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([line["item"] for line in lines], files)
        failed = lines.pop(7)
        self.assertEqual(failed["error"], "ValueError: seven")
        self.assertIn(f'File "{self.code}/count.py", line 6, in run\n', failed["traceback"])
        self.assertEqual([line["result"] for line in lines], [i for i in range(40) if i != 7])
        here = self.run_program("map", "code/count.py", *files)
        self.assertEqual(done.stdout, here.stdout)

    def test_map_takes_lines_over_nodes(self):
        self.write_code("twice.py", "def run(line): return line * 2\n")
        self.nodes(2)
        done = self.run_program("map", "code/twice.py", "--nodes", "nodes.txt", input="".join(f"{i}\n" for i in range(500)))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([json.loads(line)["result"] for line in done.stdout.splitlines()], [f"{i}{i}" for i in range(500)])

    def test_what_map_prints_comes_to_the_screen(self):
        self.write_code("say.py", "import sys\ndef run(line):\n    print('line', line)\n    print('no end', file=sys.stderr, end='')\n    return line\n")
        node, = self.nodes(1)
        done = self.run_program("map", "code/say.py", "--nodes", "nodes.txt", input="a\nb\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), 2)
        for text in ("line a\nno end\n", "line b\nno end\n"):
            self.assertIn(text, done.stderr)
        self.assertEqual(node.said(), "")

    # -- nodes come and go

    def test_all_slots_are_used_or_as_many_as_jobs_says(self):
        # Each trial waits until so many run at once.
        self.write_code("e.py", "import os, time\nHERE = os.path.dirname(__file__)\ndef run(params, report):\n"
                                "    open(f'{HERE}/on-{params[\"x\"]}', 'w').close()\n"
                                "    while sum(name.startswith('on-') for name in os.listdir(HERE)) < params['all']: time.sleep(0.005)\n    return {}\n")
        nodes = self.nodes(2, 1)
        late = Node(self, 2)
        late.kill()
        self.list_nodes(*nodes, late)
        process = self.start_sweep("--grid", "x=1,2,3,4,5", "--grid", "all=5")
        until(lambda: len(list(self.code.glob("on-*"))) == 3, "three trials")
        late.start()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.write_code("e.py", "import os\ndef run(params, report): return {'process': os.getpid()}\n")
        self.assertEqual(self.sweep("--grid", "x=" + ",".join(map(str, range(20))), "--jobs", "1", "--out", "one").returncode, 0)
        self.assertEqual(self.journal("SELECT DISTINCT worker FROM attempt", "one"), [("sweep-1",)])

    def test_a_killed_node_loses_no_trial(self):
        self.write_code("e.py", NOTING.replace("HANGING", "(3, 4)"))
        first, second = self.nodes(1, 1)
        process = self.start_sweep("--grid", "x=1,2,3,4,5,6", "--export", "csv")
        until(lambda: self.starts(3) and self.starts(4), "the third and the fourth trial")
        first.kill()
        lost = str(first.process.pid)
        until(lambda: self.journal("SELECT count(*) FROM attempt WHERE how = 'node lost'") == [(1,)], "the lost attempt")
        self.write_code("go", "")
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertEqual([row["outcome"] for row in self.table()], ["done"] * 6)
        runs = self.starts(3) + self.starts(4)
        self.assertEqual((len(runs), runs.count(lost)), (3, 1))
        self.assertEqual(self.journal("SELECT count(*) FROM result"), [(6,)])
        self.assertEqual(self.journal("SELECT count(*) FROM attempt WHERE how = 'done'"), [(6,)])

    def test_a_frozen_node_is_replaced_and_used_again(self):
        self.write_code("e.py", NOTING.replace("HANGING", "(1, 2)"))
        first, second = self.nodes(1, 1, lease="1s")
        process = self.start_sweep("--grid", "x=1,2,3,4", "--export", "csv")
        until(lambda: self.starts(1) and self.starts(2), "both trials")
        first.signal(signal.SIGSTOP)
        until(lambda: self.journal("SELECT count(*) FROM attempt WHERE how = 'node lost'") == [(1,)], "the loss of the node")
        first.signal(signal.SIGCONT)
        # One of the trials runs on the other node, the lost one waits for a slot: that is where it comes from.
        frozen = str(first.process.pid)
        until(lambda: (self.starts(1) + self.starts(2)).count(frozen) == 2, "the lost trial on the node that came back")
        self.write_code("go", "")
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertEqual([row["outcome"] for row in self.table()], ["done"] * 4)
        self.assertEqual(self.journal("SELECT count(*) FROM attempt WHERE how = 'done'"), [(4,)])

    def test_map_loses_no_item_with_a_node(self):
        self.write_code("slow.py", "import time\ndef run(line):\n    time.sleep(0.02)\n    return int(line)\n")
        first, second = self.nodes(2, 2)
        with (self.folder / "out").open("w") as out:
            process = self.start_program("map", "code/slow.py", "--nodes", "nodes.txt", stdin=subprocess.PIPE, stdout=out)
        process.stdin.write("".join(f"{i}\n" for i in range(200)))
        process.stdin.close()
        until(lambda: len((self.folder / "out").read_text().splitlines()) > 20, "some results")
        first.kill()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertEqual([json.loads(line)["result"] for line in (self.folder / "out").read_text().splitlines()], list(range(200)))

    def test_two_sweeps_share_a_node(self):
        self.write_code("e.py", NOTING.replace("HANGING", "(1,)"))
        self.nodes(1)
        first = self.start_sweep("--grid", "x=1", "--out", "first")
        until(lambda: self.starts(1), "the first sweep's trial")
        second = self.start_sweep("--grid", "x=2", "--out", "second")  # whose stderr is the same file
        self.until_said("All slots are taken; waiting for one:")
        self.write_code("go", "")
        self.assertEqual((first.wait(PATIENCE), second.wait(PATIENCE)), (0, 0))

    def test_trials_wait_while_all_nodes_are_lost(self):
        self.write_code("e.py", NOTING.replace("HANGING", "(2, 3)"))
        first, second = self.nodes(1, 1)
        process = self.start_sweep("--grid", "x=1,2,3,4,5")
        until(lambda: self.starts(2) and self.starts(3), "the second and the third trial")
        first.kill()
        second.kill()
        self.until_said("No node is left; what is to be done waits until one comes back:")
        self.until_said(f"\n  {first.name}: ")
        second.start()
        self.until_said("Going on:")
        self.write_code("go", "")
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertEqual(self.done(), [1, 2, 3, 4, 5])
        self.assertEqual(self.journal("SELECT how, count(*) FROM attempt GROUP BY how ORDER BY how"), [("done", 5), ("node lost", 2)])

    def test_a_terminal_says_that_no_node_is_left(self):
        self.write_code("e.py", NOTING.replace("HANGING", "(2,)"))
        node, = self.nodes(1)
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        process = subprocess.Popen([PROGRAM, "sweep", "code/e.py", "--grid", "x=1,2,3", "--nodes", "nodes.txt"], cwd=self.folder,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "TERM": "xterm"},
                                   preexec_fn=program_support.heed_signals)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        os.close(theirs)
        until(lambda: self.starts(2), "the second trial")
        node.kill()
        text = b""
        end = time.monotonic() + PATIENCE
        while b"1 of 3 trials, no node is left" not in text:
            self.assertLess(time.monotonic(), end, text.decode())
            if select.select([ours], [], [], 1)[0]:
                text += os.read(ours, 4096)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(PATIENCE), -signal.SIGTERM)

    def test_what_ends_its_node_each_time_fails_at_last(self):
        self.write_code("e.py", "import os, signal\nHERE = os.path.dirname(__file__)\ndef run(params, report):\n"
                                "    if params['x'] == 2: os.kill(os.getpid(), signal.SIGKILL)\n    return {}\n")
        node, = self.nodes(1)
        process = self.start_sweep("--grid", "x=1,2,3", "--export", "csv")
        while process.poll() is None:
            try:
                node.process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            node.kill()
            if process.poll() is None:
                node.start()
        self.assertEqual(process.returncode, 1)
        self.assertEqual([(row["outcome"], row["attempts"]) for row in self.table()], [("done", "1"), ("failed", "10"), ("done", "1")])

    def test_a_node_that_is_lost_with_the_first_interpreter_is_no_mistake_of_the_code(self):
        self.write_code("e.py", "import os, signal\nMARK = os.path.dirname(__file__) + '/mark'\nif not os.path.exists(MARK):\n"
                                "    open(MARK, 'w').close()\n    os.kill(os.getpid(), signal.SIGKILL)\n"
                                "def run(params, report): return {'y': params['x']}\n")
        self.nodes(1, 1)
        done = self.sweep("--grid", "x=1,2,3")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.done(), [1, 2, 3])

    # -- controllers come and go

    def test_a_killed_controller_goes_on_where_it_was(self):
        self.write_code("e.py", NOTING.replace("HANGING", "(3,)"))
        self.nodes(1, 1, lease="2s")
        arguments = ("--grid", "x=1,2,3,4,5,6,7,8")
        process = self.start_sweep(*arguments)
        until(lambda: self.starts(3), "the third trial")
        until(lambda: self.done() == [1, 2, 4, 5, 6, 7, 8], "the others")
        process.kill()
        process.wait()
        again = self.start_sweep(*arguments)
        until(lambda: len(self.starts(3)) == 2, "the third trial again")
        self.write_code("go", "")
        self.assertEqual(again.wait(PATIENCE), 0)
        self.until_said("7 of 8 trials have their results; the last session was killed")
        self.assertEqual([len(self.starts(x)) for x in range(1, 9)], [1, 1, 2, 1, 1, 1, 1, 1])
        self.assertEqual(self.journal("SELECT how, count(*) FROM attempt GROUP BY how ORDER BY how"), [("done", 8), ("lost", 1)])

    def test_a_node_ends_what_it_ran_for_a_killed_controller(self):
        self.write_code("e.py", "import os, time\nHERE = os.path.dirname(__file__)\ndef run(params, report):\n"
                                "    open(f'{HERE}/began', 'a').write('x')\n    while os.path.exists(f'{HERE}/hang'): time.sleep(0.005)\n    return {}\n")
        self.write_code("hang", "")
        node, = self.nodes(1, lease="2s")
        process = self.start_sweep("--grid", "x=1")
        until(lambda: (self.code / "began").exists(), "the trial")
        process.kill()
        process.wait()
        # There is one slot: the next session has it once the old interpreter is gone.
        again = self.start_sweep("--grid", "x=1")
        until(lambda: (self.code / "began").read_text() == "xx", "the trial again")
        (self.code / "hang").unlink()
        self.assertEqual(again.wait(PATIENCE), 0)
        self.assertIn("the lease of controller", node.said())

    def test_a_frozen_controller_runs_again_what_its_node_has_ended(self):
        self.write_code("e.py", NOTING.replace("HANGING", "(1,)"))
        node, = self.nodes(1, lease="2s")
        process = self.start_sweep("--grid", "x=1,2")
        until(lambda: self.starts(1), "the first trial")
        process.send_signal(signal.SIGSTOP)
        until(lambda: "the lease of controller" in node.said(), "the end of the lease")
        process.send_signal(signal.SIGCONT)
        until(lambda: len(self.starts(1)) == 2, "the first trial again")
        self.write_code("go", "")
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertEqual(self.journal("SELECT how, count(*) FROM attempt GROUP BY how ORDER BY how"), [("done", 2), ("node lost", 1)])

    def test_a_node_that_is_lost_while_a_sweep_drains_leaves_its_trial_for_the_next_time(self):
        self.write_code("e.py", NOTING.replace("HANGING", "(2,)"))
        node, = self.nodes(1)
        process = self.start_sweep("--grid", "x=1,2,3")
        until(lambda: self.starts(2), "the second trial")
        process.send_signal(signal.SIGINT)
        self.until_said("Waiting for what runs (1)")
        node.kill()
        self.assertEqual(process.wait(PATIENCE), -signal.SIGINT)
        self.assertEqual(self.done(), [1])
        node.start()
        self.write_code("go", "")
        self.assertEqual(self.sweep("--grid", "x=1,2,3").returncode, 0)
        self.assertEqual([len(self.starts(x)) for x in range(1, 4)], [1, 2, 1])

    def test_ctrl_c_once_lets_running_trials_end(self):
        self.write_code("e.py", NOTING.replace("HANGING", "(2,)"))
        self.nodes(1)
        process = self.start_sweep("--grid", "x=1,2,3,4")
        until(lambda: self.starts(2), "the second trial")
        process.send_signal(signal.SIGINT)
        self.until_said("Waiting for what runs (1); once more, and it is stopped")
        self.write_code("go", "")
        self.assertEqual(process.wait(PATIENCE), -signal.SIGINT)
        self.assertEqual(self.done(), [1, 2])
        self.assertEqual(self.sweep("--grid", "x=1,2,3,4").returncode, 0)
        self.assertEqual([len(self.starts(x)) for x in range(1, 5)], [1, 1, 1, 1])

    def stopped_twice(self, before_second):
        self.write_code("e.py", NOTING.replace("HANGING", "(2,)"))
        node, = self.nodes(1, lease="2s")
        process = self.start_sweep("--grid", "x=1,2,3")
        until(lambda: self.starts(2), "the second trial")
        before_second(node)
        process.send_signal(signal.SIGINT)
        self.until_said("Waiting for what runs (1)")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), -signal.SIGINT)
        self.assertEqual(self.done(), [1])
        return node

    def test_ctrl_c_twice_stops_running_trials(self):
        self.stopped_twice(lambda node: None)
        self.assertEqual(self.journal("SELECT how FROM attempt ORDER BY id"), [("done",), ("stopped",)])
        self.write_code("go", "")
        self.assertEqual(self.sweep("--grid", "x=1,2,3").returncode, 0)
        self.assertEqual([len(self.starts(x)) for x in range(1, 4)], [1, 2, 1])

    def test_ctrl_c_twice_leaves_a_frozen_node(self):
        node = self.stopped_twice(lambda node: node.signal(signal.SIGSTOP))
        node.signal(signal.SIGCONT)
        self.write_code("go", "")
        self.assertEqual(self.sweep("--grid", "x=1,2,3").returncode, 0)

    def test_ctrl_c_twice_ends_waiting_for_lost_nodes(self):
        def lose(node):
            node.kill()
            self.until_said("No node is left")
        node = self.stopped_twice(lose)
        node.start()
        self.write_code("go", "")
        self.assertEqual(self.sweep("--grid", "x=1,2,3").returncode, 0)

    def test_ctrl_c_ends_waiting_for_the_first_node(self):
        self.write_code("e.py", NOTING.replace("HANGING", "()"))
        node, = self.nodes(1)
        node.kill()
        process = self.start_sweep("--grid", "x=1")
        self.until_said(f"node {node.name}: ")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), -signal.SIGINT)

    # -- mistakes

    def test_mistakes_are_explained(self):
        self.write_code("e.py", "def run(params, report): return {}\n")
        self.write_code("raising.py", "import os\nos.listdir(None, None)\n")
        node, = self.nodes(1)
        for text, code, said in (
                ("127.0.0.1:1\n\nworker\n", 64, "list:3: 'worker' names no node; write HOST:PORT"),
                ("127.0.0.1:0\n", 64, "list:1: '127.0.0.1:0' names no node"),
                ("127.0.0.1:99999\n", 64, "list:1: '127.0.0.1:99999' names no node"),
                ("127.0.0.1:1\n# again\n127.0.0.1:1 # here\n", 64, "list:3: 127.0.0.1:1 is in line 1 already"),
                ("192.0.2.1:4242\n", 64, "list:1: 192.0.2.1:4242 is another machine, and nothing leaves this one without certificates; "
                                         "give --certificate, --key and --ca"),
                ("# nothing\n", 64, "list: no nodes; write one in each line, as HOST:PORT")):
            for command in ("sweep", "map"):
                with self.subTest(text=text, command=command):
                    self.write("list", text)
                    done = self.run_program(command, "code/e.py", "--nodes", "list", stdin=subprocess.DEVNULL)
                    self.assertEqual(done.returncode, code, done.stderr)
                    self.assertIn(f"interp-actors {command}: {said}", done.stderr)
                    self.assertEqual(done.stdout, "")
        missing = self.run_program("sweep", "code/e.py", "--nodes", "missing")
        self.assertEqual(missing.returncode, 66)
        self.assertIn("cannot read 'missing': No such file or directory", missing.stderr)
        raising = self.run_program("sweep", "code/raising.py", "--nodes", "nodes.txt")
        self.assertEqual(raising.returncode, 65, raising.stderr)
        self.assertIn(f'File "{self.code}/raising.py", line 2, in <module>\n    os.listdir(None, None)\n', raising.stderr)
        files = self.run_program("sweep", "code/e.py", "--nodes", "nodes.txt", "--certificate", "none.pem", "--key", "none.key", "--ca", "none.pem")
        self.assertEqual(files.returncode, 69, files.stderr)
        self.assertIn("none.pem", files.stderr)
        environment = self.run_program("sweep", "code/e.py", "--nodes", "nodes.txt", "--virtual-env", "/nowhere")
        self.assertEqual(environment.returncode, 65, environment.stderr)
        self.assertIn("the node does not allow the virtual environment '/nowhere'", environment.stderr)

    def test_no_node_at_all_is_an_error_that_names_each(self):
        self.write_code("e.py", "def run(params, report): return {}\n")
        first, second = self.nodes(1, 1)
        first.kill()
        second.kill()
        done = self.sweep()
        self.assertEqual(done.returncode, 69, done.stderr)
        self.assertIn("interp-actors sweep: none of the nodes could be connected to within 20 s:\n", done.stderr.replace("no_node: ", ""))
        for node in (first, second):
            self.assertRegex(done.stderr, rf"\n  {node.name}: .*Connection refused")

    # -- certificates

    def make_certificates(self):
        """Certificates of a node and of a controller, and those of strangers, as the README says."""
        def run(*arguments):
            subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)
        for authority in ("ca", "other"):
            run("req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "30", "-subj", f"/CN={authority}", "-keyout", f"{authority}.key", "-out",
                f"{authority}.pem")
        for name, authority in (("node", "ca"), ("controller", "ca"), ("stranger", "other")):
            run("req", "-newkey", "ed25519", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
            run("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-days", "30", "-out", f"{name}.pem")

    @staticmethod
    def certificates(name, authority="ca"):
        return ("--certificate", f"{name}.pem", "--key", f"{name}.key", "--ca", f"{authority}.pem")

    def test_certificates_are_shown_and_asked_for(self):
        self.make_certificates()
        self.write_code("e.py", "def run(params, report):\n    print('printed')\n    return {'y': params['x']}\n")
        self.nodes(2, arguments=self.certificates("node"))
        done = self.sweep("--grid", "x=1,2,3", *self.certificates("controller"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("3 done, 0 failed", done.stdout)
        self.assertEqual(list(self.tree("e.sweep").values()), ["printed\n"] * 3)
        mixed = self.sweep("--out", "no", *self.certificates("stranger"))
        self.assertEqual(mixed.returncode, 69)
        self.assertIn("the certificate 'stranger.pem' is none that the ca 'ca.pem' stands for", mixed.stderr)
        process = self.start_sweep("--out", "no", *self.certificates("stranger", "other"))
        self.until_said("interp-actors: node 127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(PATIENCE), -signal.SIGTERM)
        self.assertEqual(self.journal("SELECT count(*) FROM attempt", "no"), [(0,)])

    def test_the_commands_of_the_readme_make_certificates_and_a_node(self):
        root = Path(__file__).resolve().parent.parent.parent
        block = re.search(r"(?m)^<!-- run by tests/tools/nodes_test.py -->\n```\n(.*?)^```$", (root / "README.md").read_text(), re.DOTALL)
        *openssl, start = block.group(1).splitlines()
        self.assertEqual([line.split()[:2] for line in openssl], [["openssl", "req"], ["openssl", "req"], ["openssl", "x509"]])
        for line in (*openssl, *(line.replace("node.", "controller.").replace("CN=node", "CN=controller") for line in openssl[1:])):
            subprocess.run(shlex.split(line), cwd=self.folder, check=True, capture_output=True)
        program, command, *options = start.split()
        self.assertEqual((program, command, options[:2]), ("interp-actors", "node", ["--listen", "0.0.0.0:4242"]))
        self.write_code("e.py", "def run(params, report): return {'y': params['x']}\n")
        self.nodes(1, arguments=options[2:])
        done = self.sweep("--grid", "x=1", *self.certificates("controller"))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_help_is_there(self):
        text = self.run_program("node", "--help")
        self.assertEqual(text.returncode, 0)
        for part in ("--listen", "--certificate", "--key", "--ca", "--allow", "--slots", "--lease", "--message-bytes", "[127.0.0.1:4242]", "[10s]",
                     "Exit codes: 0 after a signal, 64 "):
            self.assertIn(part, text.stdout)

    # -- the example

    def test_the_example_gives_the_same_table_here_and_on_two_nodes(self):
        root = Path(__file__).resolve().parent.parent.parent
        command = re.search(r"(?m)^<!-- command for examples/optimiser on nodes -->\n```\n(.*?)\n```$", (root / "README.md").read_text(), re.DOTALL)
        program, *arguments = command.group(1).split()
        self.assertEqual(program, "interp-actors")
        self.make_certificates()
        self.write("experiment.py", (root / "examples/optimiser/experiment.py").read_text())
        first, second = self.nodes(1, 1, arguments=self.certificates("node"))
        there = self.run_program(*arguments, "--out", "there", "--export", "csv")
        here = self.run_program(*arguments[:arguments.index("--nodes")], "--out", "here", "--export", "csv")
        self.assertEqual((here.returncode, there.returncode), (1, 1), there.stderr)
        without_times = functools.partial(re.sub, r" [0-9]+\.[0-9]{3}$", "", flags=re.MULTILINE)
        self.assertEqual(without_times(here.stdout).replace("here", "there"), without_times(there.stdout))
        self.assertIn("4 done, 2 failed", there.stdout)
        self.assertEqual(self.table("here"), self.table("there"))
        self.assertEqual(self.tree("here"), self.tree("there"))

    # -- all at once

    def test_soak(self):
        """Nodes are killed, frozen and brought back all the time: each trial is recorded once, and none is lost."""
        seconds = float(os.environ.get("SWEEP_SOAK_SECONDS", "10"))
        count = int(200 * max(seconds, 5))
        self.write_code("e.py", "import time\ndef run(params, report):\n    print('x is', params['x'])\n    report(1, y=params['x'])\n"
                                "    time.sleep(0.02)\n    return {'y': params['x']}\n")
        nodes = self.nodes(2, 2, 2)
        arguments = ("--grid", "x=" + ",".join(map(str, range(count))), "--export", "csv")
        process = self.start_sweep(*arguments)
        chance = random.Random(3)
        end = time.monotonic() + seconds
        killed = frozen = controllers = 0
        while time.monotonic() < end and process.poll() is None:
            time.sleep(chance.uniform(0.1, 0.6))
            node = chance.choice(nodes)
            what = chance.random()
            if what < 0.2:
                node.signal(signal.SIGSTOP)
                time.sleep(chance.uniform(0, 2))
                node.signal(signal.SIGCONT)
                frozen += 1
            elif what < 0.4:
                process.kill()
                process.wait()
                process = self.start_sweep(*arguments)
                controllers += 1
            else:
                node.kill()
                node.start()
                killed += 1
        self.assertEqual(process.wait(PATIENCE + seconds), 0, (self.folder / "stderr").read_text())
        self.assertEqual([(row["outcome"], row["y"]) for row in self.table()], [("done", str(x)) for x in range(count)])
        self.assertEqual(self.journal("SELECT count(*), count(DISTINCT trial) FROM result"), [(count, count)])
        ends = dict(self.journal("SELECT how, count(*) FROM attempt GROUP BY how"))
        self.assertEqual(ends["done"], count)
        self.assertEqual(set(ends) - {"done", "lost", "node lost"}, set())
        self.assertGreater(killed + frozen, 0)
        print(f"{count} trials, {killed} nodes killed, {frozen} frozen, {controllers} controllers killed; attempts: {ends}")


if __name__ == "__main__":
    program_support.main()
