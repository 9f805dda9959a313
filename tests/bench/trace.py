#!/usr/bin/env python3
"""What a trace costs: the processor time of maps and calls, with one and without.

    make bench-trace            (or: tests/bench/trace.py BUILDDIR [--rounds N] [--short])

In each round each contestant, in turn, does the same work in a process of its own, so a noisy
moment hits all alike.  The time is that of all processors and processes: of weir, its spawner and
the worker.  Figures are minima, as what others do on the machine only adds; ratios are to the same
work without a trace.  "off" is a second contestant without one: its distance from 1 is what can be
told apart.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "TRACEPARENT"}
TRACES = {"off": "", "chrome": "t.json", "otlp": "t.otlp.json"}


def seconds_of(argv: list[str], given: str) -> float:
    """The processor time of argv and what it waits for."""
    with tempfile.TemporaryFile("w+") as source:
        source.write(given)
        source.seek(0)
        process = subprocess.Popen(argv, stdin=source, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"trace.py: {argv} failed with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def works(build: str, scratch: str) -> Iterator[tuple[str, int, str, list[str], int]]:
    """A name, how many it does, its stdin, its command, and where in that a trace's option goes."""
    weir, contestant = f"{build}/weir", f"{build}/tests/bench/call_contestant"
    worker = f"{build}/tests/children/rpc_worker"
    records = 1_000_000
    path = f"{scratch}/records"
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f'{{"id":{number},"text":"{"x" * 60}"}}\n' for number in range(records))
    words = [weir, "map", "-j1", "--progress", "none", "--input", path, "--output", "/dev/null"]
    yield "map of cat", records, "", [*words, "--", "cat"], 2
    calls = 25_000
    yield "weir_call(), one at a time", calls, f"{calls}\n", [contestant, "pool", worker], 1
    calls = 100_000
    yield "64 calls at a time", calls, f"{calls}\n", [contestant, "window=64,1", worker], 1


def traced(argv: list[str], at: int, file: str) -> list[str]:
    """argv with a trace in file; an empty one is none."""
    if not file:
        return argv
    option = ["--trace", file] if argv[1] == "map" else [f"trace={file}"]
    return [*argv[:at], *option, *argv[at:]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--short", action="store_true", help="five rounds")
    args = parser.parse_args()
    ENVIRONMENT["WEIR_SPAWNER"] = os.path.abspath(f"{args.build}/weir-spawner")
    rounds = 5 if args.short else args.rounds
    print(f"{'':28}{'':>8}{'us each':>10}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as scratch:
        for name, count, given, argv, at in works(args.build, scratch):
            took: dict[str, list[float]] = {"none": [], **{kind: [] for kind in TRACES}}
            for _ in range(rounds):
                for kind, times in took.items():
                    file = TRACES.get(kind, "")
                    words = traced(argv, at, file and f"{scratch}/{file}")
                    times.append(seconds_of(words, given) / count)
            for kind in TRACES:
                each = min(took[kind])
                ratio = each / min(took["none"])
                print(f"{name:28}{kind:>8}{each * 1e6:10.3f}{ratio:8.3f}", flush=True)


if __name__ == "__main__":
    main()
