"""For tests of the engine: a worker's functions, programs of their own, and looks at processes."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from typing import Any

import weir

FUNCTIONS = """
import os, sys, time
from typing import Iterator
from weir.worker import function, serve

@function
def add(a: int, b: int) -> int:
    return a + b
@function
def echo(value):
    return value
@function
def count(start: int, stop: int) -> Iterator[int]:
    yield from range(start, stop)
@function(name="sum")
def total(numbers: Iterator[int]) -> int:
    return sum(numbers)
@function
def running(numbers: Iterator[int]) -> Iterator[int]:
    so_far = 0
    for number in numbers:
        so_far += number
        yield so_far
@function
def sleep(seconds: float) -> str:
    time.sleep(seconds)
    return "slept"
@function
def fail(message: str) -> None:
    raise KeyError(message)
@function
def exit(code: int) -> None:
    os._exit(code)
@function
def pid() -> int:
    return os.getpid()
serve()
"""


def _is_linux() -> bool:
    """Whether weir is built with facilities of Linux alone (not configure --disable-linux)."""
    path = os.path.join(os.environ.get("builddir", ""), "config.h")
    if not os.path.exists(path):  # not beside a build
        return sys.platform == "linux"
    with open(path, encoding="utf-8") as file:
        return "#define WEIR_LINUX" in file.read()


IS_LINUX = _is_linux()

# One context for all tests: its descriptors are there before the first one begins.
weir.run(["true"])
folder = tempfile.TemporaryDirectory(prefix="weir-host.")
WORKER = os.path.join(folder.name, "functions.py")
with open(WORKER, "w", encoding="utf-8") as file:
    file.write(FUNCTIONS)


def program(code: str, *args: str, **options: Any) -> "subprocess.Popen[str]":
    """A Python program that uses weir, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


def output_of(code: str, *args: str, status: int = 0, **options: Any) -> str:
    """What such a program prints."""
    process = program(code, *args, **options)
    out, err = process.communicate(timeout=60)
    assert process.returncode == status, (process.returncode, out, err)
    return out


def wait_until(condition: Any, what: Any) -> None:
    until = time.monotonic() + 30
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.002)


def script_that_notes_imports(folder: str) -> str:
    path = os.path.join(folder, "model.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write("import os\nwith open(os.path.dirname(__file__) + '/imports', 'a') as file:\n")
        file.write("    file.write(f'{os.getpid()}\\n')\n" + FUNCTIONS)
    return path


def assert_imported_once(folder: str, pids: "set[int]") -> None:
    """By a process that is none of these workers."""
    with open(os.path.join(folder, "imports"), encoding="ascii") as file:
        parents = [int(line) for line in file]
    assert len(parents) == 1 and parents[0] not in pids, (parents, pids)


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
