"""A function for web_soak.py, which writes down that it was called."""

import os
import sys

from weir_worker import function, run

log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


@function
def note(name: str) -> str:
    os.write(log, f"{name}\n".encode())
    return name


run()
