"""The connection of a client: calls on their way, and the messages that come and go for them.

One lock guards what threads share. Of the threads that wait one reads for all; what the server does
not take at once is sent by a thread.
"""

import itertools
import os
import select
import socket
import threading
import time
import weakref
from collections import deque
from typing import Any, Callable, Optional, Union

from ._errors import (
    CallError,
    Closed,
    DeadlineExceeded,
    OutcomeUnknown,
    RemoteError,
    error_of,
)
from ._worker import codec, errors, wire

# Chunks that may come before they are read; half of them again when half are read.
CREDIT = 64
# After a deadline the server has this long to report the outcome of the call.
GRACE_S = 1.0
# What may wait to be sent before a call has to wait, too.
MAX_UNSENT = 64 << 10

# The links of this process: a child made by fork() closes its copies of them.
_links: "weakref.WeakSet[Link]" = weakref.WeakSet()


class Call:
    """One call on its way.  All of it under the link's lock."""

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

    def outcome(self) -> Any:
        """The result of a call that is over; raises its error."""
        if self.late:
            raise DeadlineExceeded("the deadline is over")
        if self.error is not None:
            raise self.input_error or self.error
        return self.result


class Link:
    """A connection, and the calls that it carries."""

    def __init__(self, connection: socket.socket) -> None:
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
        self._calls: dict[int, Call] = {}
        self._ids = itertools.count(1)
        self._gone: Optional[str] = None
        self._pid = os.getpid()
        self.noise = 0
        self.late = 0
        self.broken = False
        self.plain = False  # the server speaks JSON-RPC without weir's additions
        _links.add(self)

    def close(self) -> None:
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

    def register(self, streams_out: bool, deadline: Optional[float]) -> Call:
        while True:
            self._is_ours()
            with self._lock:
                if self._gone is not None:
                    raise Closed(self._gone)
                # The plain dialect knows one call at a time.
                if not (self.plain and self._calls):
                    call = Call(next(self._ids), streams_out)
                    self._calls[call.ident] = call
                    return call
            if not self.turn(deadline, lambda: not self._calls):
                raise DeadlineExceeded("the deadline is over")

    def drop(self, call: Call) -> None:
        """Forgets a call that was not sent."""
        with self._lock:
            self._calls.pop(call.ident, None)

    def cancel(self, call: Call) -> None:
        if not self._is_ours():
            return
        with self._lock:
            if call.over or call.cancelled or self._gone is not None:
                return
            call.cancelled = True
        if not self.plain:
            try:
                self.notify("weir/cancel", {"id": call.ident})
            except (CallError, RuntimeError):  # the latter: no thread can be had
                pass

    def take_chunk(self, call: Call) -> Any:
        """A value that has come; the server may send others for those that were taken."""
        value = call.chunks.popleft()
        call.read_since += 1
        if call.read_since == CREDIT // 2 and not call.over:
            call.read_since = 0
            with self._lock:
                call.granted += CREDIT // 2
            try:
                self.notify("weir/credit", {"id": call.ident, "n": CREDIT // 2})
            except Closed:
                pass
        return value

    def send_chunk(self, call: Call, value: Any) -> bool:
        """Sends a value of an input stream, when there is room; False: the call is over."""
        if not self.turn(None, lambda: call.credit > 0 or call.over) or call.over:
            return False
        with self._lock:
            call.credit -= 1
        if self._sending:
            self.turn(None, lambda: self._has_room() or call.over, True)
        self.notify("weir/chunk", {"id": call.ident, "value": value})
        return True

    # --- Waiting ----------------------------------------------------------------------------------

    def wait(self, call: Call, deadline: Optional[float], ready: Callable[[], object]) -> None:
        """Until ready(); beyond the deadline the call is cancelled, and given up after a grace."""
        until = deadline
        while not self.turn(until, ready):
            if call.late:
                with self._lock:
                    self._calls.pop(call.ident, None)
                    call.finish(None, None)
                return
            call.late = True
            self.cancel(call)
            until = time.monotonic() + GRACE_S
            ready = lambda: call.over

    def turn(
        self, until: Optional[float], ready: Callable[[], object], sends: bool = False
    ) -> bool:
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
            except Broken as broken:
                self.broken = True
                self._lose(f"the server broke the protocol: {broken}")
                return

    # --- What comes in ----------------------------------------------------------------------------

    def _take_line(self, line: Optional[bytes]) -> None:
        if line is None:
            raise Broken("a line over 64 MiB")
        start = line.lstrip(b" \t\r")[:1]
        if not start:
            return
        if start not in (b"{", b"["):
            self.noise += 1
            return
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise Broken(str(error)) from None
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
                raise Broken(str(error)) from None
            call.finish(
                None,
                RemoteError(
                    errors.NOT_JSON, f"the result has an integer that is too long: {error}"
                ),
            )
            self._changed.notify_all()

    def _take_message(self, message: Any) -> None:
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            raise Broken("an object that is not a message")
        if "method" in message:
            self._take_notification(message["method"], message.get("params"))
            return
        if "id" not in message or ("result" in message) == ("error" in message):
            raise Broken("an object that is not a response")
        ident = message["id"]
        error = error_in(message["error"]) if "error" in message else None
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

    def send(self, message: dict[str, Any]) -> None:
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

    def wait_room(self, deadline: Optional[float]) -> bool:
        """Waits until a call can be sent; False when the time has expired."""
        return not self._sending or self.turn(deadline, self._has_room, True)

    def _has_room(self) -> bool:
        return self._unsent_size < MAX_UNSENT

    def notify(self, method: str, params: dict[str, Any]) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})


class Broken(Exception):
    """The server broke the protocol."""


def error_in(error: Any) -> CallError:
    if not isinstance(error, dict) or type(error.get("code")) is not int:
        raise Broken("an error without a code")
    return error_of(error["code"], str(error.get("message", "")), error.get("data"))


def _become_child() -> None:
    for link in list(_links):
        link._become_child()


os.register_at_fork(after_in_child=_become_child)
