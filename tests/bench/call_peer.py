"""multiprocessing.Pool(1).apply for call.py: for each line "N", P50 and P99 of N calls in us."""

import multiprocessing
import sys
import time


def add(a, b):
    return a + b


if __name__ == "__main__":
    with multiprocessing.Pool(1) as pool:
        for line in sys.stdin:
            times = []
            for _ in range(int(line)):
                start = time.perf_counter_ns()
                pool.apply(add, (3, 4))
                times.append(time.perf_counter_ns() - start)
            times.sort()
            print(times[len(times) // 2] / 1000, times[len(times) * 99 // 100] / 1000, flush=True)
