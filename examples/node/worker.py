"""Functions for client.js."""

from collections.abc import Iterator

from weir.worker import function, serve


@function
def add(a: int, b: int) -> int:
    return a + b


@function
def countdown(start: int) -> Iterator[int]:
    yield from range(start, 0, -1)


serve()
