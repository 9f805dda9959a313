#!/usr/bin/env python3
"""A second signal leaves at once: not even a program that ignores everything, and is stopped,
is waited for.  Prints TAP.
second_signal.py WEIR SRCDIR
"""

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

sys.dont_write_bytecode = True
from serve import ENVIRONMENT, WEIR, call, start
from server import await_ready
from tap_cases import PATIENCE_S, await_file, await_gone, run_cases

SOON_S = 4  # much less than any grace below

STUBBORN = """#!/bin/sh
trap '' INT TERM HUP QUIT
%s
echo $$ >"$0.new" && mv "$0.new" "$0.pid"
while :; do sleep 0.1; done
"""

STOPPED = """#!/bin/sh
trap '' INT
trap 'echo $$ >"$0.new" && mv "$0.new" "$0.pid"' TERM
while :; do sleep 0.1; done
"""

# Ends neither with its input nor with SIGTERM.
WORKER = """#!{python}
import os, signal, sys, time
sys.path.insert(0, {sdk!r})
from weir_worker import function, run
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
    signal.signal(number, signal.SIG_IGN)

@function
def reported() -> int:
    with open({pid!r} + ".new", "w") as file:
        file.write(str(os.getpid()))
    os.rename({pid!r} + ".new", {pid!r})
    return 7

@function
def wait() -> int:
    reported()
    while True:
        time.sleep(1)

run()
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True:
    time.sleep(1)
"""


def stubborn(directory: Any, before: str = "") -> Any:
    path = os.path.join(directory, "stubborn")
    with open(path, "w", encoding="utf-8") as file:
        file.write(STUBBORN % before)
    os.chmod(path, 0o755)
    return path, path + ".pid"


def worker(directory: Any) -> Any:
    path, pid = os.path.join(directory, "worker"), os.path.join(directory, "pid")
    with open(path, "w", encoding="utf-8") as file:
        file.write(WORKER.format(python=sys.executable, sdk=ENVIRONMENT["PYTHONPATH"], pid=pid))
    os.chmod(path, 0o755)
    return path, pid


def begin(*words: Any, stdout: int = subprocess.DEVNULL, **how: Any) -> Any:
    return subprocess.Popen(
        [WEIR, *words], stdout=stdout, stderr=subprocess.PIPE, env=ENVIRONMENT, **how
    )


def stop(path: Any) -> Any:
    await_file(path)
    with open(path, encoding="utf-8") as file:
        pid = int(file.read())
    os.kill(pid, signal.SIGSTOP)
    return pid


def leaves_at_the_second(
    weir: Any, pid: Any, statuses: Any = (130, 143), first: bool = True
) -> None:
    """Sends one signal, which ends nothing yet, and another."""
    if first:
        weir.send_signal(signal.SIGINT)
        try:
            weir.wait(timeout=0.5)
            raise AssertionError(f"it did not wait: {weir.returncode}")
        except subprocess.TimeoutExpired:
            pass
    began = time.monotonic()
    weir.send_signal(signal.SIGTERM)
    said = weir.communicate(timeout=PATIENCE_S)[1] if not hasattr(weir, "said") else weir.wait()
    took = time.monotonic() - began
    assert weir.returncode in statuses, (weir.returncode, said)
    assert took < SOON_S, took
    await_gone(pid)


def run(directory: Any) -> None:
    program, pid = stubborn(directory)
    weir = begin("run", "--grace", "100s", "--", program)
    leaves_at_the_second(weir, stop(pid))


def pipe(directory: Any) -> None:
    program, pid = stubborn(directory)
    weir = begin("pipe", "--grace", "100s", "cat", program, "cat", stdin=subprocess.PIPE)
    leaves_at_the_second(weir, stop(pid))


def map_records(directory: Any) -> None:
    program, pid = stubborn(directory, "read -r line")
    weir = begin("map", "-j1", "--grace", "100s", "--", program, stdin=subprocess.PIPE)
    weir.stdin.write(b"1\n2\n")
    weir.stdin.flush()
    leaves_at_the_second(weir, stop(pid))


def pipe_whose_map_is_stopped_already(directory: Any) -> None:
    program = os.path.join(directory, "program")
    with open(program, "w", encoding="utf-8") as file:
        file.write(STOPPED)
    os.chmod(program, 0o755)
    source = ["sh", "-c", "echo 1; exec sleep 1000"]
    for limit_s in (1, 4, 16, 64):  # until the worker is there before the limit
        stages = [
            {"name": "source", "cmd": source, "timeout_s": limit_s, "stop": "KILL"},
            {"cmd": [program], "map": {"workers": 1}, "stop": "TERM:100s,KILL"},
        ]
        with open(os.path.join(directory, "spec"), "w", encoding="utf-8") as file:
            json.dump({"weir": 1, "stages": stages}, file)
        weir = begin("pipe", "-f", file.name)
        while weir.poll() is None and not os.path.exists(program + ".pid"):
            time.sleep(0.01)
        if weir.returncode is None:
            break
        weir.communicate()
    leaves_at_the_second(weir, stop(program + ".pid"), (124, 130, 143))


def call_under_way(directory: Any) -> None:
    program, pid = worker(directory)
    weir = begin("call", "-w", program, "wait")
    leaves_at_the_second(weir, stop(pid))


def call_whose_worker_starts(directory: Any) -> None:
    program, pid = stubborn(directory)
    weir = begin("call", "-w", program, "wait")
    leaves_at_the_second(weir, stop(pid))


def call_that_has_returned(directory: Any) -> None:
    """The first signal is enough: there is nothing left to cancel."""
    program, pid = worker(directory)
    weir = begin("call", "-w", program, "reported", stdout=subprocess.PIPE)
    assert weir.stdout.readline() == b"7\n"
    leaves_at_the_second(weir, stop(pid), (0, 143), first=False)


def serve_with_a_call(directory: Any) -> None:
    program, pid = worker(directory)
    path = os.path.join(directory, "s")
    server = start(path, "-j1", "--grace", "100s", worker=program)
    await_ready(server)
    client = begin("call", "-s", path, "wait")
    leaves_at_the_second(server, stop(pid))
    client.communicate(timeout=PATIENCE_S)


def serve_without_a_call(directory: Any) -> None:
    program, pid = worker(directory)
    path = os.path.join(directory, "s")
    server = start(path, "-j1", "--grace", "100s", worker=program)
    await_ready(server)
    assert call(path, "reported")[:2] == (0, "7\n")
    leaves_at_the_second(server, stop(pid))


def serve_whose_workers_start(directory: Any) -> None:
    program, pid = stubborn(directory)
    server = start(os.path.join(directory, "s"), "-j1", "--grace", "100s", worker=program)
    leaves_at_the_second(server, stop(pid))


if __name__ == "__main__":
    run_cases(
        [
            run,
            pipe,
            map_records,
            pipe_whose_map_is_stopped_already,
            call_under_way,
            call_whose_worker_starts,
            call_that_has_returned,
            serve_with_a_call,
            serve_without_a_call,
            serve_whose_workers_start,
        ]
    )
