#!/usr/bin/env python3
"""weir stands still (SIGSTOP) while its programs print and end, or answer, and while their time limit
passes: what came in time counts, whole.  Prints TAP.
stood_still.py WEIR SRCDIR
"""

import concurrent.futures
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

sys.dont_write_bytecode = True
WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import PATIENCE_S, await_file, await_that, is_gone, run_cases

LIMIT_S = 6  # in which a busy machine starts a program
TALK = "said " * 2000 + "\n"

# Says that it has begun, waits, and prints.
PROGRAM = """
import os, sys
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(os.getpid()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
open(sys.argv[1] + ".go").read()
sys.stdout.write("said " * 2000 + "\\n")
sys.stderr.write("said " * 2000 + "\\n")
"""

# The same for a line, which it answers; it goes on.
WORKER = """
import os, sys
for line in sys.stdin:
    with open(sys.argv[1] + ".new", "w") as file:
        file.write(str(os.getpid()))
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    open(sys.argv[1] + ".go").read()
    sys.stdout.write(line)
    sys.stdout.flush()
    with open(sys.argv[1] + ".said", "w") as file:
        file.write("said")
"""

# The same for a call.
FUNCTION = """
import os, sys
sys.path.insert(0, {sdk!r})
from weir_worker import function, run

@function
def talk(path: str) -> str:
    with open(path + ".new", "w") as file:
        file.write(str(os.getpid()))
    os.rename(path + ".new", path)
    open(path + ".go").read()
    return "said"

run()
"""


def is_stopped(pid: int) -> bool:
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        return stat.read().rpartition(")")[2].split()[0] in "Tt"


def written_by(pid: int) -> int:
    """Bytes, to whatever it is."""
    with open(f"/proc/{pid}/io", encoding="utf-8") as figures:
        return next(int(line.split()[1]) for line in figures if line.startswith("wchar"))


@contextlib.contextmanager
def standing_still(
    directory: str, *words: str, reads: str = "", has_said: Any = None
) -> Iterator[Any]:
    """A weir with these words, in which BEGUN is a path, until it has stood still beyond its limit."""
    begun = os.path.join(directory, "begun")
    os.mkfifo(begun + ".go")
    start = time.monotonic()
    process: Any = subprocess.Popen(
        [WEIR, *(word.replace("BEGUN", begun) for word in words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        process.stdin.write(reads)
        process.stdin.close()
        process.stdin = None
        pid = int(await_file(begun))
        os.kill(process.pid, signal.SIGSTOP)
        await_that(lambda: is_stopped(process.pid), "a weir that stands still")
        assert time.monotonic() - start < LIMIT_S, "the machine is too slow for this limit"
        written = written_by(pid)
        with open(begun + ".go", "w", encoding="utf-8"):
            pass
        if has_said is None:
            await_that(lambda: is_gone(pid), "the end of the program")
        else:
            has_said(begun, written)
        time.sleep(max(0, start + LIMIT_S + 1.5 - time.monotonic()))  # the limit, and a drain
        os.kill(process.pid, signal.SIGCONT)
        yield process
    finally:
        process.kill()
        process.communicate()


def outcome(process: Any) -> Any:
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


def program(directory: str) -> "list[str]":
    path = os.path.join(directory, "program.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(PROGRAM)
    return [sys.executable, path, "BEGUN"]


def run_has_what_was_printed_in_time(directory: str) -> None:
    words = ["run", "--json", "--timeout", f"{LIMIT_S}s", "--", *program(directory)]
    with standing_still(directory, *words) as process:
        status, out, _ = outcome(process)
        result = json.loads(out)
        assert (status, result["end"], result["why"]) == (0, "exited", "none"), result
        for name in ("stdout", "stderr"):
            assert result[name]["text"] == TALK and not result[name]["abandoned"], result


def run_passes_on_what_was_printed_in_time(directory: str) -> None:
    words = ["run", "--timeout", f"{LIMIT_S}s", "--", *program(directory)]
    with standing_still(directory, *words) as process:
        assert outcome(process) == (0, TALK, TALK)


def pipe_passes_on_what_was_printed_in_time(directory: str) -> None:
    first = " ".join(f"'{word}'" for word in program(directory))
    with standing_still(directory, "pipe", "--timeout", f"{LIMIT_S}s", first, "cat") as process:
        assert outcome(process) == (0, TALK, TALK)


def a_record_of_each_is_not_late(directory: str) -> None:
    words = ["each", "--json", "--record-timeout", f"{LIMIT_S}s", "--", *program(directory), "{}"]
    with standing_still(directory, *words, reads="one\n") as process:
        status, out, err = outcome(process)
        result = json.loads(out)
        assert (status, result["why"], result["stdout"]["text"]) == (0, "none", TALK), (err, result)


def an_answer_of_map_is_not_late(directory: str) -> None:
    path = os.path.join(directory, "worker.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(WORKER)
    worker = [sys.executable, path, "BEGUN"]
    words = ["map", "--format", "line", "--record-timeout", f"{LIMIT_S}s", "--retries", "0"]

    def has_said(begun: str, _: int) -> None:
        await_file(begun + ".said")

    with standing_still(
        directory, *words, "--", *worker, reads="one\n", has_said=has_said
    ) as process:
        status, out, err = outcome(process)
        assert (status, out) == (0, "one\n"), (status, out, err)


def an_answer_to_a_call_is_not_late(directory: str) -> None:
    path = os.path.join(directory, "function.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(FUNCTION.format(sdk=os.path.join(SRCDIR, "sdk/python")))

    def has_said(begun: str, written: int) -> None:
        pid = int(await_file(begun))
        await_that(lambda: written_by(pid) > written, "an answer")

    words = [
        "call",
        "--timeout",
        f"{LIMIT_S}s",
        "-w",
        f"'{sys.executable}' '{path}'",
        "talk",
        "BEGUN",
    ]
    with standing_still(directory, *words, has_said=has_said) as process:
        status, out, err = outcome(process)
        assert (status, out) == (0, '"said"\n'), (status, out, err)


CASES = [
    run_has_what_was_printed_in_time,
    run_passes_on_what_was_printed_in_time,
    pipe_passes_on_what_was_printed_in_time,
    a_record_of_each_is_not_late,
    an_answer_of_map_is_not_late,
    an_answer_to_a_call_is_not_late,
]


def played(case: Any) -> Any:
    with tempfile.TemporaryDirectory() as directory:
        case(directory)


if __name__ == "__main__":
    with concurrent.futures.ThreadPoolExecutor(
        len(CASES)
    ) as stages:  # each waits, most of the time
        plays = [stages.submit(played, case) for case in CASES]

    def told(case: Any, play: Any) -> Any:
        def tell() -> None:
            play.result()

        tell.__name__ = case.__name__
        return tell

    run_cases([told(*pair) for pair in zip(CASES, plays)])
