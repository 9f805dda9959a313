#!/usr/bin/env python3
"""The worker of tests/data/rpc/README.md, in Python."""

import math
import time
from collections.abc import Iterator
from typing import Any

from weir_worker import Error, context, function, log, run


@function
def add(a: int, b: int) -> int:
    """The sum of two integers."""
    return a + b


@function
def echo(value: Any) -> Any:
    return value


@function
def fail(message: str, code: int = 0) -> None:
    raise Error(message, code) if code else ValueError(message)


@function(idempotent=True)
def sleep(ms: int) -> str:
    time.sleep(ms / 1000)
    return "slept"


@function
def nan() -> float:
    return math.nan


@function
def big(bytes: int) -> str:
    return "x" * bytes


@function
def note(message: str, level: str = "info") -> None:
    log(message, level)


@function
def say(text: str) -> None:
    print(text)


@function
def about() -> dict[str, Any]:
    now = context()
    remaining = now.remaining()
    return {
        "deadline": now.deadline is not None,
        "remaining_ms": None if remaining is None else int(remaining * 1000),
        "traceparent": now.traceparent,
        "tracestate": now.tracestate,
    }


@function
def count(start: int, stop: int) -> Iterator[int]:
    yield from range(start, stop)


@function
def endless() -> Iterator[int]:
    number = 0
    try:
        while True:
            yield number
            number += 1
    finally:
        log("closed")


@function
def breaks(after: int) -> Iterator[int]:
    yield from range(after)
    raise ValueError("it broke")


@function(name="sum")
def total(numbers: Iterator[Any]) -> Any:
    return sum(numbers)


@function
def first(n: int, values: Iterator[Any]) -> list[Any]:
    return [next(values) for _ in range(n)]


@function
def stall(values: Iterator[Any]) -> None:
    next(values)
    log("stalled")
    time.sleep(60)


@function
def running(numbers: Iterator[Any]) -> Iterator[Any]:
    so_far = 0
    for number in numbers:
        so_far += number
        yield so_far


if __name__ == "__main__":
    run()
