"""Functions for the tests of weir serve --mcp."""

import os
import sys
import time
from collections.abc import Iterator
from typing import TypedDict

from weir_worker import Content, Error, function, progress, run


class Point(TypedDict):
    x: int
    y: int


@function(read_only=True, title="Adder")
def add(a: int, b: int = 2) -> int:
    """Add two integers.

    The second is 2 if it is left out.
    """
    return a + b


@function
def mirror(point: Point) -> Point:
    return {"x": point["y"], "y": point["x"]}


@function
def untyped(value):
    return value


@function
def count(last: int) -> Iterator[int]:
    yield from range(last)


@function
def pieces(size: int) -> Iterator[str]:
    yield "x" * size


@function
def slow_count(last: int) -> Iterator[int]:
    for number in range(last):
        yield number
        time.sleep(0.05)


@function
def boom() -> None:
    raise Error("it went wrong", code=1402)


@function
def die() -> None:
    os._exit(9)


@function
def nap(path: str) -> str:
    """Sleep until the call is cancelled; path exists while it does."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("napping")
    try:
        time.sleep(600)
    finally:
        os.remove(path)
    return "rested"


@function
def report() -> str:
    for step in range(1, 4):
        progress(step, 3, f"step {step}")
    return "done"


@function
def reach(path: str) -> str:
    """Report progress, and return once path is there."""
    progress(1, 2, "half way")
    while not os.path.exists(path):
        time.sleep(0.005)
    return "done"


@function
def picture() -> Content:
    return Content("a plot:", Content.image(b"png"))


@function
def big(size: int) -> str:
    return "x" * size


@function
def flood() -> Iterator[str]:
    while True:
        yield "x" * 65536


@function
def total(values: Iterator[int]) -> int:
    return sum(values)


@function
def pid() -> int:
    return os.getpid()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(f"{sys.argv[1]}: no such model")
    run()
