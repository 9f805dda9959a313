"""Functions for the soaks.  soak_worker.py LOG: who is called says so there, by a name of the call."""

import os
import sys
import time
from collections.abc import Iterator

from weir_worker import function, progress, run

log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def say(name: str) -> None:
    os.write(log, f"{name}\n".encode())


@function
def note(name: str) -> str:
    say(name)
    return name


@function
def rest(name: str, seconds: float) -> str:
    say(name)
    time.sleep(seconds)
    return name


@function
def steps(name: str, count: int, length: int = 10) -> Iterator[str]:
    """Streams NUMBER:xxx..."""
    say(name)
    for number in range(count):
        yield f"{number}:{'x' * length}"


@function
def report(name: str, count: int) -> str:
    say(name)
    for number in range(count):
        progress(number + 1, count, "on the way")
    return name


@function
def total(values: Iterator[int], name: str) -> int:
    say(name)
    return sum(values)


if __name__ == "__main__":
    run()
