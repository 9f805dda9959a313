"""Call functions behind the socket of `weir serve`.

    import weir

    with weir.connect() as math:                         # $XDG_RUNTIME_DIR/weir.sock
        math.call("add", 3, 4, timeout=1.5)              # 7
        for value in math.stream("count", 1, 6):         # as they arrive; leaving the loop cancels
            print(value)
        math.call("sum", input=range(10))                # an iterable as the input stream
        list(math.stream("running", input=[1, 2, 3]))    # both

Threads may share a client: each waits for its own response, and one of the waiting threads
reads for all. Processes may not: in a child made by fork() the client is closed, and calls
raise Closed.

A call waits for room to send, for its response and for the next value until its `timeout`, and
a second more for the server's confirmation. Without a timeout it waits until the response
arrives, the server disconnects or the client is closed. submit(), cancel() and close() do not
wait.
"""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, Callable, Optional, Union

from ._connection import open_connection
from ._errors import (
    CallCancelled,
    CallError,
    Closed,
    DeadlineExceeded,
    NoWorker,
    OutcomeUnknown,
    Poison,
    QueueFull,
    RemoteError,
)
from ._link import CREDIT, Call, Link, error_in
from ._worker import errors

__all__ = [
    "CallCancelled",
    "CallError",
    "Client",
    "Closed",
    "DeadlineExceeded",
    "NoWorker",
    "OutcomeUnknown",
    "Pending",
    "Poison",
    "QueueFull",
    "RemoteError",
    "Stream",
    "connect",
]

VERSION = 1
HELLO_TIMEOUT_S = 30.0
# A longer timeout is as good as none: a month.
FOREVER_S = 31 * 24 * 3600.0


def connect(
    path: Union[str, "os.PathLike[str]", None] = None,
    timeout: float = HELLO_TIMEOUT_S,
    *,
    any_server: bool = False,
) -> "Client":
    """Connect to the server at a socket (default: $XDG_RUNTIME_DIR/weir.sock).

    timeout, in seconds, covers everything, including the wait for a busy server; then TimeoutError
    or ConnectionError is raised. If the server runs as another user, who is not root, nothing is
    sent and PermissionError is raised; any_server=True allows it.
    """
    deadline = time.monotonic() + min(timeout, FOREVER_S)
    connection = open_connection(path, deadline, any_server)
    try:
        return Client(connection, max(0.0, deadline - time.monotonic()))
    except BaseException:
        connection.close()
        raise


class Client:
    """A connection. Close it, or use it with `with`; this cancels open calls."""

    def __init__(self, connection: socket.socket, timeout: float = HELLO_TIMEOUT_S) -> None:
        self._link = Link(connection)
        self.methods: dict[str, Any] = {}
        self.server: dict[str, Any] = {}
        try:
            self._hello(timeout)
        except BaseException:
            self.close()
            raise

    @property
    def noise(self) -> int:
        """Lines that were not messages."""
        return self._link.noise

    @property
    def late(self) -> int:
        """Responses to calls that were given up."""
        return self._link.late

    @property
    def broken(self) -> bool:
        """Whether the server broke the protocol."""
        return self._link.broken

    @property
    def plain(self) -> bool:
        """Whether the server speaks JSON-RPC without weir's additions."""
        return self._link.plain

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the server cancels open calls."""
        self._link.close()

    # --- Calls ------------------------------------------------------------------------------------

    def call(
        self,
        method: str,
        /,
        *args: Any,
        timeout: Optional[float] = None,
        input: Optional[Iterable[Any]] = None,
        traceparent: Optional[str] = None,
        **kwargs: Any,
    ) -> Any:
        """Call a function and return its result. Raises CallError and its subclasses.

        Pass arguments by position or by name, not both. timeout is in seconds; when it expires
        the function is cancelled. For a method with an output stream, the result is the list of
        its values, or its closing value if there are no values.
        """
        if self._streams_out(method):
            stream = self.stream(
                method, *args, timeout=timeout, input=input, traceparent=traceparent, **kwargs
            )
            values = list(stream)
            return values if values or stream.result is None else stream.result
        return self.submit(
            method, *args, timeout=timeout, input=input, traceparent=traceparent, **kwargs
        ).result()

    def submit(
        self,
        method: str,
        /,
        *args: Any,
        timeout: Optional[float] = None,
        input: Optional[Iterable[Any]] = None,
        traceparent: Optional[str] = None,
        **kwargs: Any,
    ) -> "Pending":
        """Start a call and return at once: .result() waits for it, .cancel() stops it."""
        return Pending(
            self._link, *self._begin(method, args, kwargs, timeout, input, traceparent, False)
        )

    def stream(
        self,
        method: str,
        /,
        *args: Any,
        timeout: Optional[float] = None,
        input: Optional[Iterable[Any]] = None,
        traceparent: Optional[str] = None,
        **kwargs: Any,
    ) -> "Stream":
        """Call a function and return an iterator over its values; closing it cancels the call."""
        call, deadline = self._begin(method, args, kwargs, timeout, input, traceparent, True)
        return Stream(self._link, call, deadline)

    def map(self, method: str, items: Iterable[Any], timeout: Optional[float] = None) -> list[Any]:
        """Call one function with many arguments in one message.

        Raises the error of the first failed item. An item that is a list or tuple is passed by
        position, a dict by name, anything else as the only argument.
        """
        params = [item if isinstance(item, (list, tuple, dict)) else [item] for item in items]
        answer = self.call("weir/map", method=method, items=params, timeout=timeout)
        for error in (answer.get("errors") or {}).values():
            raise error_in(error)
        values: list[Any] = answer["values"]
        return values

    def stats(self) -> Any:
        """Return the statistics of the server: calls, errors, latencies, workers."""
        return self.call("weir/stats")

    def _streams_out(self, method: str) -> bool:
        described = self.methods.get(method)
        return isinstance(described, dict) and described.get("stream") in ("out", "both")

    def _begin(
        self,
        method: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        timeout: Optional[float],
        input: Optional[Iterable[Any]],
        traceparent: Optional[str],
        streams_out: bool,
    ) -> tuple[Call, Optional[float]]:
        if args and kwargs:
            raise TypeError("arguments are given by position or by name, not both")
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": 0, "method": method}
        if args or kwargs:
            message["params"] = list(args) or kwargs
        weir: dict[str, Any] = {}
        deadline = None
        if timeout is not None and timeout != timeout:  # noqa: PLR0124 - NaN
            raise ValueError("the timeout is not a number of seconds")
        if timeout is not None and timeout < FOREVER_S:
            deadline = time.monotonic() + timeout
            weir["deadline_ms"] = int(max(0, timeout) * 1000)
        if traceparent is not None:
            weir["traceparent"] = traceparent
        if streams_out:
            weir["credit"] = CREDIT
        if input is not None:
            weir["stream"] = "in"
        if weir and not self._link.plain:
            message["weir"] = weir
        call = self._link.register(streams_out, deadline)
        message["id"] = call.ident
        try:
            if not self._link.wait_room(deadline):
                raise DeadlineExceeded(
                    "the deadline is over: the server reads nothing, the call was not sent"
                )
            self._link.send(message)
        except BaseException:
            self._link.drop(call)
            raise
        if input is not None:
            try:
                threading.Thread(
                    target=self._feed, args=(call, input), daemon=True, name="weir input"
                ).start()
            except BaseException:
                self._link.cancel(call)
                raise
        return call, deadline

    def _feed(self, call: Call, input: Iterable[Any]) -> None:
        """A thread: the input stream, as the credit allows.  What the iterable raises ends the call."""
        try:
            values = iter(input)
            try:
                for value in values:
                    if not self._link.send_chunk(call, value):
                        return
            finally:
                close = getattr(values, "close", None)
                if close is not None:
                    close()
            self._link.notify("weir/end", {"id": call.ident})
        except Closed:
            pass
        except BaseException as error:
            if isinstance(error, errors.Error):
                told = {"code": error.code, "message": error.message, "data": error.data}
            else:
                call.input_error = error
                told = {"code": errors.RAISED, "message": f"{type(error).__name__}: {error}"}
            try:
                self._link.notify("weir/end", {"id": call.ident, "error": told})
            except CallError:
                pass

    def _hello(self, timeout: float) -> None:
        call, _deadline = self._begin(
            "weir/hello", (), {"version": VERSION}, None, None, None, False
        )
        if not self._link.turn(time.monotonic() + timeout, lambda: call.over):
            raise ConnectionError("the server did not answer to hello")
        if isinstance(call.error, RemoteError) and call.error.code == errors.METHOD_NOT_FOUND:
            self._link.plain = True
            return
        if call.error is not None:
            raise ConnectionError(f"the server did not take our hello: {call.error}")
        hello = call.result
        if (
            not isinstance(hello, dict)
            or type(hello.get("version")) is not int
            or not 1 <= hello["version"] <= VERSION
            or not isinstance(hello.get("methods"), dict)
        ):
            raise ConnectionError(f"the server answered to hello with {json.dumps(hello)[:200]}")
        self.server = hello
        self.methods = hello["methods"]


class Pending:
    """A call that has started."""

    def __init__(self, link: Link, call: Call, deadline: Optional[float]) -> None:
        self._link = link
        self._call = call
        self._deadline = deadline

    def done(self) -> bool:
        """Return whether the response has been read; only waiting calls read."""
        return self._call.over

    def result(self, timeout: Optional[float] = None) -> Any:
        """Wait for the result, or raise the error of the call. Ctrl-C cancels the call.

        If timeout expires, TimeoutError is raised, and the call goes on.
        """
        call = self._call
        try:
            if timeout is not None and not self._is_over_after(timeout):
                raise TimeoutError(f"the call is not over after {timeout} s")
            self._link.wait(call, self._deadline, lambda: call.over)
        except TimeoutError:
            raise
        except BaseException:
            self.cancel()
            raise
        return call.outcome()

    def _is_over_after(self, timeout: float) -> bool:
        until = time.monotonic() + timeout
        if self._deadline is not None and self._deadline <= until:
            return True  # the deadline of the call ends the wait
        return self._link.turn(until, lambda: self._call.over)

    def exception(self, timeout: Optional[float] = None) -> Optional[BaseException]:
        """Wait for the end of the call, and return its error, or None."""
        try:
            self.result(timeout)
        except DeadlineExceeded as error:
            return error
        except TimeoutError:
            raise
        except Exception as error:
            return error
        return None

    def cancel(self) -> None:
        """Cancel the function; result() then raises CallCancelled, unless it was faster."""
        self._link.cancel(self._call)

    def add_done_callback(self, callback: Callable[["Pending"], object]) -> None:
        """Call callback(self) when the call is over, in a thread of its own."""

        def wait() -> None:
            self.exception()
            callback(self)

        threading.Thread(target=wait, daemon=True, name="weir callback").start()


class Stream(Iterator[Any]):
    """The values of a call, as they arrive. `result` is the closing value after the last one."""

    def __init__(self, link: Link, call: Call, deadline: Optional[float]) -> None:
        self._link = link
        self._call = call
        self._deadline = deadline
        self.result: Any = None

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> Any:
        call = self._call
        try:
            self._link.wait(call, self._deadline, lambda: bool(call.chunks) or call.over)
        except BaseException:
            self.close()
            raise
        if call.chunks and not call.late:
            return self._link.take_chunk(call)
        self.result = call.outcome()
        raise StopIteration

    def close(self) -> None:
        """Cancel the call and discard values that have already arrived."""
        self._link.cancel(self._call)
        self._call.chunks.clear()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()

    def __del__(self) -> None:
        # While Python ends, threads that hold a lock are gone; and so is the connection, at once.
        if not sys.is_finalizing():
            self.close()
