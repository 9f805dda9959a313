#!/usr/bin/env python3
"""What a call of a function in a worker costs.  Ratios of medians.

    make bench-call             (or: tests/bench/call.py BUILDDIR [--rounds N] [--free])

Every contestant is a process that stays, with the same add() behind it; in each round each
of them, in turn, makes some calls.  So a noisy moment hits all alike.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

from call_python_floor import SDK, WORKER

HERE = os.path.dirname(os.path.abspath(__file__))


class Contestant:
    def __init__(self, name, argv, env, count, beside):
        self.name, self.count, self.beside = name, count, beside
        self.rounds = []  # of lists: P50 and P99, or one figure
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )

    def run(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        if not words:
            sys.exit(f"call.py: {self.name} gave up")
        return [float(word) for word in words]

    def measure(self):
        self.rounds.append(self.run(self.count))

    def firsts(self):
        return [one[0] for one in self.rounds]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def contestants(own, worker, env, args):
    """The two that the others are compared with come first."""
    bare, floor = "bare pipe", "the worker's own floor"
    unary, many = args.count, args.count * 10
    made = [
        Contestant(bare, [own, "bare", *worker], env, unary, bare),
        Contestant(floor, [own, "floor", *worker], env, many * 2, floor),
        Contestant("weir_call", [own, "pool", *worker], env, unary, bare),
    ]
    for window, workers in ((16, 1), (64, 1), (256, 1), (64, 2)):
        made.append(
            Contestant(
                f"window {window}, workers {workers}",
                [own, f"window={window},{workers}", *worker],
                env,
                many,
                floor,
            )
        )
    made.append(Contestant("weir/map of 1000", [own, "map", *worker], env, many, floor))
    if args.no_peers:
        return made
    made.append(
        Contestant(
            "Pool(1).apply, Python",
            [sys.executable, os.path.join(HERE, "call_peer.py")],
            env,
            unary,
            bare,
        )
    )
    return made


def uds_pool(directory, env, count):
    go = shutil.which(os.environ.get("GO") or "go")
    if not go:
        return []
    binary = os.path.join(directory, "call_uds_pool")
    subprocess.run(
        [go, "build", "-o", binary, os.path.join(HERE, "call_uds_pool.go")],
        check=True,
        env={**env, "GO111MODULE": "off"},
    )
    return [
        Contestant(
            "UDS pool, Go to Python",
            [binary, sys.executable, os.path.join(HERE, "call_uds_worker.py")],
            env,
            count,
            "bare pipe",
        )
    ]


def shared(directory, env, count):
    """ctypes into a Go c-shared library; without cgo there is none."""
    go = shutil.which(os.environ.get("GO") or "go")
    library = os.path.join(directory, "call_shared.so")
    if (
        not go
        or subprocess.run(
            [
                go,
                "build",
                "-buildmode=c-shared",
                "-o",
                library,
                os.path.join(HERE, "call_shared.go"),
            ],
            env={**env, "GO111MODULE": "off", "CGO_ENABLED": "1"},
        ).returncode
    ):
        print("call.py: no c-shared library could be built: ctypes is left out", file=sys.stderr)
        return []
    return [
        Contestant(
            "ctypes into Go",
            [sys.executable, os.path.join(HERE, "call_shared.py"), library],
            env,
            count * 10,
            "weir/map of 1000",
        )
    ]


def print_table(field):
    by_name = {one.name: one for one in field}
    print(f"{'':26}{'us a call':>10}{'P99':>9}{'ratio':>8}  of")
    for one in field:
        ratio = statistics.median(a / b for a, b in zip(one.firsts(), by_name[one.beside].firsts()))
        most = [times[1] for times in one.rounds if len(times) > 1]
        tail = f"{statistics.median(most):9.1f}" if most else " " * 9
        print(
            f"{one.name:26}{statistics.median(one.firsts()):10.2f}{tail}{ratio:8.2f}  {one.beside}"
        )


def print_memory(own, child, env, calls):
    idle = Contestant("idle", [own, "idle=64", child], env, calls, None)
    idle.run(1000)
    before, after = idle.run(calls)
    idle.close()
    print(
        f"host with 64 idle workers: {before:.0f} KiB; after {calls} calls more: {after - before:+.0f} KiB"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="build directory")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--count", type=int, default=500, help="single calls a round")
    parser.add_argument(
        "--free", action="store_true", help="do not keep everything on one processor"
    )
    parser.add_argument("--no-peers", action="store_true")
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    env = dict(os.environ, WEIR_SPAWNER=os.path.join(build, "weir-spawner"), PYTHONPATH=SDK)
    own = os.path.join(build, "tests/bench/call_contestant")
    if not args.free and hasattr(os, "sched_setaffinity"):
        # As in call_python_floor.py: where the scheduler puts a child decides more than what it does.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    with tempfile.TemporaryDirectory(prefix="weir-bench-") as directory:
        field = contestants(own, [sys.executable, "-c", WORKER], env, args)
        if not args.no_peers:
            field += uds_pool(directory, env, args.count)
            field += shared(directory, env, args.count)
        for one in field:
            one.run(one.count)
        for number in range(args.rounds):
            start = number % len(field)
            for one in field[start:] + field[:start]:
                one.measure()
        print(
            f"add(3, 4), Python {sys.version.split()[0]}; {args.rounds} rounds, interleaved; "
            f"{'all processors' if args.free else 'one processor'}; load {os.getloadavg()[0]:.1f}"
        )
        print_table(field)
        for one in field:
            one.close()
    print_memory(own, os.path.join(build, "tests/children/rpc_worker"), env, 100000)


if __name__ == "__main__":
    main()
