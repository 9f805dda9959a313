"""What a function can learn about its call, and send to its host."""

import sys
import time
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from .roles import Host

# The worker that serves; run() sets it.
worker: "Optional[Host]" = None

# What a progress may be: JSON's numbers reach no further.
_LARGEST = 1e300

LEVELS = ("debug", "info", "warning", "error")


class Context:
    """The current call: its id, its deadline (of time.monotonic()) and its trace context."""

    def __init__(
        self,
        ident: object = None,
        deadline: Optional[float] = None,
        traceparent: Optional[str] = None,
        tracestate: Optional[str] = None,
    ) -> None:
        self.id = ident
        self.deadline = deadline
        self.traceparent = traceparent
        self.tracestate = tracestate

    def remaining(self) -> Optional[float]:
        """Return the seconds until the deadline, at least 0, or None without a deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())


def context() -> Context:
    """Return the context of the current call; an empty one outside of calls."""
    message, deadline = worker.request() if worker is not None else (None, None)
    if message is None:
        return Context()
    weir: dict[str, Any] = message.get("weir") or {}
    return Context(
        message.get("id"), deadline, _text(weir.get("traceparent")), _text(weir.get("tracestate"))
    )


def _text(value: object) -> Optional[str]:
    return value if isinstance(value, str) else None


def log(message: object, level: str = "info") -> None:
    """Write a line to the host's log, or to stderr if no host has sent a hello."""
    if level not in LEVELS:
        raise ValueError(f"the level is one of {', '.join(LEVELS)}, not {level!r}")
    if worker is None or not worker.log(str(message), level):
        print(f"{level}: {message}", file=sys.stderr, flush=True)


def progress(done: float, total: Optional[float] = None, message: Optional[str] = None) -> None:
    """Tell how far the current call is: `done` of `total`, and what it is doing.

    `done` grows from one report to the next. Outside of calls, and where no host listens, nothing
    happens. Raises ValueError for a number that is not finite.
    """
    for number in (done, total):
        if number is not None and not -_LARGEST < number < _LARGEST:
            raise ValueError(f"a progress must be a finite number, not {number!r}")
    if worker is not None:
        worker.progress(done, total, None if message is None else str(message))
