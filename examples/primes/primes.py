# [primes.py]
import math


def count(below: memoryview) -> bytes:
    """Return how many primes there are below a number."""
    sieve = bytearray(b"\1") * int(bytes(below))
    sieve[:2] = b"\0\0"
    for i in range(2, math.isqrt(len(sieve)) + 1):
        if sieve[i]:
            sieve[i * i :: i] = bytes(len(range(i * i, len(sieve), i)))
    return str(sum(sieve)).encode()
# [/primes.py]
