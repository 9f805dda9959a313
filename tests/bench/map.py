#!/usr/bin/env python3
"""What a map costs: records through a trivial worker, against the worker alone.

    make bench-map              (or: tests/bench/map.py BUILDDIR [--records N] [--rounds N])

In each round each contestant, in turn, maps the same file once, so a noisy
moment hits all alike.  Numbers are medians over the rounds; ratios are medians
of each round's ratio.  "rate" is the worker's own `<in >out` as 1.00.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def make_records(path, count, seed):
    """Records of about 100 bytes."""
    chance = random.Random(seed)
    words = [
        "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 9)))
        for _ in range(500)
    ]
    with open(path, "w") as file:
        file.writelines(
            f'{{"id":{number},"a":{chance.randrange(10000)},"b":{chance.randrange(10000)},'
            f'"name":"{chance.choice(words)}","text":"{" ".join(chance.choices(words, k=6))}"}}\n'
            for number in range(count)
        )
    return os.path.getsize(path)


class Memory(threading.Thread):
    """Peak resident size, in KiB, of a process and of its child weir-spawner, as long as they live."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.over = pid, {}, threading.Event()
        self.start()

    def look(self, pid):
        try:
            status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status"))
            self.peak[status["Name"].strip()] = int(status["VmHWM"].split()[0])
        except (OSError, KeyError):
            pass  # it is gone

    def run(self):
        while not self.over.wait(0.05):
            self.look(self.pid)
            try:
                for child in open(f"/proc/{self.pid}/task/{self.pid}/children").read().split():
                    self.look(child)
            except OSError:
                pass


class Contestant:
    def __init__(self, name, argv, ordered=True, report=None):
        self.name, self.argv, self.ordered, self.report = name, argv, ordered, report
        self.wall, self.own_cpu, self.worker_cpu, self.rss = [], [], [], []
        self.is_wrong = False

    def run(self, source, target, env):
        with open(source) as stdin, open(target, "w") as stdout:
            began = time.monotonic()
            process = subprocess.Popen(self.argv, stdin=stdin, stdout=stdout, env=env)
            memory = Memory(process.pid) if self.report else None
            _, status, usage = os.wait4(process.pid, 0)
            self.wall.append(time.monotonic() - began)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"map.py: {self.name} failed with {process.returncode}")
        if memory:
            memory.over.set()
            memory.join()
            with open(self.report) as file:
                workers = json.load(file)["workers"]
            theirs = sum(worker["user_ms"] + worker["system_ms"] for worker in workers) / 1000
            self.worker_cpu.append(theirs)
            self.own_cpu.append(usage.ru_utime + usage.ru_stime - theirs)
            self.rss.append(memory.peak)


def contestants(build, directory, worker, with_pool):
    weir, report = os.path.join(build, "weir"), os.path.join(directory, "report.json")
    words = " ".join(worker)
    made = [Contestant("the worker alone", worker)]
    for count in 1, 2:
        made.append(
            Contestant(
                f"weir map -j{count}",
                [
                    weir,
                    "map",
                    f"-j{count}",
                    "--progress",
                    "none",
                    "--report",
                    report,
                    "--",
                    *worker,
                ],
                report=report,
            )
        )
    made.append(
        Contestant(
            "weir map -j2 --unordered",
            [
                weir,
                "map",
                "-j2",
                "--unordered",
                "--progress",
                "none",
                "--report",
                report,
                "--",
                *worker,
            ],
            ordered=False,
            report=report,
        )
    )
    parallel = shutil.which("parallel")
    if parallel:
        made.append(
            Contestant("parallel --pipe -j2", [parallel, "--pipe", "-j2", words], ordered=False)
        )
        made.append(Contestant("parallel --pipe -k -j2", [parallel, "--pipe", "-k", "-j2", words]))
    if shutil.which("split"):
        made.append(
            Contestant(
                "split -n r/2 --filter", ["split", "-n", "r/2", f"--filter={words}"], ordered=False
            )
        )
    if with_pool:
        for size in 1, 100:
            made.append(
                Contestant(
                    f"Pool(2).imap, chunk {size}",
                    [sys.executable, os.path.join(HERE, "map_peer.py"), str(size)],
                )
            )
    return made


def is_right(contestant, wanted, got):
    """Whether the output is that of the worker alone, or the same lines in another order."""
    if contestant.ordered:
        return subprocess.run(["cmp", "-s", wanted, got]).returncode == 0
    with open(wanted, "rb") as first, open(got, "rb") as second:
        return sorted(first) == sorted(second)


def show(title, field):
    print(f"\n{title}")
    print(f"{'':26}{'median s':>9}{'rate':>7}{'own CPU':>9}{'of theirs':>10}  peak RSS")
    alone = field[0].wall
    for one in field:
        rate = statistics.median(b / a for a, b in zip(one.wall, alone))
        line = f"{one.name:26}{statistics.median(one.wall):9.2f}{rate:7.2f}"
        if one.own_cpu:
            share = statistics.median(a / b for a, b in zip(one.own_cpu, one.worker_cpu))
            peak = {
                name: max(rss.get(name, 0) for rss in one.rss) for name in ("weir", "weir-spawner")
            }
            line += (
                f"{statistics.median(one.own_cpu):8.2f}s{share:10.0%}  weir {peak['weir'] / 1024:.1f} MiB,"
                f" spawner {peak['weir-spawner'] / 1024:.1f} MiB"
            )
        if one.is_wrong:
            line += "  lines torn or lost"
        print(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="build directory")
    parser.add_argument("--records", type=int, default=1000000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--no-pool", action="store_true", help="without multiprocessing, which takes long"
    )
    args = parser.parse_args()
    env = dict(os.environ, WEIR_SPAWNER=os.path.join(os.path.abspath(args.build), "weir-spawner"))

    with tempfile.TemporaryDirectory(prefix="weir-bench-") as directory:
        source, wanted, got = (os.path.join(directory, name) for name in ("in", "wanted", "got"))
        size = make_records(source, args.records, args.seed)
        print(
            f"{args.records} records of {size / args.records:.0f} bytes, {args.rounds} rounds, interleaved;"
            f" load at the start {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors"
        )
        groups = [
            (
                "A Python worker",
                [sys.executable, os.path.join(HERE, "map_worker.py")],
                not args.no_pool,
            )
        ]
        go = shutil.which(os.environ.get("GO") or "go")
        if go:
            binary = os.path.join(directory, "map_worker")
            subprocess.run(
                [go, "build", "-o", binary, os.path.join(HERE, "map_worker.go")],
                check=True,
                env={**env, "GO111MODULE": "off"},
            )
            groups.append(("A Go worker", [binary], False))
        groups.append(("cat, the lightest worker there is", ["cat"], False))
        for title, worker, with_pool in groups:
            field = contestants(args.build, directory, worker, with_pool)
            for number in range(args.rounds):
                start = number % len(field) if number > 0 else 0
                for one in field[start:] + field[:start]:
                    one.run(source, wanted if one is field[0] else got, env)
                    if number == 0 and one is not field[0]:
                        one.is_wrong = not is_right(one, wanted, got)
            show(title, field)


if __name__ == "__main__":
    main()
