#!/usr/bin/env python3
"""Functions in the four modes: value or stream in, value or stream out."""

import time
from collections.abc import Iterator

from weir_worker import function, run


@function(idempotent=True)
def add(a: int, b: int) -> int:
    """Adds two integers."""
    return a + b


@function
def count(first: int, last: int) -> Iterator[int]:
    """Counts from first to last."""
    yield from range(first, last + 1)


@function
def sum_of(values: Iterator[float]) -> float:
    """The sum of all values."""
    return sum(values)


@function
def mean_so_far(values: Iterator[float]) -> Iterator[float]:
    """The mean of the values up to each."""
    total = 0.0
    for n, value in enumerate(values, 1):
        total += value
        yield total / n


@function
def sleep(seconds: float) -> str:
    """Sleeps, unless it is cancelled."""
    time.sleep(seconds)
    return "slept"


@function
def divide(a: float, b: float) -> float:
    """Fails as Python does."""
    return a / b


if __name__ == "__main__":
    run()
