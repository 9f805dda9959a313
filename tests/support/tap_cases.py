"""TAP for tests that are Python scripts: a case is a function, its name is the sentence.

A case that takes an argument gets the path of a directory of its own.  A case fails, too,
if it leaves a process, a zombie, an open descriptor or a changed signal handler.
"""

import functools
import gc
import glob
import inspect
import os
import re
import signal
import tempfile
import time
import traceback
from typing import Any

PATIENCE_S = 60  # how long an event may take that must come

# What every process below this one carries: weir keeps it where an environment is cleared.
MARKER = os.urandom(16).hex()
os.environ["WEIR_JOB"] = MARKER


class Skip(Exception):
    """What a case needs and is not here."""


def needs(facility: Any) -> Any:
    """For a case of what weir can do only with this facility of Linux: it is skipped where
    weir is built without (configure --disable-linux)."""
    with open(os.path.join(os.environ["builddir"], "config.h"), encoding="utf-8") as file:
        missing = "#define WEIR_LINUX" not in file.read()

    def mark(case: Any) -> Any:
        @functools.wraps(case)
        def skip(*_: Any) -> None:
            raise Skip(f"weir is built without {facility}")

        return skip if missing else case

    return mark


def is_sanitized() -> bool:
    """Whether weir is built with a sanitizer, which keeps memory of its own."""
    with open(os.path.join(os.environ["builddir"], "Makefile"), encoding="utf-8") as makefile:
        return (
            re.search(r"^SANITIZER_FLAGS = .*-fsanitize", makefile.read(), re.MULTILINE) is not None
        )


def run_cases(cases: Any) -> None:
    wanted = os.environ.get("WEIR_TEST")
    if wanted:
        cases = [case for case in cases if wanted.replace(" ", "_") in case.__name__]
    print(f"1..{len(cases)}", flush=True)
    for number, case in enumerate(cases, 1):
        word, skipped = "ok", ""
        before = open_descriptors(), handlers(), marked()
        try:
            run_case(case)
            check_nothing_stays(*before)
        except Skip as reason:
            skipped = f" # SKIP {reason}"
        except Exception:
            word = "not ok"
            for line in traceback.format_exc().splitlines():
                print("#  ", line)
        print(f"{word} {number} - {case.__name__.replace('_', ' ')}{skipped}", flush=True)


def run_case(case: Any) -> None:
    if inspect.signature(case).parameters:
        with tempfile.TemporaryDirectory() as directory:
            case(directory)
    else:
        case()


def open_descriptors() -> Any:
    return {
        fd: os.readlink(path)
        for fd, path in ((name.rpartition("/")[2], name) for name in glob.glob("/proc/self/fd/*"))
        if os.path.lexists(path)
    }


def handlers() -> Any:
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


def marked() -> Any:
    """The living processes below this one, each with its command."""
    found = {}
    for directory in glob.glob("/proc/[0-9]*"):
        try:
            with (
                open(directory + "/environ", "rb") as environ,
                open(directory + "/cmdline", "rb") as line,
            ):
                if MARKER.encode() in environ.read():
                    found[int(directory[6:])] = (
                        line.read().replace(b"\0", b" ").decode(errors="replace")
                    )
        except OSError:
            pass  # it is gone, or another user's
    return found


def zombies() -> Any:
    """Children of this process that have ended, and were not waited for."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return None
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None


def check_nothing_stays(descriptors: Any, old_handlers: Any, old_processes: Any) -> None:
    await_that(
        lambda: not marked().keys() - old_processes.keys(), lambda: f"left behind: {marked()}"
    )
    gc.collect()  # what nobody refers to is closed
    await_that(
        lambda: open_descriptors() == descriptors,
        lambda: f"descriptors: {descriptors}, and then: {open_descriptors()}",
    )
    assert handlers() == old_handlers, "a signal's handler is not what it was"
    assert not zombies(), f"zombies: {zombies()}"


def await_that(holds: Any, what: Any) -> None:
    """Waits until holds() is true; what is said when it is not, or a function that says it."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.01)


def await_file(path: Any) -> Any:
    """Waits for a file with something in it, and reads it."""
    await_that(lambda: os.path.exists(path) and os.path.getsize(path) > 0, path)
    with open(path, encoding="utf-8") as file:
        return file.read()


def is_gone(pid: Any) -> bool:
    """Whether a process is no more, or dead and not yet reaped."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def until_gone(process: Any) -> None:
    """Tells it to end until it has: two signals that come at once are one."""

    def reported() -> bool:
        process.terminate()
        return process.poll() is not None

    await_that(reported, "it stays")


def await_gone(pid: Any) -> None:
    await_that(lambda: is_gone(pid), f"process {pid} is gone")
