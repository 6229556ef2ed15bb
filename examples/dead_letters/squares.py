# [squares.py]
import sys


def square(number: memoryview) -> bytes:
    """Return the square of a number, but for 13."""
    if number == b"13":
        sys.exit("13 is too much for me")  # ends this interpreter, not the program
    return str(int(bytes(number)) ** 2).encode()
# [/squares.py]
