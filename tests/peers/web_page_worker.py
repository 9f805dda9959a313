"""Functions for the test of the page in a browser."""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "sdk", "python"))
from weir_worker import function, run

HOSTILE = "<img src=x onerror=alert(1)>"


@dataclass
class Point:
    """A place."""

    x: int
    y: int


@function
def add(a: int, b: int) -> int:
    """Adds two integers."""
    return a + b


@function
def count(first: int, last: int, pause_ms: int = 0) -> Iterator[int]:
    """Counts, with a pause before each number."""
    for number in range(first, last + 1):
        time.sleep(pause_ms / 1000)
        yield number


@function
def die() -> None:
    """Kills its worker."""
    os.kill(os.getpid(), 9)


@function
def move(
    point: Point, by: int = 1, size: Literal["small", "large"] = "small", loud: bool = False
) -> Point:
    return Point(point.x + by, point.y + by)


@function
def total(values: Iterator[float], start: float = 0) -> float:
    """Adds up a stream of numbers."""
    return start + sum(values)


@function(name=HOSTILE)
def hostile(text: str = HOSTILE) -> Any:
    """<script>alert(2)</script>"""
    return {HOSTILE: text}


@function
def wait(seconds: float) -> None:
    """Takes its time."""
    time.sleep(seconds)


run()
