# [squares.py]
import interp_actors as ia

# Ends with this interpreter, and this one with it, should it fail.
worker = ia.spawn("def square(x): return x * x", name="worker")
worker.monitor(lambda reason: print("the worker has ended:", reason))


def squares(numbers: list[int]) -> list[int]:
    """Let the worker square all numbers, and wait for its answers at the end."""
    pending = [worker.square.future(n) for n in numbers]
    return [answer.result() for answer in pending]


def refused() -> str:
    """Ask for what cannot be squared."""
    try:
        return worker.square("seven", timeout=1)
    except ia.RemoteError as problem:
        return f"{problem.type}: {problem.message}"
# [/squares.py]
