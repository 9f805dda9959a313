#!/usr/bin/env python3
"""What a spawn costs: start, capture both outputs, reap.  Ratios of medians.

    make bench-spawn            (or: tests/bench/spawn.py BUILDDIR [--rounds N])

Every contestant is a process that stays; in each round each of them, in turn,
runs the program a few times.  So a noisy moment hits all alike.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


class Contestant:
    def __init__(self, name, argv, env):
        self.name = name
        self.rounds = []
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )

    def run(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        times = [int(word) for word in self.process.stdout.readline().split()]
        if len(times) != count:
            sys.exit(f"spawn.py: {self.name} gave up")
        return times

    def measure(self, count):
        self.rounds.append(statistics.median(self.run(count)) / 1000)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def contestants(build, program, env, big, with_peers):
    own = os.path.join(build, "tests/bench/spawn_contestant")
    made = [
        Contestant("raw vfork + pipes", [own, "raw", "0", program], env),
        Contestant("weir", [own, "weir", "0", program], env),
    ]
    if big:
        made.append(Contestant(f"weir, host of {big} MiB", [own, "weir", str(big), program], env))
    if with_peers:
        made.append(Contestant("libpipeline in the host", [own, "libpipeline", "0", program], env))
        made.append(
            Contestant(
                "Python subprocess.run",
                [sys.executable, os.path.join(HERE, "spawn_peer.py"), program],
                env,
            )
        )
        go = shutil.which(os.environ.get("GO") or "go")
        if go:
            binary = os.path.join(tempfile.mkdtemp(prefix="weir-bench-"), "spawn_peer")
            subprocess.run(
                [go, "build", "-o", binary, os.path.join(HERE, "spawn_peer.go")],
                check=True,
                env={**env, "GO111MODULE": "off"},
            )
            made.append(Contestant("Go os/exec", [binary, program], env))
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="build directory")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--count", type=int, default=25, help="runs a round")
    parser.add_argument("--resident", type=int, default=4096, help="MiB of the large host; 0: none")
    parser.add_argument("--program", default="/bin/true")
    parser.add_argument("--no-peers", action="store_true")
    args = parser.parse_args()
    env = dict(os.environ, WEIR_SPAWNER=os.path.join(os.path.abspath(args.build), "weir-spawner"))

    field = contestants(args.build, args.program, env, args.resident, not args.no_peers)
    for one in field:
        one.run(20)
    for number in range(args.rounds):
        start = number % len(field)
        for one in field[start:] + field[:start]:
            one.measure(args.count)
    print(
        f"{args.program}: start, capture, reap; {args.rounds} rounds of {args.count}, interleaved"
    )
    print(f"{'':28}{'median us':>10}{'of raw':>9}{'of weir':>9}")
    raw, weir = field[0].rounds, field[1].rounds
    for one in field:
        to_raw = statistics.median(a / b for a, b in zip(one.rounds, raw))
        to_weir = statistics.median(a / b for a, b in zip(one.rounds, weir))
        print(f"{one.name:28}{statistics.median(one.rounds):10.0f}{to_raw:9.2f}{to_weir:9.2f}")
        one.close()


if __name__ == "__main__":
    main()
