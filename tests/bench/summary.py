#!/usr/bin/env python3
"""The table of the README: what weir takes for its main jobs, and what else is used for them.

    make bench                  (or: tests/bench/summary.py BUILDDIR [--rounds N])

Everything is measured in one run: in each round each contestant does its job once, in turn, so a
noisy moment hits all alike.  Times are medians, and a ratio is the median of the rounds' ratios to
weir.  Prints a table in Markdown.  What is not installed is left out.
"""

import argparse
import os
import statistics
import sys
import tempfile

import call
import each
import spawn
import start

import map as maps

HERE = os.path.dirname(os.path.abspath(__file__))


class Job:
    """A row of the table: what is done, and who does it.  weir comes first."""

    def __init__(self, what, contestants, unit="us"):
        self.what, self.contestants, self.unit = what, contestants, unit
        self.times = {name: [] for name in contestants}

    def round(self):
        for name, take in self.contestants.items():
            self.times[name].append(take())

    def row(self):
        names = iter(self.times)
        weir = self.times[next(names)]
        digits = 0 if statistics.median(weir) >= 100 else 1

        def figure(times):
            return f"{statistics.median(times):,.{digits}f}"

        others = [
            f"{name} {figure(self.times[name])}"
            f" ({statistics.median(b / a for a, b in zip(weir, self.times[name])):.2f})"
            for name in names
        ]
        return f"| {self.what}, {self.unit} | {figure(weir)} | {', '.join(others)} |"


def stays(contestant, count):
    """The median us of a process that stays and runs its job COUNT times."""
    return lambda: statistics.median(contestant.run(count)) / 1000


def starting(build, env):
    """In a program that runs already, and from a shell."""
    names = {
        "weir": "weir",
        "Python subprocess.run": "`subprocess.run`",
        "Go os/exec": "Go `os/exec`",
    }
    field = {one.name: one for one in spawn.contestants(build, "/bin/true", env, 0, True)}
    inside = {names[name]: stays(field[name], 25) for name in names if name in field}
    words = start.contestants(build)

    def first_byte(name):
        command = [*words[name], start.PROGRAM, "x"]
        return lambda: statistics.median(start.run(command, env)[0] for _ in range(5))

    shell = {
        "weir": first_byte("weir run"),
        "`timeout`": first_byte("timeout 10"),
        "`python3 -c` with `subprocess.run`": first_byte("python3 -c subprocess.run"),
    }
    jobs = [
        Job("start `/bin/true` from a program, capture, reap", inside),
        Job("`weir run` from a shell, to the first byte", shell),
    ]
    return jobs, list(field.values())


def calling(build, directory, env):
    env = dict(env, PYTHONPATH=call.SDK)
    own = os.path.join(build, "tests/bench/call_contestant")
    worker = [sys.executable, "-c", call.WORKER]
    field = {
        "weir": call.Contestant("weir_call", [own, "pool", *worker], env, 500, ""),
        "`multiprocessing.Pool.apply`": call.Contestant(
            "apply", [sys.executable, os.path.join(HERE, "call_peer.py")], env, 500, ""
        ),
    }
    for one in call.uds_pool(directory, env, 500):
        field["Go to Python over a Unix socket"] = one
    takes = {name: lambda one=one: one.run(one.count)[0] for name, one in field.items()}
    return [Job("call `add(3, 4)` in a Python worker", takes)], list(field.values())


def programs(build, directory, count):
    """A program for each record.  parallel gets a tenth of the records."""
    field = each.contestants(build, "/bin/true")
    names = {
        "weir each": "weir",
        "xargs -P2": "`xargs -P2`, captures nothing",
        "parallel -k -j2": "`parallel -k -j2`",
    }
    takes = {}
    for name, shown in names.items():
        if name not in field:
            continue
        few = count // 10 if name.startswith("parallel") else count
        source = os.path.join(directory, f"lines-{few}")
        with open(source, "w") as file:
            file.writelines(f"{number}\n" for number in range(few))
        takes[shown] = lambda words=field[name], source=source, few=few: (
            each.run(words, source)[0] / few * 1e6
        )
    return [Job("`/bin/true` for each line, `-j2`", takes)]


def mapping(build, directory, env, count):
    source, target = os.path.join(directory, "records"), os.path.join(directory, "mapped")
    maps.make_records(source, count, 1)
    names = {
        "weir map -j2": "weir",
        "parallel --pipe -k -j2": "`parallel --pipe -k -j2`",
        "Pool(2).imap, chunk 100": "`Pool(2).imap`, chunks of 100",
    }
    worker = [sys.executable, os.path.join(HERE, "map_worker.py")]
    field = {one.name: one for one in maps.contestants(build, directory, worker, True)}

    def take(one):
        one.run(source, target, env)
        return one.wall[-1] / count * 1e6

    takes = {names[name]: lambda one=field[name]: take(one) for name in names if name in field}
    return [Job("a record through a light Python worker, `-j2`", takes)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="build directory")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--lines", type=int, default=2000)
    parser.add_argument("--records", type=int, default=200000)
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    os.environ["WEIR_SPAWNER"] = os.path.join(build, "weir-spawner")

    with tempfile.TemporaryDirectory(prefix="weir-bench-") as directory:
        os.environ["HOME"] = directory  # parallel keeps files there
        env = dict(os.environ)
        jobs, processes = starting(build, env)
        more_jobs, more_processes = calling(build, directory, env)
        processes += more_processes
        jobs += more_jobs + programs(build, directory, args.lines)
        jobs += mapping(build, directory, env, args.records)
        load = os.getloadavg()[0]
        for number in range(args.rounds + 1):
            for job in jobs:
                job.round()
                if number == 0:  # to warm up
                    job.times = {name: [] for name in job.times}
        for process in processes:
            process.close()
    print(f"{args.rounds} rounds, {os.cpu_count()} processors, load at the start {load:.1f}\n")
    print("| | weir | others (times weir's) |\n|---|---|---|")
    for job in jobs:
        print(job.row())


if __name__ == "__main__":
    main()
