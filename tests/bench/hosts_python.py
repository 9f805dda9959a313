#!/usr/bin/env python3
"""What weir takes inside a Python program, beside what Python has for the same.

    make bench-hosts            (or: tests/bench/hosts_python.py BUILDDIR [--rounds N])

In each round each contestant runs once, in turn. So a noisy moment hits all alike. The calls of
pools are measured on one processor and on all, one at a time and 20 in a row: the first one after the
others' turns finds nothing in the caches. Printed are medians of all, and the median of the rounds'
ratios to the first of a group.
"""

import argparse
import asyncio
import concurrent.futures
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any, Callable

WORKER = """
from weir.worker import function, serve
@function
def add(a: int, b: int) -> int:
    return a + b
serve()
"""
TRUE = ["/bin/true"]
MUCH = ["head", "-c", "50000000", "/dev/zero"]


def add(a: int, b: int) -> int:
    return a + b


def compare(
    title: str, field: "dict[str, Callable[[], Any]]", rounds: int, in_a_row: int = 1
) -> None:
    times: dict[str, list[float]] = {name: [] for name in field}
    ratios: dict[str, list[float]] = {name: [] for name in field}
    for number in range(rounds + rounds // 10 + 1):
        first = 0.0
        for name, work in field.items():
            taken = []
            for _ in range(in_a_row):
                began = time.perf_counter_ns()
                work()
                taken.append((time.perf_counter_ns() - began) / 1000)
            median = statistics.median(taken)
            first = first or median
            if number > rounds // 10:
                times[name] += taken
                ratios[name].append(median / first)
    print(title)
    for name, values in times.items():
        median, ratio = statistics.median(values), statistics.median(ratios[name])
        print(f"  {name:<44} {median:12.1f} us   {ratio:6.2f}", flush=True)


def imports(rounds: int) -> None:
    def take(code: str) -> "Callable[[], Any]":
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    field = {
        "python3 -c pass": take("pass"),
        "import subprocess": take("import subprocess"),
        "import weir": take("import weir"),
        "from weir import run": take("from weir import run"),
        "from weir import Pool": take("from weir import Pool"),
        "from weir.worker import function, in a worker": take("import weir.worker"),
    }
    compare("start of Python, and an import", field, rounds)


def runs(title: str, rounds: int) -> None:
    import weir

    field = {
        "subprocess.run(capture_output=True)": lambda: subprocess.run(
            TRUE, capture_output=True, check=True
        ),
        "weir.run": lambda: weir.run(TRUE, check=True),
    }
    compare(f"/bin/true in {title}", field, rounds)


def much(rounds: int) -> None:
    import weir

    field = {
        "subprocess.run(capture_output=True)": lambda: (
            subprocess.run(MUCH, capture_output=True, check=True).stdout
        ),
        "weir.run(text=False)": lambda: (
            weir.run(MUCH, text=False, max_output=64 << 20, check=True).stdout
        ),
        "subprocess.run(text=True)": lambda: (
            subprocess.run(MUCH, capture_output=True, text=True, check=True).stdout
        ),
        "weir.run": lambda: weir.run(MUCH, max_output=64 << 20, check=True).stdout,
    }
    compare("50 MB captured", field, rounds)


def loops(rounds: int) -> None:
    import weir

    async def with_asyncio() -> None:
        process = await asyncio.create_subprocess_exec(
            *TRUE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        await process.communicate()

    async def with_weir() -> None:
        await weir.arun(TRUE)

    loop = asyncio.new_event_loop()
    field = {
        "create_subprocess_exec, communicate": lambda: loop.run_until_complete(with_asyncio()),
        "weir.arun": lambda: loop.run_until_complete(with_weir()),
    }
    compare("/bin/true in asyncio", field, rounds)
    loop.close()


def pools(title: str, rounds: int) -> None:
    import weir

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "worker.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(WORKER)
        context = multiprocessing.get_context("spawn")
        with (
            context.Pool(1) as theirs,
            concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor,
            weir.Pool(path, workers=1) as ours,
        ):
            field = {
                "multiprocessing.Pool.apply": lambda: theirs.apply(add, (1, 2)),
                "ProcessPoolExecutor.submit().result()": lambda: executor.submit(
                    add, 1, 2
                ).result(),
                "weir.Pool.call": lambda: ours.call("add", 1, 2),
            }
            compare(f"a call at a time, {title}", field, 10 * rounds)
            compare(f"20 calls in a row, {title}", field, rounds, 20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="build directory")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--pools", metavar="TITLE", help=argparse.SUPPRESS)
    args = parser.parse_args()
    package = os.path.join(os.path.abspath(args.build), "python")
    if not os.path.exists(os.path.join(package, "weir", "_native.abi3.so")):
        print("hosts_python.py: the engine was not built: Python's headers are missing")
        return
    sys.path.insert(0, package)
    os.environ["PYTHONPATH"] = package
    if args.pools:
        pools(args.pools, args.rounds)
        return
    imports(max(5, args.rounds // 5))
    runs("a small host", args.rounds)
    much(max(3, args.rounds // 20))
    loops(args.rounds)
    words = [sys.executable, os.path.abspath(__file__), args.build, "--rounds", str(args.rounds)]
    if sys.platform == "linux":
        one = min(os.sched_getaffinity(0))
        subprocess.run(
            [*words, "--pools", "one processor"],
            check=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {one}),
        )
    subprocess.run([*words, "--pools", f"{os.cpu_count()} processors"], check=True)
    ballast = bytearray(2 << 30)
    ballast[::4096] = b"x" * len(ballast[::4096])  # each page is there
    runs("a host of 2 GiB", args.rounds)


if __name__ == "__main__":
    main()
