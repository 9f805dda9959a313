#!/usr/bin/env python3
"""What the Python SDK costs beside a bare pipe to the same function.  Ratios of medians.

    tests/bench/call_python_floor.py [--rounds N] [--json]

Two children offer add(a, b): one is the SDK, the other is the least that can be written in Python for the same lines
(read, C scanner, format, write; no checks, no cancellation).  In each round each child, in turn, answers single calls
(round trip) and blocks of calls (pipelined), so a noisy moment hits both alike.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

SDK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../sdk/python")
FLOOR = """
import os, json
scan = json.JSONDecoder().scan_once
functions = {"add": lambda a, b: a + b}
out = []
while True:
    data = os.read(0, 65536)
    if not data:
        break
    for line in data[:-1].decode().split("\\n"):
        message, _ = scan(line, 0)
        out.append('{"jsonrpc":"2.0","id":%d,"result":%d}\\n'
                   % (message["id"], functions[message["method"]](*message["params"])))
    os.write(1, "".join(out).encode())
    out.clear()
"""
WORKER = """
from weir_worker import function, run
@function
def add(a: int, b: int) -> int:
    return a + b
run()
"""
# A block is less than a pipe holds, so that a child reads whole lines.
WINDOW = 512
CALLS = {
    "plain": '{"jsonrpc":"2.0","id":%d,"method":"add","params":[%d,4]}\n',
    "with deadline": '{"jsonrpc":"2.0","id":%d,"method":"add","params":[%d,4],"weir":{"deadline_ms":30000}}\n',
}


class Child:
    def __init__(self, name, code):
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": SDK},
        )
        self.fd_in, self.fd_out = self.process.stdin.fileno(), self.process.stdout.fileno()

    def round_trips(self, line, count):
        times = []
        for number in range(count):
            data = (line % (number, number)).encode()
            start = time.perf_counter_ns()
            os.write(self.fd_in, data)
            os.read(self.fd_out, 65536)
            times.append(time.perf_counter_ns() - start)
        times.sort()
        return times[len(times) // 2] / 1000, times[len(times) * 99 // 100] / 1000

    def pipelined(self, block, blocks):
        start = time.perf_counter_ns()
        for _ in range(blocks):
            os.write(self.fd_in, block)
            answered = 0
            while answered < WINDOW:
                answered += os.read(self.fd_out, 65536).count(b"\n")
        return (time.perf_counter_ns() - start) / 1000 / (blocks * WINDOW)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(rounds):
    results = {}
    children = []
    for number in range(rounds):
        if number % 5 == 0:
            # Fresh ones now and then: a process may have its data in an unlucky place for all its life.
            for child in children:
                child.close()
            children = [Child("bare", FLOOR), Child("sdk", WORKER)]
            for child in children:
                child.round_trips(CALLS["plain"], 500)
        for kind, line in CALLS.items():
            block = "".join(line % (i, i) for i in range(WINDOW)).encode()
            for child in children if number % 2 else children[::-1]:
                half, most = child.round_trips(line, 500)
                cost = child.pipelined(block, 20)
                for measure_name, value in (
                    ("round trip P50", half),
                    ("round trip P99", most),
                    (f"pipelined, window {WINDOW}", cost),
                ):
                    results.setdefault((measure_name, kind), {}).setdefault(child.name, []).append(
                        value
                    )
    for child in children:
        child.close()
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--free", action="store_true", help="do not keep everything on one processor"
    )
    arguments = parser.parse_args()
    if not arguments.free and hasattr(os, "sched_setaffinity"):
        # Where the scheduler puts a child decides more than what the child does: a round trip between
        # processors takes up to ten times as long.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rows = []
    for (name, kind), by_child in measure(arguments.rounds).items():
        bare, sdk = (statistics.median(by_child[child]) for child in ("bare", "sdk"))
        ratio = statistics.median(b / a for a, b in zip(by_child["bare"], by_child["sdk"]))
        rows.append(
            {
                "measure": name,
                "calls": kind,
                "bare_us": round(bare, 2),
                "sdk_us": round(sdk, 2),
                "ratio": round(ratio, 2),
            }
        )
    if arguments.json:
        print(json.dumps(rows))
        return
    print(f"Python {sys.version.split()[0]}; us a call; ratio: median of the rounds' ratios")
    for row in rows:
        print(
            f"{row['measure']:24} {row['calls']:14} bare {row['bare_us']:7.2f}  "
            f"sdk {row['sdk_us']:7.2f}  ratio {row['ratio']:.2f}"
        )


if __name__ == "__main__":
    main()
