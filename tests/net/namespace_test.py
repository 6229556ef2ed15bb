#!/usr/bin/env python3
"""Test nodes on hosts of their own: network namespaces that are joined by virtual cables.

Usage: namespace_test.py NODE_PROGRAM CONTROLLER_PROGRAM [TEST...]

It makes its namespaces itself, as an ordinary user, and nothing outside of them is touched.
"""

import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

PATIENCE = 40

CODE = """
import os, time
def where(v): return os.environ['HOST'].encode()
def echo(v): return v
def spin(v):
    while True: pass
"""


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")


class Process:
    """A program whose lines are read with patience."""

    def __init__(self, *command, env=None):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env={**os.environ, **(env or {})})
        os.set_blocking(self.process.stdout.fileno(), False)
        os.set_blocking(self.process.stderr.fileno(), False)
        self.lines, self.rest = [], b""

    def line(self, begin=""):
        """Return the next line that begins like that; others stay."""
        until = time.monotonic() + PATIENCE
        while True:
            for place, line in enumerate(self.lines):
                if line.startswith(begin):
                    return self.lines.pop(place)
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise AssertionError(f"no line {begin!r}; {self.lines}; {self.process.stderr.read()}")
            chunk = self.process.stdout.read()
            if not chunk:
                raise AssertionError(f"it has ended: {self.process.stderr.read()}")
            *whole, self.rest = (self.rest + chunk).split(b"\n")
            self.lines += [each.decode() for each in whole]

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, line, begin=""):
        self.say(line)
        return self.line(begin)

    def end(self):
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()


class Host:
    """A namespace with one cable to ours, and a node in it."""

    def __init__(self, number, folder):
        self.number, self.folder, self.node = number, folder, None
        self.address, self.cable = f"10.99.{number}.2", f"cable{number}"
        self.keeper = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        until = time.monotonic() + PATIENCE  # the namespace is there once it is another one than ours
        while os.readlink(f"/proc/{self.keeper.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            if time.monotonic() > until:
                raise AssertionError("no namespace")
        run("ip", "link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", str(self.keeper.pid))
        run("ip", "address", "add", f"10.99.{number}.1/24", "dev", self.cable)
        run("ip", "link", "set", self.cable, "up")
        for command in (["address", "add", f"{self.address}/24", "dev", "eth0"], ["link", "set", "eth0", "up"],
                        ["link", "set", "lo", "up"]):
            run(*self.inside("ip", *command))

    def inside(self, *command):
        return ["nsenter", "--target", str(self.keeper.pid), "--net", *command]

    def start_node(self, *options):
        self.node = Process(*self.inside(NODE, "node", "--listen", f"{self.address}:4242", "--slots", "2",
                                         "--certificate", f"{self.folder}/node.pem", "--key", f"{self.folder}/node.key",
                                         "--ca", f"{self.folder}/ca.pem", *options), env={"HOST": str(self.number)})
        self.node.line("listening")

    def cut(self):
        run("ip", "link", "set", self.cable, "down")

    def heal(self):
        run("ip", "link", "set", self.cable, "up")

    def slow_down(self, rate):
        for prefix, device in (([], self.cable), (self.inside(), "eth0")):
            run(*prefix, "tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", rate, "burst", "64kb", "latency", "200ms")

    def end(self):
        if self.node:
            self.node.end()
        self.keeper.kill()
        self.keeper.wait()


class Nodes(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

        def openssl(*arguments):
            done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, cwd=self.folder)
            self.assertEqual(done.returncode, 0, done.stderr)

        openssl("req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "3650", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem")
        for name in ("node", "controller"):
            openssl("req", "-newkey", "ed25519", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "365", "-out", f"{name}.pem")
        self.hosts = {}
        for number in (1, 2):
            self.hosts[number] = Host(number, self.folder)
            self.addCleanup(self.hosts[number].end)
            self.hosts[number].start_node()

    def start_controller(self, timeout="2s"):
        nodes = ", ".join(f'"{host.address}:4242"' for host in self.hosts.values())
        controller = Process(CONTROLLER, f"--interp-actors.nodes=[{nodes}]", f"--interp-actors.node-timeout={timeout}",
                             f"--interp-actors.certificate={self.folder}/controller.pem",
                             f"--interp-actors.key={self.folder}/controller.key", f"--interp-actors.ca={self.folder}/ca.pem", CODE)
        self.addCleanup(controller.end)
        controller.line("ready")
        return controller

    def wait_for_nodes(self, controller, pattern):
        until = time.monotonic() + PATIENCE
        while True:
            states = controller.ask("nodes", "nodes")
            if re.search(pattern, states):
                return
            if time.monotonic() > until:
                self.fail(f"{pattern} is not in {states}")
            time.sleep(0.05)

    def test_a_cut_is_noticed_and_after_it_there_are_no_twins(self):
        controller = self.start_controller()
        self.wait_for_nodes(controller, r"slots are free.*slots are free")
        home = self.hosts[int(controller.ask("call where").removeprefix("= "))]
        controller.ask("begin spin", "began")
        home.cut()
        self.assertRegex(controller.line("answer"), r"answer ! node_lost: .*" + home.address)
        self.assertNotEqual(controller.ask("call where"), f"= {home.number}")
        home.heal()
        self.wait_for_nodes(controller, home.address.replace(".", r"\.") + r":4242: 2 of 2 slots are free")
        self.assertEqual(controller.ask("echo 1000"), "= same")

    def test_a_machine_that_is_gone_is_noticed(self):
        controller = self.start_controller()
        self.wait_for_nodes(controller, r"slots are free.*slots are free")
        home = self.hosts[int(controller.ask("call where").removeprefix("= "))]
        controller.ask("begin spin", "began")
        run("ip", "link", "delete", home.cable)
        self.assertRegex(controller.line("answer"), "answer ! node_lost: ")
        self.assertNotEqual(controller.ask("call where"), f"= {home.number}")

    def test_cuts_in_the_middle_of_a_transfer_lose_no_request(self):
        controller = self.start_controller()
        for host in self.hosts.values():
            host.slow_down("200mbit")
        for _ in range(3):
            self.wait_for_nodes(controller, r"slots are free.*slots are free")
            home = self.hosts[int(controller.ask("call where").removeprefix("= "))]
            controller.say("echo 60000000")
            time.sleep(0.2)  # into the transfer, wherever that leads
            home.cut()
            self.assertRegex(controller.line(), "= same|! node_lost: ")
            home.heal()
        self.assertEqual(controller.ask("echo 1000"), "= same")

    def test_a_slow_link_is_no_lost_node(self):
        for host in self.hosts.values():
            host.slow_down("20mbit")
        controller = self.start_controller("4s")
        home = controller.ask("call where")
        controller.ask("begin echo " + "x" * 3_000_000, "began")  # 1.2 s each way
        self.assertTrue(controller.line("answer").startswith("answer = xxx"))
        self.assertEqual(controller.ask("call where"), home)

    def test_a_node_that_starts_late_is_used(self):
        self.hosts[1].node.end()
        self.hosts[2].node.end()
        nodes = ", ".join(f'"{host.address}:4242"' for host in self.hosts.values())
        controller = Process(CONTROLLER, f"--interp-actors.nodes=[{nodes}]", "--interp-actors.node-timeout=2s",
                             f"--interp-actors.certificate={self.folder}/controller.pem",
                             f"--interp-actors.key={self.folder}/controller.key", f"--interp-actors.ca={self.folder}/ca.pem", CODE)
        self.addCleanup(controller.end)
        self.hosts[2].start_node()
        controller.line("ready")
        self.assertEqual(controller.ask("call where"), "= 2")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        sys.exit(64)
    NODE, CONTROLLER = sys.argv[1:3]
    if os.environ.get("IN_A_NAMESPACE_OF_ITS_OWN") != "1":
        os.environ["IN_A_NAMESPACE_OF_ITS_OWN"] = "1"
        os.execvp("unshare", ["unshare", "--user", "--map-root-user", "--net", "--", sys.executable, *sys.argv])
    run("ip", "link", "set", "lo", "up")
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
