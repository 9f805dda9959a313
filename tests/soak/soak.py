#!/usr/bin/env python3
"""Maps and a server at work for as long as one likes, beside each other, while their workers, and
a map itself, are killed and stopped at random.  Prints TAP.
soak.py BUILDDIR SRCDIR [SECONDS [SEED]]

At the end every record and every call is accounted for, what came out is right, what lived through
it holds no more than before (see soaking.py), and no process is left.
"""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import traceback
from typing import Any

sys.dont_write_bytecode = True
from soaking import (
    BUILD,
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
from weir_worker import client as weir

WORKER = f"{BUILD}/tests/children/map_worker"
FUNCTIONS = f"{sys.executable} {SOURCES}/tests/cli/call_worker.py"
BURST = 500


# --- A map that lives through it -----------------------------------------------------


def soak_map(mark: Any, directory: Any, chance: Any, options: Any, worker: Any) -> str:
    """Bursts of records, a blow in the middle of most of them, and each reply in its place."""
    report = f"{directory}/report"
    process = subprocess.Popen(
        [
            WEIR,
            "map",
            "-j3",
            "--retries",
            "1000",
            "--record-timeout",
            "1s",
            "--grace",
            "100ms",
            "--report",
            report,
            "--progress",
            "none",
            *options,
            "--",
            *worker,
        ],
        env=environment(mark),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    watched = Watched(mark, process)
    records = blows = 0

    def burst(blow: Any) -> None:
        nonlocal records, blows
        for last in (records + BURST // 2, records + BURST):
            first, records = records, last
            process.stdin.write(b"".join(b'{"n":%d}\n' % n for n in range(first, last)))
            process.stdin.flush()
            if blow and last % BURST:
                blows += strike(chance, mark, "map_worker") is not None
            with ended_in_time(process):
                for n in range(first, last):
                    reply = process.stdout.readline()
                    assert reply == b'{"r":%d}\n' % n, (n, reply)

    try:
        burst(False)
        await_that(lambda: len(marked(mark, "map_worker")) == 3, "all workers are there")
        watched.rest()
        while passed() < 1:
            burst(chance.random() < 0.7)
            watched.look()
        burst(False)
        watched.check(blows)
        process.stdin.close()
        assert process.stdout.read() == b"" and process.wait(timeout=PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
    reported = json.loads(read(report))
    assert reported["in"]["records"] == reported["answered"] == records and reported["dead"] == 0, (
        reported
    )
    return (
        f"{records} records, {blows} blows, {reported['crashes']} crashes, {reported['timeouts']} "
        f"timeouts, {reported['redelivered']} sent again; {watched.say()}"
    )


def a_map_by_lines(directory: Any, chance: Any) -> Any:
    return soak_map("lines", directory, chance, [], [WORKER])


def a_map_by_calls(directory: Any, chance: Any) -> Any:
    return soak_map("calls", directory, chance, ["--call", "do"], [WORKER, "-r", "4"])


# --- A map that is killed itself -------------------------------------------------------


def a_map_with_checkpoints(directory: Any, chance: Any) -> str:
    """Maps that are killed and go on, until all is there, again and again."""
    mark, rounds, starts, blows = "checkpoint", 0, 0, 0
    files = {name: f"{directory}/{name}" for name in ("input", "output", "checkpoint")}
    words = [
        WEIR,
        "map",
        "-j2",
        "--retries",
        "1000",
        "--record-timeout",
        "1s",
        "--grace",
        "100ms",
        *(word for name, path in files.items() for word in (f"--{name}", path)),
        "--progress",
        "none",
        "--",
        WORKER,
    ]
    while passed() < 1 or not rounds:
        count = chance.randrange(1, 2000)
        with open(files["input"], "w", encoding="utf-8") as file:
            file.writelines(f'{{"n":{n},"do":"slow","x":1}}\n' for n in range(count))
        whole = "".join(f'{{"r":{n}}}\n' for n in range(count))
        status = None
        while status != 0:
            starts += 1
            process = subprocess.Popen(words, env=environment(mark))
            until = chance.randrange(2 * len(whole))
            while process.poll() is None and len(read(files["output"])) < until and passed() < 1:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=chance.random() / 20)
                blows += strike(chance, mark, "map_worker") is not None
            if passed() < 1 and chance.random() < 0.7:
                process.kill()
            status = process.wait(timeout=PATIENCE_S)
            assert status in (0, -signal.SIGKILL), status
        assert read(files["output"]) == whole, "the output is another"
        rounds += 1
        for path in files.values():
            os.unlink(path)
    return f"{rounds} maps to their end in {starts} starts, {blows} blows"


# --- A server ---------------------------------------------------------------------------


class Clients:
    """Who comes, calls and goes, in one way or another."""

    def __init__(self, path: Any, mark: Any) -> None:
        self.path, self.mark = path, mark
        self.lock = threading.Lock()
        self.outcomes = {}
        self.wrong = []

    def note(self, outcome: Any) -> None:
        with self.lock:
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    def judge(self, call: Any) -> None:
        """One call: its value is right, or it says why there is none."""
        try:
            self.note("right" if call() else "wrong")
        except weir.RemoteError as error:
            self.note(f"{'wrong: ' if error.code == 1000 else ''}{error}")
        except weir.CallError as error:
            self.note(type(error).__name__)

    def call_some(self, chance: Any) -> None:
        with weir.connect(self.path) as there:
            for _ in range(chance.randrange(1, 9)):
                a, b = chance.randrange(1000), chance.randrange(1, 300)
                self.judge(
                    chance.choice(
                        [
                            lambda: there.call("add", a, b, timeout=2) == a + b,
                            lambda: there.call("echo", "x" * 100 * b, timeout=2) == "x" * 100 * b,
                            lambda: (
                                list(there.stream("count", a, a + b, timeout=2))
                                == [*range(a, a + b + 1)]
                            ),
                            lambda: there.call("total", input=range(b), timeout=2) == sum(range(b)),
                            lambda: next(iter(there.stream("count", a, a + b, timeout=2))) == a,
                        ]
                    )
                )

    def leave_in_the_middle(self, chance: Any) -> None:
        """A client of our own: it asks, and is gone."""
        with socket.socket(socket.AF_UNIX) as there:
            there.connect(self.path)
            asked = (
                b'{"jsonrpc":"2.0","id":1,"method":"count","params":[1,1000000],"weir":{"credit":9}}\n'
                b'{"jsonrpc":"2.0","id":2,"method":"total","params":[],"weir":{"stream":"in"}}\n'
            )
            there.sendall(asked[: chance.randrange(1, len(asked) + 1)])
            if chance.random() < 0.3:
                there.shutdown(socket.SHUT_WR)
                there.recv(100)
        self.note("left")

    def run_a_command(self, chance: Any) -> None:
        a, b = chance.randrange(1000), chance.randrange(1000)
        done = subprocess.run(
            [WEIR, "call", "-s", self.path, "--timeout", "2s", "add", str(a), str(b)],
            env=environment(self.mark),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        right = done.returncode in (1, 124, 125) or (done.returncode, done.stdout) == (
            0,
            b"%d\n" % (a + b),
        )
        self.note(f"command {done.returncode}" if right else f"wrong: {done}")

    def come_and_go(self, seed: Any) -> None:
        chance = random.Random(seed)
        try:
            while passed() < 1:
                chance.choice(
                    [self.call_some] * 4 + [self.leave_in_the_middle] * 2 + [self.run_a_command]
                )(chance)
        except Exception:
            self.wrong.append(traceback.format_exc())


def a_server(directory: Any, chance: Any) -> str:
    mark, path, blows, hangups = "server", f"{directory}/weir.sock", 0, 0
    process = subprocess.Popen(
        [
            WEIR,
            "serve",
            "-s",
            path,
            "-j2",
            "--grace",
            "200ms",
            "--start-timeout",
            "60s",
            "--recycle-calls",
            "500",
            "-w",
            FUNCTIONS,
        ],
        env=environment(mark, **PYTHON),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    said = threading.Thread(target=process.stderr.read, daemon=True)
    clients, stats = Clients(path, mark), None
    threads = [
        threading.Thread(target=clients.come_and_go, args=(chance.random(),)) for _ in range(4)
    ]

    def at_rest() -> bool:
        nonlocal stats
        with weir.connect(path) as there:
            stats = there.call("weir/stats", timeout=PATIENCE_S)
        return (
            stats["running"] == stats["queued"] == 0
            and [worker["state"] for worker in stats["workers"]] == ["ready"] * 2
        )

    try:
        assert process.stderr.readline() == b"ready\n"
        said.start()
        watched = Watched(mark, process)
        watched.rest()
        clients.call_some(chance)  # on a busy machine the time may be over already
        for thread in threads:
            thread.start()
        while passed() < 1 and not clients.wrong:
            threads[0].join(2 * chance.random())
            blows += strike(chance, mark, "call_worker.py") is not None
            if chance.random() < 0.05:
                process.send_signal(signal.SIGHUP)
                hangups += 1
            watched.look()
        for thread in threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "a call hangs"
        assert not clients.wrong, clients.wrong
        try:
            await_that(at_rest, "all is at rest")
        except AssertionError:
            raise AssertionError(stats) from None
        watched.check()
        process.terminate()
        assert process.wait(timeout=PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
    assert clients.outcomes.get("right") and not any(
        "wrong" in name for name in clients.outcomes
    ), clients.outcomes
    reported = ", ".join(f"{name}: {count}" for name, count in sorted(clients.outcomes.items()))
    return f"{blows} blows, {hangups} hangups; {reported}; {watched.say()}"


sys.exit(soak([a_map_by_lines, a_map_by_calls, a_map_with_checkpoints, a_server]))
