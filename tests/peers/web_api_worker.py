"""Functions of many types, for tests of the API from its OpenAPI document."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Optional

from weir_worker import function, run


@dataclass
class Point:
    x: int
    y: int
    label: Optional[str] = None


@function(idempotent=True)
def add(a: int, b: int = 1) -> int:
    return a + b


@function
def move(points: list[Point], by: Point) -> list[Point]:
    return [Point(one.x + by.x, one.y + by.y, one.label) for one in points]


@function
def paint(
    colour: Literal["red", "green"], places: dict[str, tuple[float, float]]
) -> dict[str, str]:
    return {name: colour for name in places}


@function(name="größe/ß")
def size(text: str, is_long: bool = False) -> Optional[int]:
    return len(text) if is_long else None


@function
def anything(value: Any = None) -> Any:
    return value


@function
def nothing() -> None:
    pass


@function
def count(last: int) -> Iterator[Point]:
    for n in range(min(last, 20)):
        yield Point(n, n)


@function
def total(values: Iterator[float], start: float = 0) -> float:
    return start + sum(values)


if __name__ == "__main__":
    run()
