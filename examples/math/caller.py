#!/usr/bin/env python3
"""The functions of math_worker.py, called from Python through `weir serve`: caller.py SOCKET"""

import sys
import time

from weir_worker.client import DeadlineExceeded, RemoteError, connect

with connect(sys.argv[1]) as weir:
    print("a value in, a value out:", weir.call("add", 3, 4), weir.call("add", a=1, b=2**70))
    print("a stream out:", list(weir.stream("count", 1, 3)))
    print("a stream in:", weir.call("sum_of", input=range(11)))
    print("both ways:", list(weir.stream("mean_so_far", input=[2, 4, 9])))
    try:
        weir.call("divide", 1, 0)
    except RemoteError as error:
        print("fails:", error)
    began = time.monotonic()
    try:
        weir.call("sleep", 60, timeout=0.5)
    except DeadlineExceeded:
        print("takes too long:", "stopped" if time.monotonic() - began < 30 else "waited for")
