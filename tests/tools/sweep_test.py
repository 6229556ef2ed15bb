#!/usr/bin/env python3
"""Test `interp-actors sweep` with real processes: what it runs and writes, how it goes on after any end, and what it refuses.

Usage: sweep_test.py PROGRAM [TEST...]
"""

import csv
import functools
import json
import random
import re
import signal
import subprocess
import xml.etree.ElementTree
from pathlib import Path

import program_support
from program_support import ProgramTest, until

SQUARES = """
import sys

def run(params, report):
    print("x is", params["x"])
    print("no end", end="", file=sys.stderr)
    report(1, y=0.0)
    report(2, y=params["x"])
    return {"y": params["x"] ** 2}
"""

# Notes each start in a file of the trial's own; a value of `hang` waits for a file `go`.
NOTING = """
import os, time
HERE = os.path.dirname(__file__)

def run(params, report):
    with open(f"{HERE}/ran-{params['x']}", "a") as file:
        file.write("x")
    while params["x"] in HANGING and not os.path.exists(f"{HERE}/go"):
        time.sleep(0.005)
    return {"y": params["x"]}
"""


class Sweep(ProgramTest):
    def sweep(self, *arguments):
        return self.run_program("sweep", "e.py", *arguments)

    def table(self, out="e.sweep"):
        """The lines of trials.csv."""
        with (self.folder / out / "trials.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def results(self):
        return {json.loads(parameters)["x"]: outcome for parameters, outcome in
                self.journal("SELECT trial.parameters, result.outcome FROM result JOIN trial ON trial.id = result.trial")}

    def starts(self, x):
        path = self.folder / f"ran-{x}"
        return len(path.read_text()) if path.exists() else 0

    # -- what it runs and writes

    def test_every_combination_is_run_and_written_down(self):
        self.write("e.py", SQUARES)
        done = self.sweep("--grid", "x=3,1,2", "--grid", "name=a,b", "--export", "csv", "--export", "json", "--jobs", "2")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("6 done, 0 failed, 0 pruned, 0 not run", done.stdout)
        self.assertIn("The best trials by y (smallest first):", done.stdout)
        out = self.folder / "e.sweep"
        rows = self.table()
        self.assertEqual([(row["x"], row["name"], row["outcome"], row["y"]) for row in rows],
                         [("3", "a", "done", "9"), ("3", "b", "done", "9"), ("1", "a", "done", "1"), ("1", "b", "done", "1"),
                          ("2", "a", "done", "4"), ("2", "b", "done", "4")])
        best = [line for line in done.stdout.splitlines() if re.search(r"[0-9a-f]{16}", line)]
        self.assertIn(rows[2]["trial"], best[0])
        for row in rows:
            self.assertEqual((out / "trials" / row["trial"] / "output.txt").read_text(), f"x is {row['x']}\nno end")
        self.assertEqual([one["result"]["y"] for one in json.loads((out / "trials.json").read_text())], [9, 9, 1, 1, 4, 4])
        svg = xml.etree.ElementTree.parse(out / "plot.svg").getroot()
        self.assertEqual(len(svg.findall(".//{http://www.w3.org/2000/svg}circle")), 12)
        self.assertEqual(self.journal("SELECT count(*) FROM metric"), [(12,)])
        self.assertEqual(self.journal("SELECT count(*) FROM attempt WHERE how = 'done' AND worker LIKE 'sweep-_'"), [(6,)])
        self.assertEqual(self.journal("SELECT count(*), seed FROM session WHERE ended IS NOT NULL"), [(1, 0)])

    def test_what_is_done_is_not_run_again(self):
        self.write("e.py", NOTING.replace("HANGING", "()"))
        self.assertEqual(self.sweep("--grid", "x=1,2").returncode, 0)
        again = self.sweep("--grid", "x=1,2,3")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("2 of 3 trials have their results", again.stderr)
        self.assertIn("3 done, 0 failed, 0 pruned, 0 not run; 2 of them before", again.stdout)
        self.assertEqual([self.starts(x) for x in (1, 2, 3)], [1, 1, 1])

    def test_a_random_plan_is_part_of_the_grid_and_the_same_each_time(self):
        self.write("e.py", SQUARES)
        grid = ("--grid", "x=" + ",".join(map(str, range(50))), "--random", "5", "--seed", "3", "--export", "csv")
        for out in ("a", "b"):
            self.assertEqual(self.sweep(*grid, "--out", out).returncode, 0)
        one, other = ([row["x"] for row in self.table(out)] for out in "ab")
        self.assertEqual(len(set(one)), 5)
        self.assertEqual(one, other)

    def test_pythons_random_is_seeded_for_each_trial(self):
        self.write("e.py", "import random\ndef run(params, report):\n    return {'y': random.random()}\n")
        values = {}
        for out, seed, jobs in (("a", 1, 1), ("b", 1, 2), ("c", 2, 1)):
            self.assertEqual(self.sweep("--grid", "x=1,2,3,4", "--seed", seed, "--out", out, "--jobs", jobs, "--export", "json").returncode, 0)
            values[out] = [one["result"]["y"] for one in json.loads((self.folder / out / "trials.json").read_text())]
        self.assertEqual(values["a"], values["b"])
        self.assertEqual(len(set(values["a"] + values["c"])), 8)

    def test_the_experiment_finds_modules_beside_it(self):
        self.write("helper.py", "VALUE = 7\n")
        self.write("e.py", "import helper\ndef run(params, report): return {'y': helper.VALUE}\n")
        self.assertEqual(self.run_program("sweep", self.folder / "e.py").returncode, 0)
        self.write("helper.py", "VALUE = 8\n")
        changed = self.run_program("sweep", self.folder / "e.py")
        self.assertEqual(changed.returncode, 78)
        self.assertRegex(changed.stderr, r"the code: helper.py has changed \(SHA-256 [0-9a-f]{12}\.\.\. before, [0-9a-f]{12}\.\.\. now\)")

    def test_numbers_that_are_none_become_null(self):
        self.write("e.py", "def run(params, report): return {'y': float(params['x']), 'z': 1}\n")
        done = self.sweep("--grid", 'x=2,1,"nan","inf"', "--metric", "y", "--export", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        values = [one["result"]["y"] for one in json.loads((self.folder / "e.sweep/trials.json").read_text())]
        self.assertEqual(values, [2.0, 1.0, None, None])

    def test_a_trial_that_prints_nothing_leaves_no_output_behind(self):
        self.write("e.py", NOTING.replace("HANGING", "()").replace(
            "return", "if not os.path.exists(f'{HERE}/go'): raise ValueError(print('printed'))\n    return"))
        self.assertEqual(self.sweep("--grid", "x=1").returncode, 1)
        self.assertEqual([path.name for path in sorted(self.folder.glob("e.sweep/trials/*/*"))], ["output.txt", "traceback.txt"])
        self.write("go", "")
        self.assertEqual(self.sweep("--grid", "x=1", "--rerun-failed").returncode, 0)
        self.assertEqual(list(self.folder.glob("e.sweep/trials/*/*")), [])

    def test_output_of_any_size_and_kind_is_kept(self):
        self.write("e.py", "import logging, sys\nlogging.basicConfig(level=logging.INFO, format='%(message)s')\n"
                           "def run(params, report):\n"
                           "    for i in range(30000): print('line', i, params['x'])\n"
                           "    logging.info('logged')\n"
                           "    sys.stdout.buffer.write(b'\\xff bytes\\n')\n"
                           "    print('\\udc80')\n"
                           "    return {}\n")
        done = self.sweep("--grid", "x=1,2,3", "--jobs", "2")
        self.assertEqual(done.returncode, 0, done.stderr)
        texts = [path.read_text() for path in self.folder.glob("e.sweep/trials/*/output.txt")]
        self.assertEqual(len(texts), 3)
        for text in texts:
            lines = text.splitlines()
            x = lines[0].split()[-1]
            self.assertEqual(lines, [f"line {i} {x}" for i in range(30000)] + ["logged", "\ufffd bytes", "\\udc80"])

    def test_threads_print_whole_lines_and_report(self):
        self.write("e.py", "import threading\ndef run(params, report):\n    def work(n):\n"
                           "        for i in range(200): print('thread', n, i)\n        report(n, y=n)\n"
                           "    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]\n"
                           "    for one in threads: one.start()\n    for one in threads: one.join()\n    return {}\n")
        self.assertEqual(self.sweep().returncode, 0)
        output = next(self.folder.glob("e.sweep/trials/*/output.txt")).read_text()
        self.assertEqual(sorted(output.splitlines()), sorted(f"thread {n} {i}" for n in range(4) for i in range(200)))
        self.assertEqual(self.journal("SELECT step FROM metric ORDER BY step"), [(0,), (1,), (2,), (3,)])

    def test_a_terminal_shows_a_bar(self):
        self.write("e.py", "import time\ndef run(params, report): time.sleep(0.15); return {}\n")
        text, code = self.on_a_terminal("sweep", "e.py", "--grid", "x=1,2,3,4", "--jobs", "1")
        self.assertEqual(code, 0, text)
        self.assertIn("\u2588", text)
        self.assertRegex(text, r"[1-3] of 4 trials, 1 running, \d+ s left")
        self.assertIn("\033[", text)

    # -- what fails

    def test_a_failure_is_kept_with_its_traceback_and_the_others_go_on(self):
        self.write("e.py", "def run(params, report):\n    print('before')\n    return {'y': 1 / params['x']}\n")
        done = self.sweep("--grid", "x=1,0,2", "--export", "json")
        self.assertEqual(done.returncode, 1)
        self.assertIn("2 done, 1 failed", done.stdout)
        self.assertRegex(done.stderr, r"Trial [0-9a-f]{16} \(x=0\) failed: ZeroDivisionError: division by zero")
        failed = json.loads((self.folder / "e.sweep/trials.json").read_text())[1]
        self.assertRegex(failed["traceback"], r'^Traceback \(most recent call last\):\n  File "[^\n]*/e.py", line 3, in run\n    return ')
        self.assertNotIn("interp-actors", failed["traceback"])
        folder = self.folder / "e.sweep/trials" / failed["trial"]
        self.assertEqual((folder / "traceback.txt").read_text(), failed["traceback"])
        self.assertEqual((folder / "output.txt").read_text(), "before\n")
        self.assertEqual(self.journal("SELECT problem FROM attempt WHERE how = 'failed'"), [("ZeroDivisionError: division by zero",)])

    def test_failed_trials_run_again_only_where_that_is_asked_for(self):
        self.write("e.py", NOTING.replace("HANGING", "()").replace(
            "return", "if params['x'] == 2 and not os.path.exists(f'{HERE}/go'): raise ValueError\n    return"))
        self.assertEqual(self.sweep("--grid", "x=1,2").returncode, 1)
        again = self.sweep("--grid", "x=1,2")
        self.assertEqual(again.returncode, 1)
        self.assertIn("1 trial failed before; --rerun-failed runs them again", again.stderr)
        self.assertEqual(self.starts(2), 1)
        self.write("go", "")
        self.assertEqual(self.sweep("--grid", "x=1,2", "--rerun-failed").returncode, 0)
        self.assertEqual((self.starts(1), self.starts(2)), (1, 2))

    def test_retry_tries_again(self):
        self.write("e.py", NOTING.replace("HANGING", "()").replace(
            "return", "print('here')\n    if os.path.getsize(f\"{HERE}/ran-{params['x']}\") < 3: raise ValueError('too early')\n    return"))
        done = self.sweep("--grid", "x=1", "--retry", "2", "--export", "csv")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.table()[0]["attempts"], "3")
        self.assertEqual([how for how, in self.journal("SELECT how FROM attempt ORDER BY id")], ["exception", "exception", "done"])
        output = next(self.folder.glob("e.sweep/trials/*/output.txt")).read_text()
        self.assertEqual(output, "here\n== attempt 2\nhere\n== attempt 3\nhere\n")

    def test_fail_fast_begins_nothing_new(self):
        self.write("e.py", NOTING.replace("HANGING", "()").replace("return", "if params['x'] == 2: raise ValueError\n    return"))
        done = self.sweep("--grid", "x=1,2,3,4", "--fail-fast", "--jobs", "1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("1 done, 1 failed, 0 pruned, 2 not run", done.stdout)
        self.assertEqual(self.starts(3), 0)

    def test_a_trial_that_takes_too_long_is_ended(self):
        self.write("e.py", "def run(params, report):\n    print('begins')\n    while params['x'] == 2: pass\n    return {}\n")
        done = self.sweep("--grid", "x=1,2,3", "--timeout", "300ms", "--export", "json")
        self.assertEqual(done.returncode, 1)
        self.assertIn("2 done, 1 failed", done.stdout)
        self.assertIn("(x=2) failed: not done within 0.3 s", done.stderr)
        failed = json.loads((self.folder / "e.sweep/trials.json").read_text())[1]
        # A busy machine answers for the trial before that has come to its interrupt.
        self.assertRegex(failed["traceback"], "while params.*== 2: pass|not done within its deadline")
        self.assertEqual((self.folder / "e.sweep/trials" / failed["trial"] / "output.txt").read_text(), "begins\n")

    def test_a_trial_that_never_gives_way_is_given_up(self):
        self.write("e.py", "import time\ndef run(params, report):\n    if params['x'] == 1: time.sleep(1000)\n    return {}\n")
        done = self.sweep("--grid", "x=1,2,3", "--timeout", "200ms", "--jobs", "1")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("2 done, 1 failed", done.stdout)

    def test_a_trial_that_ends_its_interpreter_has_three_attempts(self):
        self.write("e.py", NOTING.replace("HANGING", "()").replace("return", "if params['x'] == 2: raise SystemExit('enough')\n    return"))
        done = self.sweep("--grid", "x=1,2,3", "--jobs", "2")
        self.assertEqual(done.returncode, 1)
        self.assertIn("2 done, 1 failed", done.stdout)
        self.assertIn("(x=2) failed: ended its interpreter: SystemExit: enough", done.stderr)
        self.assertEqual(self.starts(2), 3)
        ends = [how for how, in self.journal("SELECT how FROM attempt JOIN trial ON trial.id = trial WHERE parameters = '{\"x\":2}'")]
        self.assertEqual(len(ends), 3)
        self.assertEqual(set(ends) - {"died", "failed"}, set())

    def test_a_trial_whose_interpreter_died_runs_again_by_itself(self):
        self.write("e.py", NOTING.replace("HANGING", "()").replace(
            "return", "if os.path.getsize(f\"{HERE}/ran-{params['x']}\") == 1: raise SystemExit('once')\n    return"))
        done = self.sweep("--grid", "x=1,2,3,4,5", "--jobs", "2")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([self.starts(x) for x in range(1, 6)], [2] * 5)
        self.assertEqual(self.journal("SELECT count(*) FROM attempt WHERE how = 'died'"), [(5,)])
        self.assertEqual(self.journal("SELECT count(*) FROM attempt WHERE how = 'done'"), [(5,)])

    def test_a_result_that_is_none_is_a_failure(self):
        self.write("e.py", "def run(params, report): return {1: 7, 2: {3}}[params['x']] if params['x'] < 3 else {'y': object()}\n")
        done = self.sweep("--grid", "x=1,2,3")
        self.assertEqual(done.returncode, 1)
        self.assertIn("TypeError: run() returned int, where a dict of results is expected", done.stderr)
        self.assertIn("TypeError: what run() returned cannot be written as JSON: Object of type object", done.stderr)

    def test_a_report_of_no_number_is_a_failure(self):
        self.write("e.py", "def run(params, report): report(1, y='much')\n")
        self.assertIn("TypeError: report(y=...): 'much' is no number", self.sweep().stderr)

    # -- pruning

    def test_the_median_rule_ends_bad_trials_cleanly(self):
        self.write("e.py", """
def run(params, report):
    try:
        for step in range(10):
            try:
                report(step, loss=params["x"] + step, other=1)
            except Exception:
                print("not to be caught")
            print("step", step)
    finally:
        print("cleaned up")
    return {"loss": params["x"]}
""")
        how = ("--grid", "x=1,2,3,9,0", "--metric", "loss", "--prune", "--prune-startup", "3", "--prune-warmup", "2", "--jobs", "1",
               "--export", "json")
        done = self.sweep(*how)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("4 done, 0 failed, 1 pruned, 0 not run", done.stdout)
        pruned = json.loads((self.folder / "e.sweep/trials.json").read_text())[3]
        self.assertEqual((pruned["outcome"], pruned["result"]), ("pruned", {"loss": 11.0, "other": 1.0}))
        output = (self.folder / "e.sweep/trials" / pruned["trial"] / "output.txt").read_text()
        self.assertEqual(output, "step 0\nstep 1\ncleaned up\n")
        # The medians of an earlier session count, too.
        more = self.sweep("--grid", "x=1,2,3,9,0,8", *how[2:])
        self.assertIn("4 done, 0 failed, 2 pruned", more.stdout)
        other = self.sweep("--grid", "x=1,2,3,9,0")
        self.assertEqual(other.returncode, 78)
        self.assertIn('the pruning: {"metric":"loss","maximize":false,"startup trials":3,"warm-up steps":2} before, none now', other.stderr)
        accepted = self.sweep("--grid", "x=1,2,3,9,0", "--accept-changes")
        self.assertIn("5 done, 0 failed, 0 pruned, 0 not run; 4 of them before", accepted.stdout)

    # -- going on

    def test_a_killed_sweep_goes_on_where_it_was(self):
        self.write("e.py", NOTING.replace("HANGING", "(5,)"))
        arguments = ("sweep", "e.py", "--grid", "x=1,2,3,4,5,6,7", "--jobs", "1")
        process = self.start_program(*arguments)
        until(lambda: self.starts(5) == 1, "the fifth trial")
        until(lambda: len(self.results()) == 4, "four results")
        until(lambda: self.journal("SELECT count(*) FROM attempt") == [(5,)], "the fifth start")
        process.kill()
        process.wait()
        self.write("go", "")
        done = self.run_program(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"4 of 7 trials have their results; the last session was killed \(last sign of life 2[-\d]+ [\d:]+\) while 1 trial ran")
        self.assertEqual([self.starts(x) for x in range(1, 8)], [1, 1, 1, 1, 2, 1, 1])
        self.assertEqual(self.journal("SELECT count(*) FROM attempt WHERE how = 'lost'"), [(1,)])

    def test_kills_at_any_moment_lose_nothing_that_was_done(self):
        self.write("e.py", NOTING.replace("HANGING", "()").replace("return", "time.sleep(0.005)\n    return"))
        arguments = ("sweep", "e.py", "--grid", "x=" + ",".join(map(str, range(100))), "--jobs", "2")
        chance = random.Random(5)
        before = {}
        for _ in range(12):
            process = self.start_program(*arguments)
            try:
                process.wait(chance.uniform(0.02, 0.4))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            now = self.results()
            self.assertLessEqual(before.keys(), now.keys())
            before = now
        done = self.run_program(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("100 done, 0 failed", done.stdout)
        self.assertEqual(self.journal("SELECT count(*) FROM attempt WHERE how = 'done'"), [(100,)])
        self.assertEqual(self.journal("PRAGMA integrity_check"), [("ok",)])

    def test_incompatible_changes_are_refused_by_name(self):
        self.write("e.py", SQUARES)
        self.assertEqual(self.sweep("--grid", "x=1,2").returncode, 0)
        seeded = self.sweep("--grid", "x=1,2", "--seed", "4")
        self.assertEqual(seeded.returncode, 78)
        self.assertIn("the seed: 0 before, 4 now", seeded.stderr)
        named = self.sweep("--grid", "x=1,2", "--grid", "z=1")
        self.assertEqual(named.returncode, 78)
        self.assertIn("the parameters: x before, x, z now", named.stderr)
        self.write("e.py", SQUARES.replace("** 2", "** 3"))
        coded = self.sweep("--grid", "x=1,2,3")
        self.assertEqual(coded.returncode, 78)
        self.assertIn("the code: e.py has changed", coded.stderr)
        self.assertIn("--out", coded.stderr)
        self.assertEqual(self.journal("SELECT count(*) FROM session"), [(1,)])
        # Accepted: all that was done with other code is done again, and found again when the code comes back.
        accepted = self.sweep("--grid", "x=1,2,3", "--accept-changes", "--export", "csv")
        self.assertIn("3 done, 0 failed, 0 pruned, 0 not run\n", accepted.stdout)
        self.assertEqual([row["y"] for row in self.table()], ["1", "8", "27"])
        self.write("e.py", SQUARES)
        back = self.sweep("--grid", "x=1,2,3", "--accept-changes")
        self.assertIn("3 done, 0 failed, 0 pruned, 0 not run; 2 of them before", back.stdout)

    def test_a_folder_belongs_to_one_sweep_at_a_time(self):
        self.write("e.py", NOTING.replace("HANGING", "(1,)"))
        process = self.start_program("sweep", "e.py", "--grid", "x=1")
        until(lambda: self.starts(1) == 1, "the trial")
        other = self.sweep("--grid", "x=1")
        self.assertEqual(other.returncode, 73)
        self.assertIn(f"'e.sweep' is in use by process {process.pid}; wait for it, or give another folder", other.stderr)
        self.write("go", "")
        self.assertEqual(process.wait(program_support.PATIENCE), 0)

    # -- signals

    def test_ctrl_c_once_lets_running_trials_end(self):
        self.write("e.py", NOTING.replace("HANGING", "(2,)"))
        arguments = ("sweep", "e.py", "--grid", "x=1,2,3,4", "--jobs", "1")
        process = self.start_program(*arguments)
        until(lambda: self.starts(2) == 1, "the second trial")
        process.send_signal(signal.SIGINT)
        self.until_said("Waiting for what runs (1); once more, and it is stopped")
        self.write("go", "")
        self.assertEqual(process.wait(program_support.PATIENCE), -signal.SIGINT)
        self.until_said("Stopped early: the same command goes on from here")
        self.assertEqual(self.results(), {1: "done", 2: "done"})
        self.assertEqual(self.journal("SELECT count(*) FROM session WHERE ended IS NOT NULL"), [(1,)])
        self.assertEqual(self.run_program(*arguments).returncode, 0)
        self.assertEqual([self.starts(x) for x in range(1, 5)], [1, 1, 1, 1])

    def stopped(self, code, *signals):
        self.write("e.py", code)
        arguments = ("sweep", "e.py", "--grid", "x=1,2,3", "--jobs", "1")
        process = self.start_program(*arguments)
        until(lambda: self.starts(2) == 1, "the second trial")
        for one in signals[:-1]:
            process.send_signal(one)
            self.until_said("Waiting for what runs (1)")
        process.send_signal(signals[-1])
        self.assertEqual(process.wait(program_support.PATIENCE), -signals[0])
        self.assertEqual(self.results(), {1: "done"})
        self.assertEqual(self.journal("SELECT how FROM attempt ORDER BY id"), [("done",), ("stopped",)])
        self.write("go", "")
        self.assertEqual(self.run_program(*arguments).returncode, 0)
        self.assertEqual([self.starts(x) for x in range(1, 4)], [1, 2, 1])

    def test_ctrl_c_twice_stops_running_trials(self):
        self.stopped(NOTING.replace("HANGING", "(2,)"), signal.SIGINT, signal.SIGINT)

    def test_a_termination_stops_at_once(self):
        self.stopped(NOTING.replace("HANGING", "(2,)"), signal.SIGTERM)

    def test_ctrl_c_twice_leaves_a_trial_behind_that_does_not_give_way(self):
        self.stopped(NOTING.replace("HANGING", "(2,)").replace("0.005", "1000"), signal.SIGINT, signal.SIGINT)

    # -- replay

    def test_a_replay_shows_one_trial_and_changes_nothing(self):
        self.write("e.py", SQUARES)
        self.assertEqual(self.sweep("--grid", "x=5,6", "--export", "csv").returncode, 0)
        row = self.table()[1]
        before = self.journal("SELECT (SELECT count(*) FROM session), (SELECT count(*) FROM attempt)")
        replay = self.sweep("--replay", row["trial"][:6])
        self.assertEqual(replay.returncode, 0, replay.stderr)
        self.assertEqual(replay.stdout, f"trial {row['trial']}: x=6\nx is 6\nreport: step 1, y 0.0\nreport: step 2, y 6.0\nresult: {{\"y\":36}}\n")
        self.assertEqual(replay.stderr, "no end")
        self.assertEqual(self.journal("SELECT (SELECT count(*) FROM session), (SELECT count(*) FROM attempt)"), before)
        unknown = self.sweep("--replay", "nothing")
        self.assertEqual(unknown.returncode, 66)
        self.assertIn("there is no trial 'nothing' in the journal", unknown.stderr)
        self.write("e.py", "def run(params, report): raise ValueError('now')\n")
        failing = self.sweep("--replay", row["trial"])
        self.assertEqual(failing.returncode, 1)
        self.assertIn("Note: e.py is not as it was when the journal was written", failing.stderr)
        self.assertTrue(failing.stderr.endswith("ValueError: now\n"), failing.stderr)

    # -- mistakes

    def test_mistakes_are_explained(self):
        self.write("e.py", SQUARES)
        self.write("none.py", "def main(): pass\n")
        self.write("other.py", "def run(params): pass\n")
        self.write("syntax.py", "def run(params, report)\n    pass\n")
        self.write("raising.py", "import json\njson.loads('{')\n")
        self.write("plain", "")
        for arguments, code, said in (
                (("sweep",), 64, "EXPERIMENT.py is required"),
                (("sweep", "e.py", "--grid", "x"), 64, "'x' is no parameter with its values; write NAME=VALUE,VALUE"),
                (("sweep", "e.py", "--grid", "x=1", "--grid", "x=2"), 64, "the parameter 'x' is given twice"),
                (("sweep", "e.py", "--prune"), 64, "--prune requires --metric"),
                (("sweep", "e.py", "--timeout", "soon"), 64, "--timeout"),
                (("sweep", "e.py", "--timeout", "-1s"), 64, "--timeout"),
                (("sweep", "e.py", "--jobs", "0"), 64, "--jobs"),
                (("sweep", "e.py", "--export", "xml"), 64, "--export"),
                (("sweep", "e.py", "--no-such-option"), 64, "--no-such-option"),
                ((), 64, "A subcommand is required"),
                (("sweep", "missing.py"), 66, "cannot read 'missing.py': No such file or directory"),
                (("sweep", "none.py"), 65, "has no function 'run'; it needs def run(params, report)"),
                (("sweep", "other.py"), 65, "'run' takes 1 arguments; it needs def run(params, report)"),
                (("sweep", "syntax.py"), 65, "SyntaxError: expected ':'"),
                (("sweep", "raising.py"), 65, 'raising.py", line 2, in <module>'),
                (("sweep", "e.py", "--out", "plain/folder"), 73, "cannot make the folder 'plain/folder': Not a directory"),
                (("sweep", "e.py", "--virtual-env", "nowhere"), 69, "no virtual environment at 'nowhere'"),
        ):
            with self.subTest(arguments):
                done = self.run_program(*arguments)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(said, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertNotIn("terminate called", done.stderr)

    def test_the_commands_of_the_readme_do_what_it_says(self):
        root = Path(__file__).resolve().parent.parent.parent
        block = re.search(r"(?m)^<!-- commands for examples/optimiser -->\n```\n(.*?)^```\n\n[^\n]*\n\n```\n(.*?)^```$",
                          (root / "README.md").read_text(), re.DOTALL)
        commands = [line.split() for line in block.group(1).splitlines()]
        self.write("experiment.py", (root / "examples/optimiser/experiment.py").read_text())
        results = [self.run_program(*arguments) for program, *arguments in commands if program == "interp-actors"]
        self.assertEqual([one.returncode for one in results], [1, 0, 0], results)
        without_times = functools.partial(re.sub, r" [0-9]+\.[0-9]{3}$", "", flags=re.MULTILINE)
        self.assertEqual(without_times(results[0].stdout), without_times(block.group(2)))
        self.assertIn("6 trials have their results", results[1].stderr)
        self.assertIn("ended at x=1.0000, y=1.0000\nresult: ", results[2].stdout)
        self.assertTrue((self.folder / "experiment.sweep/trials.csv").exists())
        self.assertTrue((self.folder / "experiment.sweep/plot.svg").exists())

    def test_help_is_there(self):
        overview = self.run_program("--help")
        self.assertEqual(overview.returncode, 0)
        for command in ("sweep", "map", "node"):
            self.assertIn(f"\n  {command} ", overview.stdout)
        text = self.run_program("sweep", "--help")
        self.assertEqual(text.returncode, 0)
        for part in ("--grid", "--random", "--seed", "--out", "--retry", "--timeout", "--fail-fast", "--rerun-failed", "--prune", "--replay",
                     "--export", "def run(params, report)", "Exit codes:", "Ctrl-C"):
            self.assertIn(part, text.stdout)
        self.assertRegex(self.run_program("--version").stdout, r"^\d+\.\d+\.\d+$")


if __name__ == "__main__":
    program_support.main()
