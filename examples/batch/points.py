#!/usr/bin/env python3
"""A function that is called often and does little: a worker for `weir call` and `weir serve`."""

from weir_worker import function, run


@function
def distance(x: float, y: float) -> float:
    """How far a point is from the origin."""
    return (x * x + y * y) ** 0.5


if __name__ == "__main__":
    run()
