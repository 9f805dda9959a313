#!/usr/bin/env python3
"""ctypes into a Go c-shared library, for call.py: call_shared.py LIBRARY; for each line "N", us a call."""

import ctypes
import sys
import time

add = ctypes.CDLL(sys.argv[1]).Add
add.argtypes = [ctypes.c_long, ctypes.c_long]
add.restype = ctypes.c_long
for line in sys.stdin:
    count = int(line)
    start = time.perf_counter_ns()
    for _ in range(count):
        if add(3, 4) != 7:
            sys.exit("call_shared.py: a wrong sum")
    print((time.perf_counter_ns() - start) / 1000 / count, flush=True)
