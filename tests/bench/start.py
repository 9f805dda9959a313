#!/usr/bin/env python3
"""What `weir run` itself takes to start: to the program's first output, and to the end.

    make bench-start            (or: tests/bench/start.py BUILDDIR [--rounds N])

Each contestant is started anew for each run, as a shell would; in each round each of them
runs once, in turn.  So a noisy moment hits all alike.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

PROGRAM = "/bin/echo"
PYTHON = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:], timeout=10).returncode)"


def contestants(build):
    weir = os.path.join(build, "weir")
    return {
        "the program alone": [],
        "timeout 10": ["timeout", "10"],
        "sh -c, that waits": ["sh", "-c", '"$@"; exit $?', "sh"],
        "weir run": [weir, "run", "--"],
        "weir run --timeout 10s": [weir, "run", "--timeout", "10s", "--"],
        "weir run --json": [weir, "run", "--json", "--"],
        "python3 -c subprocess.run": [sys.executable, "-c", PYTHON],
    }


def run(words, env):
    """Returns us to the first byte and to the end."""
    begin = time.perf_counter_ns()
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=env, bufsize=0
    ) as process:
        first = process.stdout.read(1)
        first_ns = time.perf_counter_ns() - begin
        process.stdout.read()
    if process.returncode != 0 or not first:
        sys.exit(f"start.py: {words} gave up with status {process.returncode}")
    return first_ns / 1000, (time.perf_counter_ns() - begin) / 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="build directory")
    parser.add_argument("--rounds", type=int, default=200)
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    env = dict(os.environ, WEIR_SPAWNER=os.path.join(build, "weir-spawner"))

    field = contestants(build)
    times = {name: [] for name in field}
    for number in range(args.rounds + 5):
        for name, words in field.items():
            one = run([*words, PROGRAM, "x"], env)
            if number >= 5:
                times[name].append(one)
    print(f"{PROGRAM} x; {args.rounds} rounds, interleaved; load {os.getloadavg()[0]:.1f}")
    print(f"{'':28}{'first byte, us':>16}{'end, us':>10}{'beyond the program':>20}")
    alone = [end for _, end in times["the program alone"]]
    for name, each in times.items():
        ends = [end for _, end in each]
        beyond = statistics.median(end - by_itself for end, by_itself in zip(ends, alone))
        print(
            f"{name:28}{statistics.median(first for first, _ in each):16.0f}"
            f"{statistics.median(ends):10.0f}{beyond:20.0f}"
        )


if __name__ == "__main__":
    main()
