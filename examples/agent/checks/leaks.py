"""Leaks 40 MB a call."""

import os

from weir_worker import function

leaked = []


@function
def check() -> dict[str, int]:
    leaked.append(bytearray(os.urandom(1)) * (40 << 20))
    return {"leaked": len(leaked)}
