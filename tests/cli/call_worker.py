"""Functions for the tests of weir call and weir serve, in a worker of the Python SDK."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

from weir_worker import Cancelled, Error, function, log, run


@function
def add(a: int, b: int) -> int:
    """Adds two integers."""
    return a + b


@function
def echo(value: Any) -> Any:
    return value


@function
def count(first: int, last: int) -> Iterator[int]:
    """Counts."""
    yield from range(first, last + 1)


@function
def total(values: Iterator[float]) -> float:
    return sum(values)


@function
def running(values: Iterator[float]) -> Iterator[float]:
    so_far: float = 0
    for value in values:
        so_far += value
        yield so_far


@function
def closing(path: str) -> Iterator[int]:
    """Streams for ever, and says in a file that it was closed."""
    try:
        while True:
            yield 1
    finally:
        with open(path, "w", encoding="utf-8") as file:
            file.write("closed\n")


@function
def hang(path: str, seconds: float = 1000) -> str:
    """Says in a file that it runs, and in another that it was cancelled."""
    with open(path + ".begun", "w", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")
    try:
        time.sleep(seconds)
    except Cancelled:
        with open(path + ".cancelled", "w", encoding="utf-8") as file:
            file.write("cancelled\n")
        raise
    return "done"


@function
def wait_for(path: str) -> str:
    """Returns once there is such a file."""
    while not os.path.exists(path):
        time.sleep(0.01)
    return "done"


@function
def stubborn(path: str) -> None:
    """Does not let itself be cancelled."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        try:
            with open(path + ".begun", "w", encoding="utf-8") as file:
                file.write("begun\n")
            time.sleep(1000)
        except BaseException:
            pass


@function
def big(length: int) -> str:
    return "x" * length


@function
def fail(text: str) -> None:
    raise ValueError(text)


@function
def refuse() -> None:
    raise Error("not today", 1234, {"until": "tomorrow"})


@function
def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@function
def pid() -> int:
    return os.getpid()


@function
def note(text: str) -> None:
    log(text, "warning")


@function
def say(text: str) -> int:
    return sys.stderr.write(text + "\n")


if __name__ == "__main__":
    run()
