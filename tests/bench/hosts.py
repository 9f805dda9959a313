#!/usr/bin/env python3
"""What a call costs from inside a program: Go and C, beside a pool behind a Unix socket.

    make bench-hosts            (or: tests/bench/hosts.py BUILDDIR [--rounds N])
    taskset -c 0 make bench-hosts

Every contestant has the same add(), in Python, behind it; in each round each of them, in turn,
makes some calls.  So a noisy moment hits all alike.  The hosts in Python: hosts_python.py.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from call_python_floor import SDK, WORKER

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
BESIDE = "UDS pool, Go"


class Contestant:
    def __init__(self, name, argv, env):
        self.name = name
        self.rounds = []  # of P50, P99, calls per second
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )

    def measure(self, count, callers):
        self.process.stdin.write(f"{count} {callers}\n")
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        if len(words) != 3:
            sys.exit(f"hosts.py: {self.name} gave up")
        return [float(word) for word in words]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def go_binary(go, directory, env, name, module):
    """With the SDK as a module beside it; or on its own."""
    folder = os.path.join(directory, name)
    os.mkdir(folder)
    shutil.copy(os.path.join(HERE, f"{name}.go"), folder)
    env = dict(env, GO111MODULE="on" if module else "off", GOFLAGS="-mod=mod", GOWORK="off")
    if module:
        with open(os.path.join(folder, "go.mod"), "w", encoding="utf-8") as file:
            file.write(
                "module example.org/bench\n\ngo 1.19\n\nrequire weir.dev/weir v0.0.0\n"
                f"\nreplace weir.dev/weir => {SOURCE}/sdk/go\n"
            )
    binary = os.path.join(folder, "program")
    subprocess.run([go, "build", "-o", binary, f"{name}.go"], check=True, env=env, cwd=folder)
    return binary


def serve(build, directory, env, worker, workers):
    """A server for the client that goes through it."""
    path = os.path.join(directory, "weir.sock")
    words = " ".join("'" + word.replace("'", "'\\''") + "'" for word in worker)
    server = subprocess.Popen(
        [os.path.join(build, "weir"), "serve", "-s", path, f"-j{workers}", "-w", words],
        env=env,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 60
    while not os.path.exists(path):
        if server.poll() is not None or time.monotonic() > until:
            sys.exit("hosts.py: weir serve does not start")
        time.sleep(0.01)
    return server, path


def contestants(build, directory, env, workers, path):
    worker = [sys.executable, "-c", WORKER]
    own = os.path.join(build, "tests/bench/call_contestant")
    made = [Contestant("weir_call, C", [own, f"callers={workers}", *worker], env)]
    go = shutil.which(os.environ.get("GO") or "go")
    if go:
        program = go_binary(go, directory, env, "hosts_pool", True)
        peer = go_binary(go, directory, env, "call_uds_pool", False)
        uds = os.path.join(HERE, "call_uds_worker.py")
        made += [
            Contestant("NewPool, Go", [program, "lent", str(workers), *worker], env),
            Contestant("Dial, Go, weir serve", [program, "relay", str(workers), path], env),
            Contestant(BESIDE, [peer, sys.executable, uds, str(workers)], env),
        ]
    else:
        print("hosts.py: there is no go: only C is measured", file=sys.stderr)
    return made


def compete(field, rounds, count, callers):
    for one in field:
        one.rounds = []
        one.measure(count, callers)
    for number in range(rounds):
        start = number % len(field)
        for one in field[start:] + field[:start]:
            one.rounds.append(one.measure(count, callers))


def print_table(field, callers):
    beside = next((one for one in field if one.name == BESIDE), field[0])
    print(f"{f'{callers} callers':24}{'P50 us':>9}{'P99 us':>9}{'calls/s':>10}{'P50 ratio':>11}")
    for one in field:
        p50, p99, rate = (statistics.median(column) for column in zip(*one.rounds))
        ratio = statistics.median(a[0] / b[0] for a, b in zip(one.rounds, beside.rounds))
        print(f"{one.name:24}{p50:9.1f}{p99:9.1f}{rate:10.0f}{ratio:11.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="build directory")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--count", type=int, default=1600, help="calls a round")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    env = dict(
        os.environ,
        WEIR=os.path.join(build, "weir"),
        WEIR_SPAWNER=os.path.join(build, "weir-spawner"),
        PYTHONPATH=SDK,
    )
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    print(
        f"add(3, 4), Python {sys.version.split()[0]}, {args.workers} workers; {args.rounds} rounds, "
        f"interleaved; processors: {processors or 'all'}; load {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as directory:
        server, path = serve(build, directory, env, [sys.executable, "-c", WORKER], args.workers)
        field = contestants(build, directory, env, args.workers, path)
        try:
            for callers in (1, 8):
                compete(field, args.rounds, args.count, callers)
                print_table(field, callers)
        finally:
            for one in field:
                one.close()
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
