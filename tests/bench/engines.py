#!/usr/bin/env python3
"""What workers behind a launcher cost: a map over ssh and srun beside local workers and beside the
same programs without weir, records that take unequal time, and weir itself with many workers.

    make bench-engines          (or: tests/bench/engines.py BUILDDIR [--records N] [--rounds N])

examples/ssh/up.sh and examples/slurm/up.sh start an sshd and a Slurm on this machine; what cannot
be started is left out.  The many workers are local stand-ins behind `env`.
"""

import argparse
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(HERE, "..", "..", "examples")
TICKS = os.sysconf("SC_CLK_TCK")
WORKERS = 3
HEAVY, HEAVY_S, LIGHT = 60, 0.2, 600
# Unbuffered: behind a launcher, one that buffers gets a few records at a time (docs/engines.md).
LIGHT_WORKER = [sys.executable, "-u", os.path.join(HERE, "map_worker.py")]
UNEVEN_PROGRAM = f"""
import sys, time
for line in sys.stdin:
    if line[0] == "h": time.sleep({HEAVY_S})
    print(line, end="", flush=True)
"""
UNEVEN_WORKER = [sys.executable, "-c", UNEVEN_PROGRAM]
# It is busy with its second record for a moment, so that others are started.
STAND_IN = 'read -r a; echo "$a"; : >"$0/$$"; read -r a || exit 0; sleep 0.2; echo "$a"; exec sed -u s/^/x/'


class Place:
    """Where workers run: what weir is run in, and its launcher."""

    def __init__(self, name, inside=(), launcher=(), options=()):
        self.name, self.inside = name, list(inside)
        self.launcher, self.options = list(launcher), list(options)

    def map(self, build, source, worker):
        """Seconds to map a file."""
        words = [*self.inside, os.path.join(build, "weir"), "map", f"-j{WORKERS}"]
        words += ["--format", "line", "--progress", "none", *self.options]
        with open(source) as stdin:
            began = time.monotonic()
            subprocess.run(
                [*words, "--", *worker],
                stdin=stdin,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=True,
            )
            return time.monotonic() - began

    def bare(self, parts, worker):
        """Seconds for the same without weir: a file for each worker."""
        began = time.monotonic()
        running = []
        for part in parts:
            with open(part) as stdin, open(part + ".out", "w") as stdout:
                words = [*self.inside, *self.launcher, *worker]
                running.append(subprocess.Popen(words, stdin=stdin, stdout=stdout))
        assert all(process.wait() == 0 for process in running)
        return time.monotonic() - began


@contextlib.contextmanager
def places(directory):
    """Those that can be had on this machine."""
    found = [Place("local")]
    with contextlib.ExitStack() as stack:

        def up(name, *words):
            place, scripts = os.path.join(directory, name), os.path.join(EXAMPLES, name)
            command = [os.path.join(scripts, "up.sh"), *words, place]
            if subprocess.run(command, check=False).returncode != 0:
                print(f"no {name}: it is left out")
                return None
            down = [os.path.join(scripts, "down.sh"), place]
            stack.callback(subprocess.run, down, check=True)
            return place

        if place := up("ssh"):
            ssh = ["ssh", "-F", os.path.join(place, "config"), "node"]
            options = ["--launcher", " ".join(ssh), "--launcher-shell"]
            found.append(Place("ssh", launcher=ssh, options=options))
        if place := up("slurm", str(WORKERS)):
            enter = os.path.join(place, "enter")
            alloc = ["salloc", "-Q", f"-N{WORKERS}", f"-n{WORKERS}", "--no-shell"]
            subprocess.run([enter, *alloc], check=True)
            inside = [enter, "env", "SLURM_JOB_ID=1"]
            srun = ["srun", "-n1", "-N1", "--exact", "--quiet"]
            found.append(Place("srun", inside, srun, ["--launcher", " ".join(srun)]))
        yield found


def split(directory, lines):
    paths = [os.path.join(directory, f"part.{number}") for number in range(WORKERS)]
    for number, path in enumerate(paths):
        with open(path, "w") as file:
            file.writelines(lines[number::WORKERS])
    return paths


def in_turns(rounds, contestants):
    """Medians of each contestant's seconds, and of their ratios to the first."""
    seconds = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            seconds[name].append(run())
    first = next(iter(seconds.values()))
    return {
        name: (
            statistics.median(each),
            statistics.median(early / late for early, late in zip(first, each)),
        )
        for name, each in seconds.items()
    }


def compare_light(build, directory, found, args):
    source = os.path.join(directory, "records")
    lines = [f'{{"id":{number},"a":1,"b":{number}}}\n' for number in range(args.records)]
    with open(source, "w") as file:
        file.writelines(lines)
    parts = split(directory, lines)
    contestants = {}
    for place in found:
        contestants[place.name] = lambda place=place: place.map(build, source, LIGHT_WORKER)
    for place in found:
        words = LIGHT_WORKER
        contestants[f"{place.name}, no weir"] = lambda place=place: place.bare(parts, words)
    print(f"{args.records} records, {WORKERS} workers, {args.rounds} rounds in turns, medians")
    for name, (took_s, ratio) in in_turns(args.rounds, contestants).items():
        print(f"  {name:16}{args.records / took_s:10.0f} records/s  {ratio:5.2f} of local")


def compare_uneven(build, directory, found, args):
    orders = {
        "evenly spread": [i for _ in range(HEAVY) for i in "h" + "l" * (LIGHT // HEAVY)],
        "first": "h" * HEAVY + "l" * LIGHT,
        "last": "l" * LIGHT + "h" * HEAVY,
    }
    ideal_s = HEAVY * HEAVY_S / WORKERS
    print(f"{HEAVY} records of {HEAVY_S} s among {LIGHT} light ones, ideal {ideal_s:.1f} s")
    for order, kinds in orders.items():
        source = os.path.join(directory, "uneven")
        with open(source, "w") as file:
            file.writelines(f"{kind}{number}\n" for number, kind in enumerate(kinds))
        contestants = {
            place.name: lambda place=place: place.map(build, source, UNEVEN_WORKER)
            for place in found
        }
        for name, (took_s, _) in in_turns(args.rounds, contestants).items():
            print(f"  {order:16}{name:8}{took_s:6.2f} s  {took_s / ideal_s:5.2f} of ideal")


def look(pid):
    """CPU seconds, resident KiB and descriptors of a process."""
    with open(f"/proc/{pid}/stat") as stat, open(f"/proc/{pid}/status") as status:
        fields = stat.read().rpartition(")")[2].split()
        lines = dict(line.split(":", 1) for line in status)
    cpu = (int(fields[11]) + int(fields[12])) / TICKS
    return cpu, int(lines["VmRSS"].split()[0]), len(os.listdir(f"/proc/{pid}/fd"))


def spawner_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return int(children.read().split()[0])


def stand_ins(build, directory, count):
    """weir with this many workers, all of which have answered, then for ten seconds a record a
    second for each."""
    started = os.path.join(directory, f"started.{count}")
    os.mkdir(started)
    words = [os.path.join(build, "weir"), "map", f"-j{count}", "--window", "1", "--format", "line"]
    words += ["--unordered", "--launcher", "env", "--", "sh", "-c", STAND_IN, started]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def round_trip():
        process.stdin.write(b"1\n" * count)
        process.stdin.flush()
        for _ in range(count):
            assert process.stdout.readline()

    began = time.monotonic()
    while len(os.listdir(started)) < count:
        round_trip()
    round_trip()
    took_s = time.monotonic() - began
    before = look(process.pid), look(spawner_of(process.pid))
    for _ in range(10):
        round_trip()
        time.sleep(1)
    after = look(process.pid), look(spawner_of(process.pid))
    process.stdin.close()
    process.stdout.read()
    assert process.wait() == 0
    for name, early, late in zip(("weir", "weir-spawner"), before, after):
        print(
            f"{count:6} {name:14}{late[1]:8} KiB{late[2]:8} descriptors"
            f"{(late[0] - early[0]) / 10 / count * 1e6:10.0f} us CPU a record"
        )
    print(f"{count:6} have begun after {took_s:.1f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="build directory")
    parser.add_argument("--records", type=int, default=200000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, nargs="*", default=[200, 1000])
    args = parser.parse_args()
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(1)
    )  # so that what was brought up is taken down
    build = os.path.abspath(args.build)
    os.environ["WEIR_SPAWNER"] = os.path.join(build, "weir-spawner")
    with tempfile.TemporaryDirectory() as directory:
        print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
        if args.rounds > 0:
            with places(directory) as found:
                compare_light(build, directory, found, args)
                compare_uneven(build, directory, found, args)
        for count in args.workers:
            stand_ins(build, directory, count)
        print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    sys.exit(main())
