#!/usr/bin/env python3
"""Test that the bench program runs, and that its JSON holds what tools/bench promises. No figure is judged.

Usage: bench_test.py PROGRAM
"""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM = sys.argv.pop()


class Bench(unittest.TestCase):
    def bench(self, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "result.json")
            done = subprocess.run([PROGRAM, "--rounds=1", "--json", str(file), *arguments], capture_output=True, text=True,
                                  timeout=90)
            return done, json.loads(file.read_text() or "null") if file.exists() else None

    def test_a_row_has_all_its_fields(self):
        done, found = self.bench("--only", "64 B round trip, own caller")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(found["rounds"], 1)
        self.assertTrue(found["rows"], "no row was measured")
        for row in found["rows"]:
            with self.subTest(row.get("name")):
                self.assertLessEqual({"name", "unit", "value", "peer", "peer_value", "ratio", "goal", "goal_sense", "met"}, row.keys())
                for key in ("name", "unit", "peer"):
                    self.assertTrue(isinstance(row[key], str) and row[key], key)
                for key in ("value", "peer_value"):
                    self.assertGreater(row[key], 0, key)
                self.assertAlmostEqual(row["ratio"], row["value"] / row["peer_value"])
                self.assertIn(row["goal_sense"], (None, "<=", ">="))
                if row["goal"] is None:
                    self.assertIsNone(row["met"])
                else:
                    self.assertIs(row["met"], row["ratio"] <= row["goal"] if row["goal_sense"] == "<=" else row["ratio"] >= row["goal"])
                self.assertIn(row["name"], done.stdout)
        self.assertTrue(any(row["goal"] is not None for row in found["rows"]), "no row has a goal")

    def test_creation_is_measured_in_milliseconds_beside_cpythons_own(self):
        done, found = self.bench("--only", "creation")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        rows = {row["name"]: row for row in found["rows"]}
        self.assertEqual(list(rows), ["creation of an empty interpreter until it answers", "creation alone"])
        for row in rows.values():
            with self.subTest(row["name"]):
                self.assertEqual((row["unit"], row["peer"]), ("ms", "concurrent.interpreters.create()"))
        goals = [(row["goal_sense"], row["goal"]) for row in rows.values()]
        self.assertEqual(goals, [("<=", 0.75), (None, None)])

    def test_a_spawn_and_idle_memory_are_measured_beside_bare_interpreters(self):
        for only, unit, goal in (("spawn of an empty", "ms", 0.55), ("100 live", "KiB", 0.8)):
            with self.subTest(only):
                done, found = self.bench("--only", only)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                rows = [(row["unit"], row["peer"], row["goal_sense"], row["goal"]) for row in found["rows"]]
                self.assertEqual(rows, [(unit, "Py_NewInterpreterFromConfig with site", "<=", goal)])

    def test_restarts_and_fleets_are_measured_beside_their_goals_and_single_children(self):
        for only, expected in (
            ("restart from", [("us", "10 us", "<=", 1), ("us", "100 us", "<=", 1), ("us", "restart without a spare", None, None)]),
            ("fleet of", [("ns", "supervised child", None, None)] * 2),
        ):
            with self.subTest(only):
                done, found = self.bench("--only", only)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                rows = [(row["unit"], row["peer"], row["goal_sense"], row["goal"]) for row in found["rows"]]
                self.assertEqual(rows, expected)

    def test_trials_that_do_nothing_are_measured_beside_their_limit(self):
        done, found = self.bench("--only", "100 trials")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        if found["rows"]:  # else the program is not part of this build, and the table says so
            self.assertEqual([(row["unit"], row["peer"], row["goal_sense"], row["goal"]) for row in found["rows"]], [("ms", "0.1 s", "<=", 1)])

    def test_two_cores_are_measured_beside_one_and_beside_processes(self):
        done, found = self.bench("--only", "two cores")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        if found["rows"]:  # else the machine has one core, and the table says so
            self.assertEqual([row["peer"] for row in found["rows"]], ["one interpreter", "one process"])

    def test_a_row_that_does_not_exist_is_an_error(self):
        done, _ = self.bench("--only", "no such row")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("no such row", done.stderr)


if __name__ == "__main__":
    unittest.main()
