"""A worker: the square of a number."""

from weir_worker import function, run


@function(idempotent=True)
def square(id: int) -> dict[str, int]:
    return {"id": id, "square": id**2}


run()
