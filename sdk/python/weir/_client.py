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

import errno
import itertools
import json
import os
import select
import socket
import struct
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Callable, Optional, Union

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
    error_of,
)
from ._worker import codec, errors, wire

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
# Chunks that may come before they are read; half of them again when half are read.
CREDIT = 64
HELLO_TIMEOUT_S = 30.0
# After a deadline the server has this long to report the outcome of the call.
GRACE_S = 1.0
# A longer timeout is as good as none: a month.
FOREVER_S = 31 * 24 * 3600.0
# The longest path that the address of a Unix socket holds, less its NUL.
PATH_BYTES = 107 if sys.platform.startswith("linux") else 103
# What may wait to be sent before a call has to wait, too.
MAX_UNSENT = 64 << 10


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
    if path is None:
        folder = os.environ.get("XDG_RUNTIME_DIR")
        if not folder:
            raise FileNotFoundError("XDG_RUNTIME_DIR is not set: name the socket")
        path = os.path.join(folder, "weir.sock")
    path = _checked(path)
    deadline = time.monotonic() + min(timeout, FOREVER_S)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _connect(connection, path, deadline)
        if not any_server:
            _check_server(connection, path)
        connection.settimeout(None)
        return Client(connection, max(0.0, deadline - time.monotonic()))
    except BaseException:
        connection.close()
        raise


def _checked(path: Union[str, "os.PathLike[str]"]) -> str:
    """The path as an address has it; what none can hold is refused in words."""
    text = os.fsdecode(path)
    if text.startswith(("\0", "@")):
        raise ValueError(
            f"{text!r} names an abstract socket, which weir does not use: give the path of a file"
        )
    length = len(os.fsencode(text))
    if length > PATH_BYTES:
        raise ValueError(
            f"{text!r} is too long for the path of a socket: "
            f"it has {length} bytes, and the limit is {PATH_BYTES}"
        )
    return text


def _connect(connection: socket.socket, path: str, deadline: float) -> None:
    pause = 0.001
    while True:
        left = deadline - time.monotonic()
        connection.settimeout(max(left, 0.001))
        try:
            connection.connect(path)
            return
        except BlockingIOError:
            # Its queue of connections is full.  Linux tells so at once, and offers no event to wait for.
            if left <= 0:
                raise TimeoutError(
                    errno.ETIMEDOUT, "the server takes no connection: too many wait already", path
                ) from None
        time.sleep(min(pause, left))
        pause = min(2 * pause, 0.05)


def _check_server(connection: socket.socket, path: str) -> None:
    """Whoever may write to the folder may serve at a name in it, and would be told all that we call."""
    uid = _uid_of_server(connection)
    if uid is None:
        raise PermissionError(
            errno.EPERM,
            "this system does not tell whose the server is: nothing was sent; "
            "connect(..., any_server=True) allows it",
            path,
        )
    if uid not in (0, os.geteuid()):
        raise PermissionError(
            errno.EPERM,
            f"the server is run by uid {uid}, neither by ours ({os.geteuid()}) nor "
            "by root: nothing was sent; connect(..., any_server=True) allows it",
            path,
        )


def _uid_of_server(connection: socket.socket) -> Optional[int]:
    if sys.platform == "linux":
        credentials = struct.Struct("=iII")  # struct ucred: pid, uid, gid
        uid: int = credentials.unpack(
            connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size)
        )[1]
        return uid
    if sys.platform == "darwin" or sys.platform.startswith("freebsd"):
        # struct xucred: version, uid, ...; SOL_LOCAL and LOCAL_PEERCRED have no names in Python.
        peer: int = struct.unpack_from("=II", connection.getsockopt(0, 1, 256))[1]
        return peer
    return None


# The clients of this process: a child made by fork() closes its copies of them.
_clients: "weakref.WeakSet[Client]" = weakref.WeakSet()


class _Call:
    """One call on its way.  All of it under the client's lock."""

    def __init__(self, ident: int, streams_out: bool) -> None:
        self.ident = ident
        self.streams_out = streams_out
        self.chunks: deque[Any] = deque()
        # What the server has not used of the credit it was given.
        self.granted = CREDIT if streams_out else 0
        self.read_since = 0
        self.credit = 0
        self.over = False
        self.result: Any = None
        self.error: Optional[CallError] = None
        self.input_error: Optional[BaseException] = None
        self.cancelled = False
        self.late = False

    def finish(self, result: Any, error: Optional[CallError]) -> None:
        if not self.over:
            self.over, self.result, self.error = True, result, error


class Client:
    """A connection. Close it, or use it with `with`; this cancels open calls."""

    def __init__(self, connection: socket.socket, timeout: float = HELLO_TIMEOUT_S) -> None:
        self._socket = connection
        self._cutter = wire.Cutter()
        # The lock guards all below.  Who waits takes turns: one reads, the others sleep on _changed.
        # Reentrant, as a Stream may be closed by the garbage collector, anywhere.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._reading = False
        # What could not be sent at once; a thread sends it while there is any.  The send lock guards
        # these four, and is never held while something waits.
        self._send_lock = threading.RLock()
        self._unsent: deque[Union[bytes, memoryview]] = deque()
        self._unsent_size = 0
        self._flushing = False
        self._sending = False
        self._calls: dict[int, _Call] = {}
        self._ids = itertools.count(1)
        self._gone: Optional[str] = None
        self._pid = os.getpid()
        self.noise = 0
        self.late = 0
        self.broken = False
        self.plain = False
        self.methods: dict[str, Any] = {}
        self.server: dict[str, Any] = {}
        _clients.add(self)
        try:
            self._hello(timeout)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the server cancels open calls."""
        self._lose("the client was closed")

    def _is_ours(self) -> bool:
        """False in a child made by fork() when it first comes here: then the client is closed there."""
        if self._pid == os.getpid():
            return True
        self._become_child()
        return False

    def _become_child(self) -> None:
        """The connection is the parent's: our copy of it is closed, and nothing is sent or read.

        Locks may be held by threads that are not in this process.
        """
        if self._pid == os.getpid():
            return
        if self._gone is None:
            self._gone = f"the client belongs to process {self._pid}, which forked: connect() again"
        self._pid = os.getpid()
        waiting = self._changed
        self._lock, self._send_lock = threading.RLock(), threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._unsent.clear()
        for call in list(self._calls.values()):
            call.chunks.clear()
            call.finish(None, Closed(self._gone))
        self._calls.clear()
        self._socket.close()
        if waiting.acquire(blocking=False):  # a signal handler has forked while its thread waited
            waiting.notify_all()
            waiting.release()

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
        return Pending(self, *self._begin(method, args, kwargs, timeout, input, traceparent, False))

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
        return Stream(self, call, deadline)

    def map(self, method: str, items: Iterable[Any], timeout: Optional[float] = None) -> list[Any]:
        """Call one function with many arguments in one message.

        Raises the error of the first failed item. An item that is a list or tuple is passed by
        position, a dict by name, anything else as the only argument.
        """
        params = [item if isinstance(item, (list, tuple, dict)) else [item] for item in items]
        answer = self.call("weir/map", method=method, items=params, timeout=timeout)
        for error in (answer.get("errors") or {}).values():
            raise _error_of(error)
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
    ) -> tuple[_Call, Optional[float]]:
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
        if weir and not self.plain:
            message["weir"] = weir
        call = self._register(streams_out, deadline)
        message["id"] = call.ident
        try:
            if self._sending and not self._turn(deadline, self._has_room, True):
                raise DeadlineExceeded(
                    "the deadline is over: the server reads nothing, the call was not sent"
                )
            self._send(message)
        except BaseException:
            with self._lock:
                self._calls.pop(call.ident, None)
            raise
        if input is not None:
            try:
                threading.Thread(
                    target=self._feed, args=(call, input), daemon=True, name="weir input"
                ).start()
            except BaseException:
                self._cancel(call)
                raise
        return call, deadline

    def _register(self, streams_out: bool, deadline: Optional[float]) -> _Call:
        while True:
            self._is_ours()
            with self._lock:
                if self._gone is not None:
                    raise Closed(self._gone)
                # The plain dialect knows one call at a time.
                if not (self.plain and self._calls):
                    call = _Call(next(self._ids), streams_out)
                    self._calls[call.ident] = call
                    return call
            if not self._turn(deadline, lambda: not self._calls):
                raise DeadlineExceeded("the deadline is over")

    def _outcome(self, call: _Call) -> Any:
        if call.late:
            raise DeadlineExceeded("the deadline is over")
        if call.error is not None:
            raise call.input_error or call.error
        return call.result

    def _cancel(self, call: _Call) -> None:
        if not self._is_ours():
            return
        with self._lock:
            if call.over or call.cancelled or self._gone is not None:
                return
            call.cancelled = True
        if not self.plain:
            try:
                self._notify("weir/cancel", {"id": call.ident})
            except (CallError, RuntimeError):  # the latter: no thread can be had
                pass

    # --- Waiting ----------------------------------------------------------------------------------

    def _wait(self, call: _Call, deadline: Optional[float], ready: Any) -> None:
        """Until ready(); beyond the deadline the call is cancelled, and given up after a grace."""
        until = deadline
        while not self._turn(until, ready):
            if call.late:
                with self._lock:
                    self._calls.pop(call.ident, None)
                    call.finish(None, None)
                return
            call.late = True
            self._cancel(call)
            until = time.monotonic() + GRACE_S
            ready = lambda: call.over

    def _turn(self, until: Optional[float], ready: Any, sends: bool = False) -> bool:
        """Wait, and read for all threads if no other thread does.  False when the time has expired.

        sends: what is waited for is room to send, so that is done here too.
        """
        while True:
            self._is_ours()
            with self._lock:
                while not (ready() or self._gone is not None):
                    if until is not None and time.monotonic() >= until:
                        return False
                    if not self._reading:
                        break
                    self._changed.wait(
                        None if until is None else max(0.0, until - time.monotonic())
                    )
                if ready() or self._gone is not None:
                    return True
                self._reading = True
            try:
                self._read(until, sends)
            finally:
                with self._lock:
                    self._reading = False
                    self._changed.notify_all()
                if self._gone is not None:
                    self._close_socket()

    def _read(self, until: Optional[float], sends: bool) -> None:
        """Reads once and applies it; returns early when the time is over, or when something was sent."""
        try:
            if until is not None or sends:
                poll = select.poll()
                poll.register(self._socket, select.POLLIN | (select.POLLOUT if sends else 0))
                ready = poll.poll(
                    None if until is None else max(0.0, until - time.monotonic()) * 1000 + 1
                )
                if sends and ready and ready[0][1] & select.POLLOUT:
                    with self._send_lock:
                        self._flush()
                if not ready or not ready[0][1] & ~select.POLLOUT:
                    return
            data = self._socket.recv(1 << 18)
        except (OSError, ValueError):
            data = b""
        if not data:
            self._lose("the server closed the connection")
            return
        for line in self._cutter.cut(data):
            try:
                self._take_line(line)
            except _Broken as broken:
                self.broken = True
                self._lose(f"the server broke the protocol: {broken}")
                return

    # --- What comes in ----------------------------------------------------------------------------

    def _take_line(self, line: Optional[bytes]) -> None:
        if line is None:
            raise _Broken("a line over 64 MiB")
        start = line.lstrip(b" \t\r")[:1]
        if not start:
            return
        if start not in (b"{", b"["):
            self.noise += 1
            return
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise _Broken(str(error)) from None
        try:
            if codec.is_too_deep(text):
                raise ValueError("nested too deeply")
            message = codec.parse(text)
        except ValueError as error:
            self._drop_line(text, error)
            return
        with self._lock:
            for one in message if isinstance(message, list) and message else [message]:
                self._take_message(one)
            self._changed.notify_all()

    def _drop_line(self, text: str, error: ValueError) -> None:
        """A line that cannot be read: an answer with a number too long for Python ends its call alone."""
        ident = codec.recover_id(text) if codec.has_long_number(text) else None
        with self._lock:
            call = self._calls.pop(ident, None) if type(ident) is int else None
            if call is None:
                raise _Broken(str(error)) from None
            call.finish(
                None,
                RemoteError(
                    errors.NOT_JSON, f"the result has an integer that is too long: {error}"
                ),
            )
            self._changed.notify_all()

    def _take_message(self, message: Any) -> None:
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            raise _Broken("an object that is not a message")
        if "method" in message:
            self._take_notification(message["method"], message.get("params"))
            return
        if "id" not in message or ("result" in message) == ("error" in message):
            raise _Broken("an object that is not a response")
        ident = message["id"]
        error = _error_of(message["error"]) if "error" in message else None
        call = self._calls.pop(ident, None) if type(ident) is int else None
        if call is None:
            self.late += 1
        else:
            call.finish(message.get("result"), error)

    def _take_notification(self, method: Any, params: Any) -> None:
        ident = params.get("id") if isinstance(params, dict) else None
        call = self._calls.get(ident) if type(ident) is int else None
        if call is None:
            return
        if method == "weir/chunk":
            if call.granted <= 0 or "value" not in params:
                self._calls.pop(call.ident)
                call.finish(None, RemoteError(errors.STREAM_RULE, "a chunk beyond the credit"))
                return
            call.granted -= 1
            call.chunks.append(params["value"])
        elif method == "weir/credit":
            n = params.get("n")
            if type(n) is int and n > 0:
                call.credit += n

    def _lose(self, why: str) -> None:
        """The connection is over: what is open ends as unknown."""
        if not self._is_ours():
            return
        with self._lock:
            if self._gone is None:
                self._gone = why
                for call in self._calls.values():
                    call.finish(None, OutcomeUnknown(why))
                self._calls.clear()
                try:
                    # Wakes whoever reads or sends just now; the descriptor goes when nobody does.
                    self._socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            self._changed.notify_all()
        self._close_socket()

    def _close_socket(self) -> None:
        """The connection is over: the last one that uses its descriptor closes it."""
        with self._send_lock:
            if not self._reading and not self._sending:
                self._socket.close()

    # --- What goes out ----------------------------------------------------------------------------

    def _send(self, message: dict[str, Any]) -> None:
        text = codec.encode(message)
        data = text.encode("utf-8", "backslashreplace") + b"\n"
        if len(data) > codec.MAX_LINE + 1 or codec.is_too_deep(text):
            raise RemoteError(
                errors.TOO_LONG, "the call is longer than a line may be, or nested too deeply"
            )
        self._is_ours()
        try:
            with self._send_lock:
                if self._gone is not None:
                    raise Closed(self._gone)
                self._unsent.append(data)
                self._unsent_size += len(data)
                self._flush()
                if self._unsent and not self._sending and not self._flushing:
                    self._sending = True
                    try:
                        threading.Thread(
                            target=self._send_rest, daemon=True, name="weir sender"
                        ).start()
                    except BaseException:
                        self._sending = False
                        raise
        except OSError as error:
            why = f"the server is gone: {error}"
            self._lose(why)
            raise Closed(why) from None

    def _flush(self) -> None:
        """Under the send lock: sends what waits, as far as the server takes it without waiting."""
        if self._flushing:  # the garbage collector has come in between, and closed a stream
            return
        self._flushing = True
        try:
            while self._unsent:
                data = self._unsent[0]
                sent = self._socket.send(data, socket.MSG_DONTWAIT)
                if sent == len(data):
                    self._unsent.popleft()
                else:
                    self._unsent[0] = memoryview(data)[sent:]
                self._unsent_size -= sent
        except BlockingIOError:
            pass
        finally:
            self._flushing = False

    def _send_rest(self) -> None:
        """A thread, while the server reads more slowly than we write."""
        why = ""
        try:
            poll = select.poll()
            poll.register(self._socket, select.POLLOUT)
            while self._gone is None:
                poll.poll(1000)
                with self._send_lock:
                    self._flush()
                    if not self._unsent:
                        self._sending = False
                        break
                with self._lock:
                    self._changed.notify_all()
        except (OSError, ValueError) as error:
            why = f"the server is gone: {error}"
        if why:
            self._lose(why)
        if self._gone is not None:
            self._sending = False
        with self._lock:
            self._changed.notify_all()
        if self._gone is not None:
            self._close_socket()

    def _has_room(self) -> bool:
        return self._unsent_size < MAX_UNSENT

    def _notify(self, method: str, params: dict[str, Any]) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def _feed(self, call: _Call, input: Iterable[Any]) -> None:
        """A thread: the input stream, as the credit allows.  What the iterable raises ends the call."""
        try:
            values = iter(input)
            try:
                for value in values:
                    if not self._turn(None, lambda: call.credit > 0 or call.over) or call.over:
                        return
                    with self._lock:
                        call.credit -= 1
                    if self._sending:
                        self._turn(None, lambda: self._has_room() or call.over, True)
                    self._notify("weir/chunk", {"id": call.ident, "value": value})
            finally:
                close = getattr(values, "close", None)
                if close is not None:
                    close()
            self._notify("weir/end", {"id": call.ident})
        except Closed:
            pass
        except BaseException as error:
            if isinstance(error, errors.Error):
                told = {"code": error.code, "message": error.message, "data": error.data}
            else:
                call.input_error = error
                told = {"code": errors.RAISED, "message": f"{type(error).__name__}: {error}"}
            try:
                self._notify("weir/end", {"id": call.ident, "error": told})
            except CallError:
                pass

    def _hello(self, timeout: float) -> None:
        call, _deadline = self._begin(
            "weir/hello", (), {"version": VERSION}, None, None, None, False
        )
        if not self._turn(time.monotonic() + timeout, lambda: call.over):
            raise ConnectionError("the server did not answer to hello")
        if isinstance(call.error, RemoteError) and call.error.code == errors.METHOD_NOT_FOUND:
            self.plain = True
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

    def __init__(self, client: Client, call: _Call, deadline: Optional[float]) -> None:
        self._client = client
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
            self._client._wait(call, self._deadline, lambda: call.over)
        except TimeoutError:
            raise
        except BaseException:
            self.cancel()
            raise
        return self._client._outcome(call)

    def _is_over_after(self, timeout: float) -> bool:
        until = time.monotonic() + timeout
        if self._deadline is not None and self._deadline <= until:
            return True  # the deadline of the call ends the wait
        return self._client._turn(until, lambda: self._call.over)

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
        self._client._cancel(self._call)

    def add_done_callback(self, callback: Callable[["Pending"], object]) -> None:
        """Call callback(self) when the call is over, in a thread of its own."""

        def wait() -> None:
            self.exception()
            callback(self)

        threading.Thread(target=wait, daemon=True, name="weir callback").start()


class Stream(Iterator[Any]):
    """The values of a call, as they arrive. `result` is the closing value after the last one."""

    def __init__(self, client: Client, call: _Call, deadline: Optional[float]) -> None:
        self._client = client
        self._call = call
        self._deadline = deadline
        self.result: Any = None

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> Any:
        call = self._call
        try:
            self._client._wait(call, self._deadline, lambda: bool(call.chunks) or call.over)
        except BaseException:
            self.close()
            raise
        if call.chunks and not call.late:
            value = call.chunks.popleft()
            self._grant()
            return value
        self.result = self._client._outcome(call)
        raise StopIteration

    def _grant(self) -> None:
        call = self._call
        call.read_since += 1
        if call.read_since == CREDIT // 2 and not call.over:
            call.read_since = 0
            with self._client._lock:
                call.granted += CREDIT // 2
            try:
                self._client._notify("weir/credit", {"id": call.ident, "n": CREDIT // 2})
            except Closed:
                pass

    def close(self) -> None:
        """Cancel the call and discard values that have already arrived."""
        self._client._cancel(self._call)
        self._call.chunks.clear()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()

    def __del__(self) -> None:
        # While Python ends, threads that hold a lock are gone; and so is the connection, at once.
        if not sys.is_finalizing():
            self.close()


class _Broken(Exception):
    pass


def _error_of(error: Any) -> CallError:
    if not isinstance(error, dict) or type(error.get("code")) is not int:
        raise _Broken("an error without a code")
    return error_of(error["code"], str(error.get("message", "")), error.get("data"))


def _become_child() -> None:
    for client in list(_clients):
        client._become_child()


os.register_at_fork(after_in_child=_become_child)
