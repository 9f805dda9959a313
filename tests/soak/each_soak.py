#!/usr/bin/env python3
"""weir each, and maps of calls with warm and with cold workers, for as long as one likes, beside
each other, while what they run, and a weir each itself, are killed and stopped.  Prints TAP.
each_soak.py BUILDDIR SRCDIR [SECONDS [SEED]]

Each record is answered or dead, once, and was run no more often than its retries allow.
"""

import collections
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

sys.dont_write_bytecode = True
from soaking import (
    BLOWS,
    PYTHON,
    SOURCES,
    WEIR,
    Watched,
    await_that,
    ended_in_time,
    environment,
    marked,
    passed,
    read,
    soak,
    strike,
)
from tap_cases import PATIENCE_S

PROGRAM = f"{SOURCES}/tests/soak/each_soak.sh"
FUNCTIONS = f"{SOURCES}/tests/soak/soak_worker.py"
RETRIES = 2
BURST = 100
# Most records are easy. One that hangs takes three time limits, and then is dead.
KINDS = ["easy"] * 400 + ["once"] * 40 + ["big", "more", "slow", "fail"] * 20 + ["hang"]
EACH = [
    WEIR,
    "each",
    "--retries",
    str(RETRIES),
    "--record-timeout",
    "5s",  # which a program of a busy machine must not need
    "--grace",
    "100ms",
    "--progress",
    "none",
]


def named(first: int, last: int, chance: Any) -> Any:
    return [f"{number}-{chance.choice(KINDS)}" for number in range(first, last)]


def is_dead(record: str) -> bool:
    return record.endswith(("-fail", "-hang"))


def output_of(record: str) -> str:
    """Of its last run."""
    if record.endswith("-hang"):
        return ""
    if record.endswith("-fail"):
        return f"half of {record}\n"
    return ("x" * 100000 + "\n" if record.endswith("-big") else "") + f"reply {record}\n"


def check_output(got: str, whole: str) -> None:
    if got != whole:
        lines = zip(got.split("\n"), whole.split("\n"))
        at, pair = next((at, pair) for at, pair in enumerate(lines) if pair[0] != pair[1])
        raise AssertionError(f"line {at}: {pair[0][:99]!r}, not {pair[1][:99]!r}")


def check_runs(directory: str, records: Any, most: int) -> None:
    """Each record was run, and not too often."""
    made = collections.Counter(read(f"{directory}/made").split())
    assert set(made) <= set(records), set(made) - set(records)
    for record in records:
        # Who is struck at once could not say that it ran.
        least = 0 if is_dead(record) else 1
        assert least <= made[record] <= most, (record, made[record])


@contextlib.contextmanager
def struck(mark: str, chance: Any, blows: Any) -> Any:
    """Blows for programs, as long as the time has not passed: not so many for a record that it is
    dead."""
    over = threading.Event()

    def go_on() -> None:
        while passed() < 1 and not over.wait(chance.uniform(0.05, 0.5)):
            records, pids = {}, marked(mark, "each_soak.sh")
            for pid in pids:
                words = read(f"/proc/{pid}/cmdline").split("\0")
                stat = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
                if len(stat) < 2 or int(stat[1]) in pids:
                    continue  # a fork of the shell: the shell would not fail
                # Of one that is dead in the end, the output of the last run is compared.
                if len(words) > 2 and not is_dead(words[2]) and blows[words[2]] < RETRIES - 1:
                    records[pid] = words[2]
            if records:
                pid = chance.choice([*records])
                blows[records[pid]] += 1
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, chance.choice(BLOWS))

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# --- A weir each that lives through it -------------------------------------------------


def soak_each(mark: str, directory: str, chance: Any, read_burst: Any, *options: str) -> str:
    files = {name: f"{directory}/{name}" for name in ("report", "dead-letter")}
    words = [word for name, path in files.items() for word in (f"--{name}", path)]
    process: Any = subprocess.Popen(
        [*EACH, "-j4", *words, *options, "--", "sh", PROGRAM, "{}", directory],
        env=environment(mark),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    watched = Watched(mark, process)
    records: list[str] = []
    blows: Any = collections.Counter()

    def burst() -> None:
        new = named(len(records), len(records) + BURST, chance)
        if not records:  # output that waits for the first record is kept in a file
            new[:2] = "0-late", "1-big"
        records.extend(new)
        process.stdin.write("".join(f"{record}\n" for record in new).encode())
        process.stdin.flush()
        with ended_in_time(process):
            read_burst(process.stdout, new)

    try:
        burst()
        watched.rest()
        with struck(mark, chance, blows):
            while passed() < 1:
                burst()
                watched.look()
        burst()
        watched.check()
        process.stdin.close()
        rest = process.stdout.read()
        assert rest == b"" and process.wait(timeout=PATIENCE_S) == 1, rest
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    report = json.loads(read(files["report"]))
    dead = [json.loads(line)["record"] for line in read(files["dead-letter"]).splitlines()]
    assert sorted(dead) == sorted(filter(is_dead, records)), set(dead) ^ {*filter(is_dead, records)}
    assert report["in"]["records"] == len(records), report
    assert report["answered"] + report["dead"] == len(records), report
    assert report["dead"] == len(dead) and report["unsettled"] == 0, report
    check_runs(directory, records, RETRIES + 1)
    return (
        f"{len(records)} records, {len(dead)} dead, {sum(blows.values())} blows, "
        f"{report['retries']} retries; {watched.say()}"
    )


def each_in_order(directory: str, chance: Any) -> str:
    def read_burst(stdout: Any, records: Any) -> None:
        for line in "".join(map(output_of, records)).encode().splitlines(True):
            got = stdout.readline()
            assert got == line, (got[:99], line[:99])

    return soak_each("each", directory, chance, read_burst)


def each_with_documents(directory: str, chance: Any) -> str:
    seen: list[int] = []

    def read_burst(stdout: Any, records: Any) -> None:
        left = set(records)
        for _ in records:
            made = json.loads(stdout.readline())
            left.remove(made["record"])
            seen.append(made["seq"])
            assert (made["code"] == 0) != is_dead(made["record"]), made
            if not made["record"].endswith("-big"):
                ran = read(f"{directory}/made").split().count(made["record"])
                assert made["stdout"]["text"] == output_of(made["record"]), (ran, made)
        assert not left

    figures = soak_each(
        "documents", directory, chance, read_burst, "--json", "--unordered", "--max-output", "4K"
    )
    assert sorted(seen) == list(range(len(seen))), "not each number once"
    return figures


# --- A weir each that is killed itself ----------------------------------------------------


def each_with_checkpoints(directory: str, chance: Any) -> str:
    mark, rounds, starts, total = "checkpoint", 0, 0, 0
    blows: Any = collections.Counter()
    names = ("input", "output", "checkpoint", "dead-letter")
    files = {name: f"{directory}/{name}" for name in names}
    words = [word for name, path in files.items() for word in (f"--{name}", path)]
    command = [*EACH, "-j3", *words, "--", "sh", PROGRAM, "{}", directory]
    with struck(mark, chance, blows):
        while passed() < 1 or not rounds:
            records = named(0, chance.randrange(1, 400), chance)
            with open(files["input"], "w", encoding="utf-8") as file:
                file.writelines(f"{record}\n" for record in records)
            whole = "".join(map(output_of, records))
            began, status = starts, -signal.SIGKILL
            while status == -signal.SIGKILL:
                starts += 1
                process = subprocess.Popen(
                    command,
                    env=environment(mark),
                    stdin=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                until = chance.randrange(2 * len(whole) + 1)
                while process.poll() is None and len(read(files["output"])) < until:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(timeout=chance.random() / 10)
                    if passed() >= 1:
                        break
                else:
                    process.kill()
                status = process.wait(timeout=PATIENCE_S + 5 * len(records))
            dead = [json.loads(line)["record"] for line in read(files["dead-letter"]).splitlines()]
            assert status == (1 if dead else 0), status
            check_output(read(files["output"]), whole)
            assert dead == [*filter(is_dead, records)], dead
            # What was not seen to end has all of its retries again.
            check_runs(directory, records, (RETRIES + 1) * (starts - began))
            rounds += 1
            await_that(lambda: not marked(mark), "nothing is left")
            total += sum(blows.values())
            blows.clear()
            for name in os.listdir(directory):
                path = f"{directory}/{name}"
                (os.rmdir if os.path.isdir(path) else os.unlink)(path)
    return f"{rounds} times to the end in {starts} starts, {total} blows"


# --- Maps of calls ------------------------------------------------------------------------


def soak_calls(mark: str, directory: str, chance: Any, *options: str) -> str:
    report = f"{directory}/report"
    process: Any = subprocess.Popen(
        [WEIR, "map", "-j3", "--call", "note", "--retries", "1000", "--grace", "100ms"]
        # One that is stopped in its start is mostly there still when others have answered again.
        + ["--record-timeout", "2s", "--start-timeout", "20s", "--progress", "none"]
        + ["--report", report, *options, "--"]
        + [sys.executable, FUNCTIONS, f"{directory}/made"],
        env=environment(mark, **PYTHON),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    watched = Watched(mark, process)
    count = blows = 0

    def burst() -> None:
        nonlocal count
        lines = [f'["{n}"]\n' for n in range(count, count + BURST)]
        count += BURST
        process.stdin.write("".join(lines).encode())
        process.stdin.flush()
        with ended_in_time(process):
            for line in lines:
                got = process.stdout.readline().decode()
                assert got == line[1:-2] + "\n", (got, line)

    try:
        burst()
        await_that(lambda: len(marked(mark, FUNCTIONS)) >= 3, "all workers are there")
        burst()
        watched.rest()
        while passed() < 1:
            # Where nobody works for 2 s, a map gives up: between two blows somebody does.
            if chance.random() < 0.3:
                blows += strike(chance, mark, FUNCTIONS) is not None
            burst()
            watched.look()
        burst()
        watched.check(blows)
        process.stdin.close()
        assert process.stdout.read() == b"" and process.wait(timeout=PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    reported = json.loads(read(report))
    assert reported["in"]["records"] == reported["answered"] == count, reported
    assert reported["dead"] == 0, reported
    made = collections.Counter(read(f"{directory}/made").split())
    assert set(made) == set(map(str, range(count)))
    again = sum(made.values()) - count
    assert again <= reported["redelivered"], (again, reported)
    return (
        f"{count} records, {blows} blows, {reported['crashes']} crashes, {again} made "
        f"again; {watched.say()}"
    )


def calls_of_cold_workers(directory: str, chance: Any) -> str:
    return soak_calls("cold", directory, chance)


def calls_of_warm_workers(directory: str, chance: Any) -> str:
    return soak_calls("warm", directory, chance, "--warm")


sys.exit(
    soak(
        [
            each_in_order,
            each_with_documents,
            each_with_checkpoints,
            calls_of_cold_workers,
            calls_of_warm_workers,
        ]
    )
)
