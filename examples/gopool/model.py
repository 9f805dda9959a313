"""A small model: the price of a flat, from its area and its number of rooms.

It is fitted when the worker starts, to flats made up here, so there is nothing to download.  numpy
does it where there is one.
"""

import importlib
import os
import random
from dataclasses import dataclass

from weir.worker import function, serve


@dataclass
class Price:
    euros: int
    worker: int


def flats(count: int = 400) -> list[list[float]]:
    """Rows of 1, area, rooms, price."""
    chance = random.Random(7)
    rows = []
    for _ in range(count):
        area = chance.uniform(20, 150)
        rooms = max(1, round(area / 28 + chance.uniform(-1, 1)))
        rows.append([1.0, area, rooms, 30000 + 4200 * area + 9000 * rooms + chance.gauss(0, 8000)])
    return rows


def fit(rows: list[list[float]]) -> list[float]:
    """Least squares."""
    try:
        numpy = importlib.import_module("numpy")
        table = numpy.array(rows)
        return [float(one) for one in numpy.linalg.lstsq(table[:, :3], table[:, 3], rcond=None)[0]]
    except ImportError:
        pass
    # The normal equations, by elimination.
    system = [[sum(row[i] * row[j] for row in rows) for j in range(4)] for i in range(3)]
    for i in range(3):
        for k in range(3):
            if k != i:
                factor = system[k][i] / system[i][i]
                system[k] = [a - factor * b for a, b in zip(system[k], system[i])]
    return [system[i][3] / system[i][i] for i in range(3)]


base, per_metre, per_room = fit(flats())


@function(idempotent=True)
def predict(area: float, rooms: int) -> Price:
    """The price of a flat, to the next thousand."""
    if area <= 0 or rooms < 1:
        raise ValueError("a flat has an area, and a room at least")
    return Price(round(base + per_metre * area + per_room * rooms, -3).__trunc__(), os.getpid())


serve()
