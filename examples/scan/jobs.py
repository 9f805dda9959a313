"""A job that a scanned code may run: it opens a gate, and writes down that it did."""

import os

from weir_worker import Error, function, run


@function
def open_gate(gate: int) -> str:
    """Open one of the gates 1 to 9."""
    if not 1 <= gate <= 9:
        raise Error("there is no such gate", 1404)
    with open(os.environ.get("GATE_LOG", "opened.log"), "a", encoding="utf-8") as log:
        log.write(f"gate {gate}\n")
    return f"gate {gate} is open"


run()
