#!/usr/bin/env python3
"""What workers behind a launcher cost: a map over ssh beside local workers, and weir itself with
many of them.

    make bench-engines          (or: tests/bench/engines.py BUILDDIR [--records N] [--rounds N])

ssh goes to an sshd on this machine, which examples/ssh/up.sh starts; without one that part is left
out.  The many workers are local stand-ins behind `env`.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SSH = os.path.join(HERE, "..", "..", "examples", "ssh")
TICKS = os.sysconf("SC_CLK_TCK")
WORKER = ["sed", "-u", "s/^/x/"]


def mapped(build, source, launcher):
    """Seconds to map a file with three workers."""
    words = [os.path.join(build, "weir"), "map", "-j3", "--format", "line", "--progress", "none"]
    words += ["--launcher", launcher, "--launcher-shell"] if launcher else []
    with open(source) as stdin:
        began = time.monotonic()
        subprocess.run(
            [*words, "--", sys.executable, os.path.join(HERE, "map_worker.py")],
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        return time.monotonic() - began


def compare(build, directory, args):
    source, place = os.path.join(directory, "records"), os.path.join(directory, "sshd")
    with open(source, "w") as file:
        file.writelines(f'{{"id":{number},"a":1,"b":{number}}}\n' for number in range(args.records))
    if subprocess.run([os.path.join(SSH, "up.sh"), place], check=False).returncode != 0:
        print("no sshd: nothing is compared")
        return
    try:
        rates = {"local": [], "ssh": []}
        for _ in range(args.rounds):
            for name, launcher in ("local", None), ("ssh", f"ssh -F {place}/config node"):
                rates[name].append(args.records / mapped(build, source, launcher))
    finally:
        subprocess.run([os.path.join(SSH, "down.sh"), place], check=True)
    ratio = statistics.median(far / near for far, near in zip(rates["ssh"], rates["local"]))
    print(f"{args.records} records, 3 workers, {args.rounds} rounds, load {os.getloadavg()[0]:.1f}")
    for name, each in rates.items():
        print(f"{name:8}{statistics.median(each):12.0f} records/s")
    print(f"ssh is {ratio:.2f} of the local rate")


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


def stand_ins(build, count):
    """weir with this many workers, all of which have answered, then for ten seconds a record a
    second for each."""
    words = [os.path.join(build, "weir"), "map", f"-j{count}", "--window", "1", "--format", "line"]
    process = subprocess.Popen(
        [*words, "--unordered", "--launcher", "env", "--", *WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )

    def round_trip():
        for number in range(count):
            process.stdin.write(f"{number}\n")
        for _ in range(count):
            process.stdout.readline()

    began = time.monotonic()
    for _ in range(20):  # until all have one
        round_trip()
    started = time.monotonic() - began
    before = look(process.pid), look(spawner_of(process.pid))
    for _ in range(10):
        round_trip()
        time.sleep(1)
    after = look(process.pid), look(spawner_of(process.pid))
    process.stdin.close()
    process.stdout.read()
    process.wait()
    for name, early, late in zip(("weir", "weir-spawner"), before, after):
        print(
            f"{count:6} {name:14}{late[1]:8} KiB{late[2]:8} descriptors"
            f"{(late[0] - early[0]) / 10 / count * 1e6:10.0f} us CPU a record"
        )
    print(f"{count:6} first 20 records each after {started:.1f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="build directory")
    parser.add_argument("--records", type=int, default=200000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, nargs="*", default=[200, 1000])
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    os.environ["WEIR_SPAWNER"] = os.path.join(build, "weir-spawner")
    with tempfile.TemporaryDirectory() as directory:
        compare(build, directory, args)
    for count in args.workers:
        stand_ins(build, count)


if __name__ == "__main__":
    sys.exit(main())
