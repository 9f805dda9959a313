"""The function of tests/bench/web.py for weir."""

from weir_worker import function, run


@function
def add(a: int, b: int) -> int:
    return a + b


run()
