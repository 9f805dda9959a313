#!/usr/bin/env python3
"""What a probe costs: latency beyond the tool's own time, 200 at once, memory, processor.

    make bench-probe            (or: tests/bench/probe.py BUILDDIR [--rounds N])

The contestants stay, and take turns: a noisy moment hits all alike.  "raw" is
the tool alone: posix_spawn, one pipe, wait.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


class Contestant:
    def __init__(self, argv, env):
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )

    def run(self, count, at_a_time):
        self.process.stdin.write(f"{count} {at_a_time}\n")
        self.process.stdin.flush()
        times = [int(word) / 1e6 for word in self.process.stdout.readline().split()]
        self.beyond = [int(word) / 1e6 for word in self.process.stdout.readline().split()]
        errors, busy, resident = map(int, self.process.stdout.readline().split())
        if len(times) != count:
            sys.exit("probe.py: a contestant gave up")
        return times, errors, busy / 1e6, resident

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def raw(program):
    began = time.monotonic_ns()
    read, write = os.pipe()
    pid = os.posix_spawn(
        program, [program], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)]
    )
    os.close(write)
    while os.read(read, 4096):
        pass
    os.close(read)
    os.waitpid(pid, 0)
    return (time.monotonic_ns() - began) / 1e6


def p99(times):
    return sorted(times)[max(0, -(-len(times) * 99 // 100) - 1)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as work:
        for name, wait in (("tool", ""), ("slow", "sleep 2; ")):
            with open(os.path.join(work, name), "w") as file:
                file.write(f"#!/bin/sh\n{wait}echo 'tool 1.2.3'\n")
            os.chmod(os.path.join(work, name), 0o755)
        env = {
            **os.environ,
            "PATH": f"{work}:/usr/local/bin:/usr/bin:/bin",
            "WEIR_SPAWNER": os.path.join(build, "weir-spawner"),
        }

        def contestants(tool):
            return {
                "weir": Contestant(
                    [os.path.join(build, "tests/bench/probe_contestant"), tool], env
                ),
                "Python": Contestant(
                    [sys.executable, os.path.join(HERE, "probe_peer.py"), tool], env
                ),
            }

        quick, slow = contestants("tool"), contestants("slow")
        alone, times, storms = [], {"weir": [], "Python": []}, {"weir": [], "Python": []}
        beyond = {"weir": [], "Python": []}
        shares, errors = {"weir": [], "Python": []}, {"weir": 0, "Python": 0}
        for _ in range(options.rounds):
            alone += [raw(os.path.join(work, "tool")) for _ in range(50)]
            for name, contestant in quick.items():
                took, failed, _, _ = contestant.run(50, 1)
                times[name] += took
                beyond[name] += contestant.beyond
                errors[name] += failed
        for _ in range(max(3, options.rounds // 3)):
            for name, contestant in quick.items():
                began = time.monotonic()
                _, failed, _, _ = contestant.run(200, 200)
                storms[name].append((time.monotonic() - began) * 1000)
                errors[name] += failed
            for name, contestant in slow.items():
                began = time.monotonic()
                _, failed, busy, _ = contestant.run(200, 200)
                shares[name].append(busy / ((time.monotonic() - began) * 1000) * 100)
                errors[name] += failed
        growth = {}
        for name, contestant in quick.items():
            before = contestant.run(200, 20)[3]
            growth[name] = (contestant.run(1000, 20)[3] - before) / 1024
        for contestant in (*quick.values(), *slow.values()):
            contestant.close()
    base = statistics.median(alone)
    print("| | the tool alone | weir | Python `Popen` |\n|---|---|---|---|")

    def row(what, first, show):
        print(f"| {what} | {first} | {show('weir')} | {show('Python')} |")

    row("one probe, median, ms", f"{base:.2f}", lambda n: f"{statistics.median(times[n]):.2f}")
    row("one probe, P99, ms", f"{p99(alone):.2f}", lambda n: f"{p99(times[n]):.2f}")
    row(
        "beyond the run of the tool, median, ms",
        "",
        lambda n: f"{statistics.median(beyond[n]):.2f}",
    )
    row("beyond the run of the tool, P99, ms", "", lambda n: f"{p99(beyond[n]):.2f}")
    row(
        "200 at once, the last has answered after, ms",
        "",
        lambda n: f"{statistics.median(storms[n]):.0f}",
    )
    row(
        "of a processor while 200 run for 2 s, %",
        "",
        lambda n: f"{statistics.median(shares[n]):.1f}",
    )
    row("memory growth over 1,000 probes, MiB", "", lambda n: f"{growth[n]:.2f}")
    row("errors", "", lambda n: errors[n])


if __name__ == "__main__":
    main()
