"""Notes which lines of the Python SDK a process runs, for scripts/coverage.

Python imports this at its start from the folder of a user's own packages, where
scripts/coverage puts a link to it: PYTHONPATH belongs to the tests. A line is written to a file
of the process when it runs for the first time, so that one that is killed counts too.
"""

import os
import sys
import threading
from typing import Any

FOLDER = os.environ.get("WEIR_COVERAGE")
SDK = os.path.join(
    os.path.dirname(os.path.realpath(__file__)), "..", "..", "..", "sdk", "python", "weir"
)
PREFIX = os.path.realpath(SDK) + os.sep
seen = set()
ours = {}


def is_ours(name: Any) -> Any:
    if name not in ours:
        ours[name] = os.path.realpath(name).startswith(PREFIX)
    return ours[name]


def note(frame: Any, event: Any, _argument: Any) -> Any:
    if event == "line":
        line = (frame.f_code.co_filename, frame.f_lineno)
        if line not in seen:
            seen.add(line)
            try:
                # Opened anew each time: tests look for descriptors that are left open.
                file = os.open(
                    os.path.join(FOLDER, str(os.getpid())),
                    os.O_WRONLY | os.O_CREAT | os.O_APPEND,
                    0o666,
                )
                os.write(file, f"{os.path.realpath(line[0])[len(PREFIX) :]}:{line[1]}\n".encode())
                os.close(file)
            except OSError:
                pass
    return note


def enter(frame: Any, _event: Any, _argument: Any) -> Any:
    return note if is_ours(frame.f_code.co_filename) else None


if FOLDER:
    threading.settrace(enter)
    sys.settrace(enter)
