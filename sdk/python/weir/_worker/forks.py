"""A child that a function makes by fork() is a plain process: it has no part in its parent's wire, and
ends where its parent's function would return to the worker."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import NoReturn, Optional


def silence(fds: Iterable[int]) -> None:
    """In the child: these numbers lead to /dev/null.

    Closed, they would be given to the next files that the child opens, and whatever still knows the
    numbers would write there.
    """
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
    except OSError:
        for fd in fds:
            with contextlib.suppress(OSError):
                os.close(fd)
        return
    for fd in fds:
        with contextlib.suppress(OSError):
            os.dup2(nothing, fd, inheritable=False)
    os.close(nothing)


def end(error: Optional[BaseException] = None) -> NoReturn:
    """Ends the child as Python ends a program, without its parent's atexit handlers."""
    import traceback  # not before it is needed: it takes a while to load

    status = 0
    try:
        if isinstance(error, SystemExit):
            status = _status_of(error.code)
        elif error is not None:
            status = 1
            error = error.with_traceback(_without_our_frames(error))
            sys.excepthook(type(error), error, error.__traceback__)
        if error is not None:
            # As when they return: files that only these frames know are written out and closed.
            traceback.clear_frames(error.__traceback__)
    except BaseException:
        status = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    if isinstance(error, KeyboardInterrupt):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status)


def _status_of(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _without_our_frames(error: BaseException) -> Optional[TracebackType]:
    frames = error.__traceback__
    while frames is not None and str(frames.tb_frame.f_globals.get("__name__")).startswith(
        f"{__package__}."
    ):
        frames = frames.tb_next
    return frames
