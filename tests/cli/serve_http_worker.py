"""Functions for the tests of the web door, in a worker of the Python SDK."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from weir_worker import Cancelled, Error, context, function, run


@function
def add(a: int, b: int) -> int:
    """Adds two integers."""
    return a + b


@function
def echo(value: Any = None) -> Any:
    return value


@function
def write_line(path: str, line: str) -> int:
    """Returns how many lines the file has then."""
    with open(path, "a+", encoding="utf-8") as file:
        file.write(line + "\n")
        file.seek(0)
        return len(file.readlines())


@function
def blob(length: int) -> str:
    return "x" * length


@function(name="größe/ß")
def size(text: str) -> int:
    return len(text)


@function
def count(first: int, last: int) -> Iterator[int]:
    yield from range(first, last + 1)


@function
def breaks(after: int) -> Iterator[int]:
    yield from range(after)
    raise ValueError("broken")


@function
def endless(path: str, length: int = 1000) -> Iterator[str]:
    """Streams for ever; the file says how much, and then that it was closed."""
    n = 0
    try:
        while True:
            yield "x" * length
            n += 1
            with open(path + ".new", "w", encoding="utf-8") as file:
                file.write(f"{n}\n")
            os.replace(path + ".new", path)
    finally:
        with open(path + ".closed", "w", encoding="utf-8") as file:
            file.write("closed\n")


@function
def running(values: Iterator[float], start: float = 0) -> Iterator[float]:
    for value in values:
        start += value
        yield start


@function
def total(values: Iterator[float]) -> float:
    return sum(values)


@function
def hang(path: str) -> None:
    """Says in a file that it runs, and in another that it was cancelled, and when."""
    with open(path + ".begun", "w", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")
    try:
        time.sleep(1000)
    except Cancelled:
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(f"{time.monotonic()}\n")
        os.replace(path + ".new", path + ".cancelled")
        raise


@function
def wait_for(path: str) -> str:
    with open(path + ".begun", "w", encoding="utf-8") as file:
        file.write("begun\n")
    while not os.path.exists(path):
        time.sleep(0.01)
    return "done"


@dataclass
class Point:
    x: int
    y: int


@function
def move(point: Point, by: Point) -> Point:
    return Point(point.x + by.x, point.y + by.y)


@dataclass
class Note:
    text: str
    stars: int = 0


@function
def star(notes: list[Note]) -> list[Note]:
    return [Note(note.text, note.stars + 1) for note in notes]


@function
def fail(text: str) -> None:
    raise ValueError(text)


@function
def refuse(code: int) -> None:
    raise Error("not today", code, {"until": "tomorrow"})


@function
def refuse_briefly(code: int) -> None:
    raise Error("not today", code)


@function
def nan() -> float:
    return float("nan")


@function
def die() -> None:
    os.kill(os.getpid(), 9)


@function
def trace() -> list[Any]:
    return [context().traceparent, context().tracestate]


if __name__ == "__main__":
    run()
