# [parallel_sum.py]
from array import array


def work(_):
    for part in parts:  # a memoryview of doubles, the same memory as in C++
        sums.send(array("d", [sum(part)]).tobytes())
# [/parallel_sum.py]
