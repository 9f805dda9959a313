#!/usr/bin/env python3
"""What a program per record costs: weir each, xargs -P and GNU parallel.

    make bench-each             (or: tests/bench/each.py BUILDDIR [--records N] [--rounds N])

In each round each contestant, in turn, runs the same program for the same records, so a noisy
moment hits all alike.  Numbers are medians over the rounds; ratios are medians of each round's
ratio.  parallel gets a tenth of the records, and is measured by its rate.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

PROGRAMS = {"/bin/true": "{number}\n", "/bin/echo, 1 KiB": "{number:01023}\n"}
TICKS = os.sysconf("SC_CLK_TCK")


class Watch(threading.Thread):
    """CPU seconds and peak resident KiB of weir and of weir-spawner, as long as they live."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.cpu, self.peak = pid, {}, {}
        self.over = threading.Event()
        self.start()

    def look(self, pid):
        try:
            with open(f"/proc/{pid}/stat") as stat, open(f"/proc/{pid}/status") as status:
                head, _, rest = stat.read().rpartition(")")
                name, fields = head.partition("(")[2], rest.split()
                lines = dict(line.split(":", 1) for line in status)
            self.cpu[name] = (int(fields[11]) + int(fields[12])) / TICKS
            self.peak[name] = int(lines["VmHWM"].split()[0])
        except (OSError, KeyError, IndexError):
            pass  # it is gone

    def run(self):
        while not self.over.wait(0.02):
            self.look(self.pid)
            try:
                with open(f"/proc/{self.pid}/task/{self.pid}/children") as children:
                    for child in children.read().split():
                        self.look(child)
            except OSError:
                pass


def run(words, source, sink=subprocess.DEVNULL, watched=False):
    """Returns the seconds it took, and what Watch saw."""
    with open(source) as stdin:
        began = time.monotonic()
        process = subprocess.Popen(words, stdin=stdin, stdout=sink)
        watch = Watch(process.pid) if watched else None
        status = process.wait()
        took = time.monotonic() - began
    if watch:
        watch.over.set()
        watch.join()
    if status != 0:
        sys.exit(f"each.py: {words} gave up with status {status}")
    return took, watch


def contestants(build, program):
    weir = [os.path.join(build, "weir"), "each", "-j2", "--progress", "none"]
    made = {
        "xargs -P2": ["xargs", "-d", "\n", "-n1", "-P2", program],
        "weir each": [*weir, "--", program],
        "weir each --unordered": [*weir, "--unordered", "--", program],
        "weir each --json": [*weir, "--json", "--", program],
    }
    if shutil.which("parallel"):
        made["parallel -j2"] = ["parallel", "-j2", program]
        made["parallel -k -j2"] = ["parallel", "-k", "-j2", program]
    return made


def compare(build, directory, what, line, args):
    program = what.partition(",")[0]
    source, few = os.path.join(directory, "records"), os.path.join(directory, "few")
    few_count = max(args.records // 10, 1)
    for path, count in (source, args.records), (few, few_count):
        with open(path, "w") as file:
            file.writelines(line.format(number=number) for number in range(count))
    field = contestants(build, program)
    rates, cpus = {name: [] for name in field}, {name: [] for name in field}
    for _ in range(args.rounds):
        for name, words in field.items():
            is_slow = name.startswith("parallel")
            took, watch = run(words, few if is_slow else source, watched=name.startswith("weir"))
            rates[name].append((few_count if is_slow else args.records) / took)
            if watch:
                cpus[name].append(sum(watch.cpu.values()) / args.records * 1e6)
    print(f"\n{what}: {args.records} records, {args.rounds} rounds, load {os.getloadavg()[0]:.1f}")
    print(f"{'':26}{'records/s':>11}{'of xargs':>10}{'weir, us CPU each':>19}")
    for name, each in rates.items():
        ratio = statistics.median(ours / base for ours, base in zip(each, rates["xargs -P2"]))
        cpu = f"{statistics.median(cpus[name]):19.0f}" if cpus[name] else ""
        print(f"{name:26}{statistics.median(each):11.0f}{ratio:10.2f}{cpu}")
    if "parallel -k -j2" in rates:
        ratio = statistics.median(
            ours / base for ours, base in zip(rates["weir each"], rates["parallel -k -j2"])
        )
        print(f"weir each is {ratio:.1f} times as fast as parallel -k")


def memory(build, directory, records):
    """Peak memory over many records, and how much of it came after the first tenth."""
    weir, source = os.path.join(build, "weir"), os.path.join(directory, "records")
    peaks = []
    for count in records // 10, records:
        with open(source, "w") as file:
            file.writelines(f"{number}\n" for number in range(count))
        _, watch = run([weir, "each", "-j2", "--", "/bin/true"], source, watched=True)
        peaks.append(watch.peak)
    print(f"\npeak resident memory, {records // 10} and {records} records of /bin/true:")
    for name in peaks[1]:
        print(f"{name:16}{peaks[0].get(name, 0):8} KiB{peaks[1][name]:8} KiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="build directory")
    parser.add_argument("--records", type=int, default=20000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-records", type=int, default=200000)
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    os.environ["WEIR_SPAWNER"] = os.path.join(build, "weir-spawner")

    with tempfile.TemporaryDirectory() as directory:
        os.environ["HOME"] = directory  # parallel keeps files there
        for what, line in PROGRAMS.items():
            compare(build, directory, what, line, args)
        memory(build, directory, args.memory_records)


if __name__ == "__main__":
    main()
