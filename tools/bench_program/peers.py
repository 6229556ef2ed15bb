"""What CPython itself offers for the same job, measured on command.

Reads lines "NAME N" from stdin, does N operations of NAME, and prints the nanoseconds of one. Ends when stdin does.
"processes:0,1" are processes on these cores that work at the same time.
"""

import functools
import multiprocessing
import os
import sys
from concurrent import interpreters
from concurrent.futures import InterpreterPoolExecutor
from time import perf_counter_ns

PAYLOAD = bytes(64)


def echo(payload):
    return payload


def echo_over_pipe(connection):
    """Send back what comes until the other end is closed."""
    try:
        while True:
            connection.send_bytes(connection.recv_bytes())
    except EOFError:
        pass


def make_pipe():
    """Return a function that asks another process over a pipe and waits for the answer."""
    # The fork keeps our end open in the child unless it closes it; only then does it see the end of the file.
    ours, theirs = multiprocessing.Pipe()

    def child():
        ours.close()
        echo_over_pipe(theirs)

    multiprocessing.get_context("fork").Process(target=child, daemon=True).start()
    theirs.close()
    send, receive = ours.send_bytes, ours.recv_bytes

    def round_trip():
        send(PAYLOAD)
        receive()

    return round_trip


def make_pool():
    """Return a function that asks an interpreter of CPython's own pool and waits for the answer."""
    submit = InterpreterPoolExecutor(max_workers=1).submit

    def round_trip():
        submit(echo, PAYLOAD).result()

    return round_trip


def make_queue():
    """Return a function that puts a message into a queue for interpreters and gets it back."""
    queue = interpreters.create_queue()
    put, get = queue.put, queue.get

    def put_and_get():
        put(PAYLOAD)
        get()

    return put_and_get


def work():
    """Do what two_cores.cpp lets its interpreters do."""
    total = 0
    for i in range(2_000_000):
        total += i & 7


@functools.cache
def make_processes(cores):
    """Return connections to processes on `cores` that work once for each message, and answer."""
    connections = []
    for core in cores:
        ours, theirs = multiprocessing.Pipe()
        kept = [*connections, ours]

        def child():
            for other in kept:
                other.close()  # or it would not see their end
            os.sched_setaffinity(0, {core})
            try:
                while True:
                    theirs.recv_bytes()
                    work()
                    theirs.send_bytes(b"")
            except EOFError:
                pass

        multiprocessing.get_context("fork").Process(target=child, daemon=True).start()
        theirs.close()
        connections.append(ours)
    return connections


def measure_processes(cores, count):
    """Return the nanoseconds that `count` rounds of all processes took, for each process."""
    connections = make_processes(cores)
    start = perf_counter_ns()
    for _ in range(count):
        for one in connections:
            one.send_bytes(b"")
        for one in connections:
            one.recv_bytes()
    return (perf_counter_ns() - start) / len(connections)


@functools.cache
def steps():
    """Return the functions that make one step, by name."""
    # The pipe's process is forked before the pool starts threads.
    return {"pipe": make_pipe(), "pool": make_pool(), "queue": make_queue()}


def measure_steps(name, count):
    """Return the nanoseconds that `count` steps took."""
    step = steps()[name]
    start = perf_counter_ns()
    for _ in range(count):
        step()
    return perf_counter_ns() - start


def measure_creation(count):
    """Return the nanoseconds that making `count` interpreters took; their ends are not counted."""
    taken = 0
    for _ in range(count):
        start = perf_counter_ns()
        interpreter = interpreters.create()
        taken += perf_counter_ns() - start
        interpreter.close()
    return taken


def main():
    for line in sys.stdin:
        name, count = line.split()
        count = int(count)
        if name.startswith("processes:"):
            nanoseconds = measure_processes(tuple(int(core) for core in name.partition(":")[2].split(",")), count)
        else:
            nanoseconds = measure_creation(count) if name == "create" else measure_steps(name, count)
        print(nanoseconds / count, flush=True)


if __name__ == "__main__":
    main()
