"""The exceptions of weir, but for those of runs (_run.py), which need more modules."""

from typing import Any, Optional

# The codes of docs/protocol.md that have a class of their own.
CANCELLED = -32800
DEADLINE = -33001
FULL = -33005
OUTCOME_UNKNOWN = -33006
NO_WORKER = -33007
POISON = -33008


class WeirError(Exception):
    """Base class of all exceptions of weir."""


class SpecError(WeirError, ValueError):
    """A pipeline is not what `weir pipe -f` accepts; the message has a line for each fault."""


class EngineError(WeirError, OSError):
    """weir itself failed: a system call, or weir-spawner is missing or died."""


class DeadRecord(WeirError):
    """A record of weir.map that no worker could answer, or of weir.each that cannot be run."""

    def __init__(self, letter: "dict[str, Any]") -> None:
        super().__init__(letter)
        self.letter = letter  # docs/schemas/dead-letter.schema.json
        self.seq: int = letter["seq"]  # from 0
        self.reason: str = letter["reason"]  # "crash", "timeout", "desync", "error", "member", ...
        self.attempts: int = letter["attempts"]
        self.stderr_tail: str = letter["stderr_tail"]
        self.error: Optional[dict[str, Any]] = letter.get("error")  # of the function
        self.record: Any = letter.get("record")

    def __str__(self) -> str:
        why = self.error["message"] if self.error else self.stderr_tail.strip()
        return f"record {self.seq} is dead: {self.reason}" + (f": {why}" if why else "")


class CallError(WeirError):
    """Base class of all errors of a call."""


class RemoteError(CallError):
    """The function, or the server, answered with an error."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(code, message, data)
        self.code = code
        self.message = message
        self.data = data
        fields = data if isinstance(data, dict) else {}
        # What the function raised, by name, and where: None for errors with a code of their own.
        self.type: Optional[str] = fields.get("type")
        self.traceback: Optional[str] = fields.get("traceback")

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.type else f"{self.message} ({self.code})"


class QueueFull(RemoteError):
    """The queue is full, or the pool is closing; the call did not run. Try again later."""


class NoWorker(RemoteError):
    """No worker is available: they do not start. The message has the end of their stderr."""


class Poison(RemoteError):
    """The call has crashed two workers and is not tried on a third."""


class DeadlineExceeded(CallError, TimeoutError):
    """The timeout of the call has expired; its function has been interrupted."""


class CallCancelled(CallError):
    """The call was cancelled."""


class OutcomeUnknown(CallError):
    """The worker or the server was lost during the call; it may or may not have taken effect."""


class Closed(CallError, ConnectionError):
    """The pool or the connection was closed before the call was sent, or belongs to the parent."""


class Forked(Closed, RuntimeError):
    """A pool of the parent process, used in a child that it forked."""


def error_of(code: int, message: str, data: Any) -> CallError:
    """The exception for an error object of the protocol."""
    if code == DEADLINE:
        return DeadlineExceeded(message)
    if code == CANCELLED:
        return CallCancelled(message)
    if code == OUTCOME_UNKNOWN:
        return OutcomeUnknown(message)
    kinds = {FULL: QueueFull, NO_WORKER: NoWorker, POISON: Poison}
    return kinds.get(code, RemoteError)(code, message, data)
