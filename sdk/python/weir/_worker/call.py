"""One call: what it was asked, its streams and their credit, and how it is stopped."""

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Optional

from . import codec, hints
from .errors import (
    CANCELLED,
    DEADLINE,
    INVALID_PARAMS,
    RAISED,
    STREAM_RULE,
    Cancelled,
    InputBroken,
    Refused,
)
from .registry import Entry

if TYPE_CHECKING:
    import asyncio

    from .roles import Reader

MAX_CREDIT = (1 << 31) - 1
# Chunks granted for an input stream at first; half of them again when half are read.
GRANT = 16

# Why a call was stopped, with the error that answers it.
STOPS = {"cancelled": (CANCELLED, "cancelled"), "deadline": (DEADLINE, "the deadline is over")}


class Batch:
    """The calls of one line: their responses go out as one array when the last is there."""

    def __init__(self) -> None:
        self.waiting = 0
        self.answers: list[str] = []


class Call:
    """QUEUED, RUNNING or STOPPING (docs/protocol.md section 5); gone from Worker.calls when over."""

    __slots__ = (
        "batch",
        "changed",
        "credit",
        "deadline",
        "entry",
        "granted",
        "ident",
        "ident_text",
        "input_error",
        "input_open",
        "interrupted",
        "items",
        "message",
        "params",
        "read_since",
        "size",
        "stop",
        "stop_text",
    )

    def __init__(self, message: dict[str, Any], ident: Any, entry: Optional[Entry]) -> None:
        self.ident = ident
        self.ident_text = id_text(ident)
        self.message = message
        self.entry = entry
        self.params = message.get("params")
        self.deadline: Optional[float] = None
        self.batch: Optional[Batch] = None
        self.stop: Optional[str] = None
        self.stop_text = ""
        # Whether Cancelled was raised in the function.
        self.interrupted = False
        self.credit = 0
        self.items: deque[Any] = deque()
        self.input_open = False
        self.input_error: Optional[InputBroken] = None
        self.granted = 0
        self.read_since = 0
        self.size = 0
        # Called when something of the call has changed: by whoever reads the wire.
        self.changed: Optional[Callable[[], None]] = None

    def begin_input(self) -> str:
        self.input_open = True
        self.granted = GRANT
        return self.credit_line(GRANT)

    def credit_line(self, n: int) -> str:
        params = f'{{"id":{self.ident_text},"n":{n}}}'
        return f'{{"jsonrpc":"2.0","method":"weir/credit","params":{params}}}\n'

    def stop_for(self, reason: str, text: str = "") -> None:
        """The first reason counts."""
        if self.stop is None:
            self.stop = reason
            self.stop_text = text
            self.tell()

    def tell(self) -> None:
        if self.changed is not None:
            self.changed()

    def stop_error(self) -> Refused:
        if self.stop == "rule":
            return Refused(STREAM_RULE, self.stop_text)
        return Refused(*STOPS[self.stop or "cancelled"])

    def is_late(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline

    def become_child(self) -> None:
        """In a child made by fork(): the call is its parent's, its input too."""
        self.changed = None
        if self.input_open or self.items:
            self.items.clear()
            self.input_open = True
            self.break_input("the input stream belongs to the process that forked")

    # What the host sends for this call; each under the worker's rules of who reads when.

    def take_credit(self, n: Any) -> None:
        if self.entry is None or not self.entry.streams_out:
            self.stop_for("rule", "credit for a call that has no output stream")
        elif type(n) is not int or n < 1 or n > MAX_CREDIT:
            self.stop_for("rule", "the credit must be an integer from 1 to 2147483647")
        else:
            self.credit = min(self.credit + n, MAX_CREDIT)

    def take_chunk(self, params: dict[str, Any]) -> None:
        if self.stop is not None:
            return
        if self.entry is None or self.entry.stream_parameter is None:
            self.stop_for("rule", "a chunk for a call that has no input stream")
        elif not self.input_open:
            self.stop_for("rule", "a chunk after the end of the input stream")
        elif self.granted <= 0:
            self.stop_for("rule", "a chunk beyond the credit")
        elif "value" not in params:
            self.stop_for("rule", "a chunk without a value")
        else:
            self.granted -= 1
            self.items.append(params["value"])
            self.tell()

    def take_end(self, params: dict[str, Any]) -> None:
        if not self.input_open:
            if self.stop is None:
                self.stop_for("rule", "an end of an input stream that is not open")
            return
        error = params.get("error")
        if error is not None:
            fields = error if type(error) is dict else {}
            code = fields.get("code")
            self.break_input(
                str(fields.get("message", "the input stream is broken")),
                code if type(code) is int and code >= RAISED else RAISED,
                fields.get("data"),
            )
        else:
            self.input_open = False
            self.tell()

    def break_input(self, message: str, code: int = RAISED, data: Any = None) -> None:
        if self.input_open:
            self.input_error = InputBroken(message, code, data)
            self.input_open = False
            self.tell()


def id_text(ident: Any) -> str:
    """An id as it stands in a line; one that is none is null."""
    if type(ident) is int:
        return str(ident)
    return codec.quote(ident) if type(ident) is str else "null"


class Input:
    """The input stream, as the function's argument: an iterator that grants credit as it is read."""

    def __init__(self, worker: "Reader", call: Call, check: hints.Converter, name: str) -> None:
        self._worker = worker
        self._call = call
        self._check = None if hints.is_anything(check) else check
        self._name = name
        self._index = 0

    def __iter__(self) -> "Input":
        return self

    def __next__(self) -> Any:
        if not self.is_ready():
            if threading.get_ident() == self._worker.main_thread:
                self._worker.wait_in_function(self._call, self.is_ready)
            else:
                # Somebody gave the iterator to a thread: the watcher reads for it.
                while not self.is_ready():
                    time.sleep(0.002)
        if self.is_over():
            raise StopIteration
        return self.pop()

    def is_ready(self) -> bool:
        call = self._call
        return bool(call.items) or not call.input_open or call.stop is not None

    def is_over(self) -> bool:
        """Whether nothing more comes.  Raises what broke the stream, or stopped the call."""
        call = self._call
        if call.stop is not None:
            call.interrupted = True
            raise Cancelled(call.stop)
        if call.items:
            return False
        if call.input_error is not None:
            raise call.input_error
        return True

    def pop(self) -> Any:
        call = self._call
        value = call.items.popleft()
        call.read_since += 1
        if call.read_since == GRANT // 2:
            call.read_since = 0
            if call.input_open:
                call.granted += GRANT // 2
                self._worker.send(call.credit_line(GRANT // 2))
        if self._check is not None:
            try:
                value = self._check(value, f"{self._name}[{self._index}]")
            except hints.Mismatch as mismatch:
                raise Refused(INVALID_PARAMS, str(mismatch)) from None
        self._index += 1
        return value


class AsyncInput:
    """The same for a parameter annotated AsyncIterator: waiting leaves the loop to other tasks."""

    def __init__(self, plain: Input, call: Call, loop: "asyncio.AbstractEventLoop") -> None:
        import asyncio

        self._plain = plain
        self._event = asyncio.Event()
        call.changed = lambda: self._wake(loop)

    def _wake(self, loop: "asyncio.AbstractEventLoop") -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._event.set)

    def __aiter__(self) -> "AsyncInput":
        return self

    async def __anext__(self) -> Any:
        while not self._plain.is_ready():
            self._event.clear()
            if not self._plain.is_ready():
                await self._event.wait()
        if self._plain.is_over():
            raise StopAsyncIteration
        return self._plain.pop()
