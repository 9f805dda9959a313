#!/usr/bin/env python3
"""Records a second: the audit log, beside a logger in Python that does the same.

    make bench-audit            (or: tests/bench/audit.py BUILDDIR [--rounds N])

In each round every contestant writes, in turn, a fresh log of its own under a key, from
1 process and from 10, with and without waiting for the disk; after it the log of weir is
verified.  Printed: medians, and the best and worst round.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "audit_peer.py")
BYTES = 60


class Contest:
    def __init__(self, title, unit, contestants, processes, count):
        self.title = title
        self.unit = unit  # records that one of count makes
        self.contestants = contestants  # name -> argv for (log, count)
        self.processes = processes
        self.count = count
        self.rates = {name: [] for name in contestants}

    def round(self, directory, verify):
        for name, argv in self.contestants.items():
            log = os.path.join(directory, "log")
            if os.path.exists(log):
                os.unlink(log)
            began = time.perf_counter()
            running = [
                subprocess.Popen(argv(log, self.count), stdout=subprocess.DEVNULL)
                for _ in range(self.processes)
            ]
            if any(process.wait() != 0 for process in running):
                sys.exit(f"audit.py: {name} failed")
            took = time.perf_counter() - began
            records = self.processes * self.count * self.unit
            self.rates[name].append(records / took)
            if name == "weir":
                verify(log, records)

    def show(self):
        base = statistics.median(self.rates["weir"])
        for name, rates in self.rates.items():
            middle = statistics.median(rates)
            print(
                f"| {self.title} | {self.processes} | {name} | {middle:,.0f} | "
                f"{min(rates):,.0f} to {max(rates):,.0f} | {base / middle:.2f} |"
            )


def in_a_loop(count, *argv):
    quoted = " ".join(f"'{word}'" for word in argv)
    return ["sh", "-c", f"i=0; while [ $i -lt {count} ]; do {quoted} || exit 1; i=$((i+1)); done"]


def contests(build, key):
    weir = os.path.join(build, "weir")
    writer = os.path.join(build, "tests/support/audit_writer")
    python = sys.executable
    made = []
    for sync in ("never", "always"):
        for processes in (1, 10):
            title = f"append, fsync {sync}"
            count = (10000 if sync == "never" else 1000) // processes
            made.append(
                Contest(
                    title,
                    1,
                    {
                        "weir": lambda log, n, s=sync: [
                            writer,
                            log,
                            str(n),
                            str(BYTES),
                            "0",
                            s,
                            key,
                        ],
                        "Python": lambda log, n, s=sync: [
                            python,
                            PEER,
                            "append",
                            log,
                            str(n),
                            str(BYTES),
                            s,
                            key,
                        ],
                    },
                    processes,
                    count,
                )
            )
            made.append(
                Contest(
                    f"run /bin/true, fsync {sync}",
                    2,
                    {
                        "weir": lambda log, n, s=sync: in_a_loop(
                            n, weir, "run", "--audit", log, "--audit-fsync", s, "--", "/bin/true"
                        ),
                        "Python": lambda log, n, s=sync: in_a_loop(
                            n, python, PEER, "run", log, s, key, "--", "/bin/true"
                        ),
                    },
                    processes,
                    40 // processes,
                )
            )
    return made


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--dir", help="where the logs are (default: the build directory)")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    directory = tempfile.mkdtemp(prefix="bench-audit.", dir=options.dir or build)
    key = os.path.join(directory, "key")
    with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write("0123456789abcdef0123456789abcdef\n")
    os.environ["WEIR_SPAWNER"] = os.path.join(build, "weir-spawner")
    os.environ["WEIR_AUDIT_KEY_FILE"] = key

    def verify(log, records):
        done = subprocess.run(
            [os.path.join(build, "weir"), "audit", "verify", log], stdout=subprocess.PIPE, text=True
        )
        if done.returncode != 0 or f"OK: {records} records" not in done.stdout:
            sys.exit(f"audit.py: {done.stdout}")

    try:
        everything = contests(build, key)
        for _ in range(options.rounds):
            for contest in everything:
                contest.round(directory, verify)
        print(
            "| what | processes | by | records a second | worst to best | weir is times as fast |"
        )
        print("|---|---|---|---|---|---|")
        for contest in everything:
            contest.show()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
