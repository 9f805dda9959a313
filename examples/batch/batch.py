#!/usr/bin/env python3
"""Many small calls, one by one, under way together, and in one message: batch.py SOCKET [COUNT]"""

import sys
import time

from weir_worker.client import connect

count = int(sys.argv[2]) if len(sys.argv) > 2 else 20000
points = [[n % 100, n % 7] for n in range(count)]


def measured(what, work):
    began = time.perf_counter()
    distances = work()
    took = time.perf_counter() - began
    print(f"{what}: {1e6 * took / count:.1f} us a call", file=sys.stderr)
    return distances


with connect(sys.argv[1]) as weir:
    alone = measured("one by one", lambda: [weir.call("distance", *point) for point in points])
    pending = measured(
        "under way together",
        lambda: [
            answer.result()
            for chunk in range(0, count, 500)
            for answer in [weir.submit("distance", *point) for point in points[chunk : chunk + 500]]
        ],
    )
    mapped = measured("in one message", lambda: weir.map("distance", points))
    print(
        len(mapped),
        "distances,",
        "the same three times" if alone == pending == mapped else "different",
    )
