"""The worker: reads calls, runs them on the main thread, writes what they give.

Who does what, and when (this is all there is to know about threads here):

- The main thread reads the wire, runs functions, and gathers answers into one write.
- While a function runs, `inbox.message` is its request.  When that takes more than about 20 ms the watcher
  (watcher.py) comes in: it sets `engaged`, looks at `message`, and only if that is still set it reads the
  wire in the main thread's place, under the outbox's `lock`.  The main thread sets `message` to None when
  the function is done, and looks at `engaged` after that: one of the two always sees the other.
- So nothing is locked or woken on the short way of a quick call.
- Each call runs in a copy of the main thread's contextvars context: a stream keeps its own to the end.
  A quick call that leaves an empty context empty passes it on to the next one, which saves the copy.
- A child that a function makes by fork() has `is_child` set, and `engaged`: where its function would
  return to the worker, _disengage() ends it.
"""

import contextvars
import os
import sys
import threading
import time
from typing import Any, Callable, Optional, Union

from . import asyncs, codec, current, errors, forks, registry, wire
from .answers import Answered, checked, error_text, failure_text, is_too_long, map_text, result_text
from .call import STOPS, AsyncInput, Batch, Call, Input
from .errors import Cancelled, Refused
from .inbox import FOREVER_MS, Inbox
from .outbox import WRITE_SIZE, Outbox
from .watcher import Watcher
from .wire import READ_SIZE

LONG = 1 << 63
# What takes a generator longer than this is sent on at once.
PROMPT_S = 0.0002
CHUNKS_TOGETHER = 32


class Worker:
    """One worker on two descriptors. serve() returns at the end of the input."""

    def __init__(
        self, functions: dict[str, registry.Entry], name: str, fds: tuple[int, int]
    ) -> None:
        for fd in fds:
            # A parent may have left them otherwise.
            os.set_blocking(fd, True)
        self.outbox = Outbox(fds[1])
        self.inbox = Inbox(functions, name, fds[0], self.outbox)
        self.main_thread = threading.get_ident()
        # Whether the watcher has the wire, as said above.
        self.engaged = False
        self.is_child = False
        # Whether the main thread waits for the wire, and how often it has: as long as that number stays
        # the same, and it does not wait, it is busy with the same work.
        self.idle = False
        self.epoch = 0
        # Whether this work takes long: then answers are not kept for company.
        self.slow = False
        self._quick: dict[str, Callable[[Any, Any], Any]] = {}
        for entry in functions.values():
            entry.prepare()
            if entry.is_plain:
                self._quick[entry.name] = entry.door
        self.watcher = Watcher(self, self.inbox, self.outbox)

    # --- The main loop ----------------------------------------------------------------------------

    def serve(self) -> None:
        inbox, outbox = self.inbox, self.outbox
        self.watcher.start()
        while True:
            while inbox.queue:
                with outbox.lock:
                    call = inbox.queue.popleft()
                    inbox.queued_size -= call.size
                self._run(call)
                if outbox.size > WRITE_SIZE or (self.slow and outbox.is_due()):
                    outbox.flush()
            if inbox.eof and not inbox.lines:
                if (
                    self.is_child
                ):  # made by a signal handler while the main thread waited for the wire
                    forks.end()
                outbox.flush()
                return
            self._run_lines()

    def _run_lines(self) -> None:
        """The short way, all in one place because it is short: reads, runs quick calls, writes.

        Returns when there is a call that is not quick (it is in the queue then), or the end of file.
        """
        inbox, outbox, watcher, quick = self.inbox, self.outbox, self.watcher, self._quick
        lines, out, lock = inbox.lines, outbox.lines, outbox.lock
        scan, encode, monotonic, read, write = (
            codec.scan,
            codec.encode_or_none,
            time.monotonic,
            os.read,
            os.write,
        )
        fd_in, fd_out, cutter = inbox.fd, outbox.fd, inbox.cutter
        context = contextvars.copy_context()
        run_inside = context.run
        while True:
            while lines:
                line = lines.popleft()
                message = None
                try:
                    value, end = scan(line, 0)
                    if end != len(line) or (end > codec.SHALLOW and codec.is_too_deep(line)):
                        raise ValueError
                    message = value
                    door = quick[message["method"]]
                    ident = message["id"]
                    params = message["params"]
                    deadline = None
                    if "weir" in message:
                        deadline = self._quick_deadline(message["weir"])
                    if type(ident) is not int:
                        ident = _quoted(ident)
                    if message["jsonrpc"] != "2.0" or (
                        type(params) is not list and type(params) is not dict
                    ):
                        raise ValueError
                except (KeyError, TypeError, ValueError, StopIteration, RecursionError):
                    if type(message) is list and message:
                        self._run_batch(message, len(line))
                    else:
                        inbox.take_line(line, message)
                    if inbox.queue:
                        return
                    continue
                inbox.message = message
                try:
                    result = run_inside(door, params, None)
                except BaseException as error:
                    inbox.message = None
                    self._answer_failure(ident, error, deadline)
                else:
                    inbox.message = None
                    if self.engaged:
                        self._disengage_quick()
                    if deadline is not None and monotonic() >= deadline:
                        self._answer_failure(ident, Cancelled("deadline"), deadline)
                    elif type(result) is int and -LONG < result < LONG:
                        out.append(f'{{"jsonrpc":"2.0","id":{ident},"result":{result}}}\n')
                    else:
                        text = encode(result)
                        if text is None:
                            outbox.answer(None, str(ident), *result_text(result))
                        elif len(text) > codec.SHALLOW:
                            outbox.answer(None, str(ident), *checked(text))
                        else:
                            out.append(f'{{"jsonrpc":"2.0","id":{ident},"result":{text}}}\n')
                if context:  # not empty: the call may have set something in it
                    context = contextvars.copy_context()
                    run_inside = context.run
                if outbox.size > WRITE_SIZE or (self.slow and outbox.is_due()):
                    outbox.flush()
            self.slow = False
            if out:
                with lock:
                    data = "".join(out).encode("utf-8", "backslashreplace")
                    out.clear()
                    outbox.size = 0
                    written = write(fd_out, data)
                    if written != len(data):
                        outbox.write(data[written:])
            if (
                inbox.eof or inbox.queue
            ):  # the watcher may have queued some while a quick call was slow
                return
            self.epoch += 1
            self.idle = True
            data = cutter.read(fd_in) if cutter.pending else read(fd_in, READ_SIZE)
            self.idle = False
            if watcher.parked:
                watcher.wake()
            if data[-1:] != b"\n" or cutter.pending or cutter.skipping:
                inbox.take_bytes(data)
                continue
            inbox.read_at = monotonic()
            try:
                lines.extend(data[:-1].decode().split("\n"))
            except UnicodeDecodeError:
                inbox.take_bytes(data)

    def _quick_deadline(self, weir: Any) -> Optional[float]:
        """The deadline of a quick call.  Raises ValueError where that needs the long way."""
        if type(weir) is not dict or "stream" in weir or "credit" in weir:
            raise ValueError
        milliseconds = weir.get("deadline_ms")
        if milliseconds is None:
            return None
        if type(milliseconds) is not int:
            raise ValueError
        deadline = self.inbox.read_at + min(milliseconds, FOREVER_MS) / 1000
        if deadline <= time.monotonic():
            raise ValueError
        return deadline

    def _run_batch(self, messages: list[Any], size: int) -> None:
        """A batch on the main thread: its quick calls now, the others by way of the queue.

        What has not been looked at stands in front of the lines, where the watcher finds it.
        """
        inbox, outbox, quick = self.inbox, self.outbox, self._quick
        lines = inbox.lines
        batch = Batch()
        # One more than there are in the queue, so that the answer does not go before all were looked at.
        batch.waiting = 1
        share = size // len(messages)
        lines.extendleft((batch, message, share) for message in reversed(messages))
        while lines and type(lines[0]) is tuple:
            line = lines.popleft()
            message = line[1]
            try:
                door = quick[message["method"]]
                ident = message["id"]
                params = message["params"]
                if type(ident) is not int:
                    ident = _quoted(ident)
                if (
                    "weir" in message
                    or message["jsonrpc"] != "2.0"
                    or (type(params) is not list and type(params) is not dict)
                ):
                    raise ValueError
            except (KeyError, TypeError, ValueError):
                inbox.take_line(line)
                continue
            inbox.message = message
            try:
                result = contextvars.copy_context().run(door, params, None)
            except BaseException as error:
                inbox.message = None
                call = self._disengage_quick(error) if self.engaged else None
                outbox.answer(batch, str(ident), "error", failure_text(call, error), False)
            else:
                inbox.message = None
                if self.engaged:
                    self._disengage_quick()
                outbox.answer(batch, str(ident), *result_text(result), False)
        outbox.answer_batch(batch)

    def _answer_failure(self, ident: Any, error: BaseException, deadline: Optional[float]) -> None:
        call = self._disengage_quick(error) if self.engaged else None
        if deadline is not None and time.monotonic() >= deadline:
            text = error_text(Refused(*STOPS["deadline"]))
        else:
            text = failure_text(call, error)
        self.outbox.answer(None, str(ident), "error", text)

    # --- What functions ask and say ---------------------------------------------------------------

    def request(self) -> tuple[Optional[dict[str, Any]], Optional[float]]:
        inbox = self.inbox
        message, call = inbox.message, inbox.running
        if message is None:
            return None, None
        return message, call.deadline if call is not None else inbox.deadline_of(message)

    def log(self, text: str, level: str) -> bool:
        if not self.inbox.greeted or self.is_child:
            return False
        self.inbox.log(text, level)
        return True

    def progress(self, done: float, total: Optional[float], text: Optional[str]) -> None:
        if self.inbox.greeted and not self.is_child:
            self.inbox.progress(done, total, text)

    def send(self, text: str) -> None:
        self.outbox.send(text)

    # --- In and out of a function -----------------------------------------------------------------

    def become_child(self) -> None:
        """In a child made by fork(), at once."""
        if self.is_child:
            return
        self.is_child = self.engaged = True
        for call in list(self.inbox.calls.values()):
            call.become_child()
        self.watcher.become_child()
        asyncs.become_child(forks.end)

    def _disengage(self, error: Optional[BaseException] = None) -> None:
        """Main thread, after `message` has become None: takes the wire back from the watcher."""
        if self.is_child:
            forks.end(error)
        with self.outbox.lock:
            self.engaged = False
            self.slow = True
        self.watcher.release()

    def _disengage_quick(self, error: Optional[BaseException] = None) -> Optional[Call]:
        """The same after a quick call, for which the watcher may have made a Call."""
        self._disengage(error)
        call, self.inbox.running = self.inbox.running, None
        if call is not None:
            self.inbox.calls.pop(call.ident, None)
        return call

    def _leave(self, error: Optional[BaseException] = None) -> None:
        self.inbox.message = None
        if self.engaged:
            self._disengage(error)

    def wait_in_function(self, call: Call, ready: Callable[[], bool]) -> None:
        """Main thread, inside of a function: until ready(), the wire is read here."""
        message = self.inbox.message
        self._leave()
        try:
            self._wait(call, ready)
        finally:
            self.inbox.message = message

    def _wait(self, call: Call, ready: Callable[[], bool]) -> None:
        """Reads the wire until ready(), or the call is stopped, or there is nothing more to come."""
        while not ready():
            while self.inbox.lines:
                self.inbox.take_line(self.inbox.lines.popleft())
            if ready():
                break
            self.outbox.flush()
            if self.inbox.eof:
                call.stop_for("cancelled")
                break
            self.watcher.wait_for_wire(self.inbox.next_deadline())
            self.inbox.expire()

    # --- Running one call the long way ------------------------------------------------------------

    def _run(self, call: Call) -> None:
        if call.is_late():
            call.stop_for("deadline")
            self.inbox.refuse(call, call.stop_error())
            return
        self.inbox.running = call
        try:
            if call.entry is None:
                kind, text = self._run_map(call)
            else:
                kind, text = self._run_function(call, call.entry)
        except BaseException as error:
            self._leave(error)
            kind, text = "error", failure_text(call, error)
        self.inbox.running = None
        # Who has kept the iterator gets nothing more from it.
        call.input_open = False
        if call.stop == "rule" or call.is_late():
            call.stop_for("deadline")
            kind, text = "error", error_text(call.stop_error())
        self.inbox.calls.pop(call.ident, None)
        self.outbox.answer(call.batch, call.ident_text, kind, text)

    def _run_function(self, call: Call, entry: registry.Entry) -> tuple[str, str]:
        stream = self._input_for(call, entry)
        params = [] if call.params is None else call.params
        context = contextvars.copy_context()
        self.inbox.message = call.message
        result = context.run(entry.door, params, stream)
        self._leave()
        if entry.streams_out:
            result = self._run_stream(call, context, result)
        return result_text(result)

    def _input_for(self, call: Call, entry: registry.Entry) -> Union[Input, AsyncInput, None]:
        if entry.stream_parameter is None:
            return None
        self.outbox.flush()
        plain = Input(self, call, entry.stream_converter(), entry.stream_parameter)
        if not entry.takes_async_stream:
            return plain
        self.watcher.hurry = True
        return AsyncInput(plain, call, asyncs.loop())

    def _run_stream(self, call: Call, context: contextvars.Context, generator: Any) -> Any:
        """Steps a generator, one credit a chunk; gives its closing value."""
        together = 0
        last = time.monotonic()
        try:
            while True:
                self.inbox.message = call.message
                try:
                    value = context.run(next, generator)
                except StopIteration as stop:
                    self._leave()
                    return stop.value
                except BaseException as error:
                    self._leave(error)
                    raise
                self._leave()
                if call.credit == 0 and call.stop is None:
                    self._wait(call, lambda: call.credit > 0 or call.stop is not None)
                if call.stop is not None:
                    raise Cancelled(call.stop)
                call.credit -= 1
                self._send_chunk(call, value)
                together += 1
                now = time.monotonic()
                if (
                    now - last > PROMPT_S
                    or together == CHUNKS_TOGETHER
                    or self.outbox.size > WRITE_SIZE
                ):
                    together = 0
                    self.outbox.flush()
                    self.watcher.look_at_wire()
                last = now
        finally:
            self._close(call, context, generator)

    def _send_chunk(self, call: Call, value: Any) -> None:
        kind, text = result_text(value)
        if kind == "error":
            raise Answered(text)
        chunk = f'{{"jsonrpc":"2.0","method":"weir/chunk","params":{{"id":{call.ident_text},"value":{text}}}}}\n'
        if is_too_long(chunk):
            raise Refused(errors.TOO_LONG, "a chunk is longer than a line may be")
        self.outbox.lines.append(chunk)
        self.outbox.size += len(chunk)

    def _close(self, call: Call, context: contextvars.Context, generator: Any) -> None:
        close = getattr(generator, "close", None)
        if close is not None:
            if call.stop is not None:
                # Being closed is its interruption: what it has to clean up is not cut off by another.
                call.interrupted = True
            self.inbox.message = call.message
            try:
                context.run(close)
            except BaseException as error:
                self._leave(error)
                raise
            self._leave()

    def _run_map(self, call: Call) -> tuple[str, str]:
        door, items = self._map_of(call)
        values: list[Any] = []
        failed: dict[str, str] = {}
        self.inbox.message = call.message
        context = contextvars.copy_context()
        for item in items:
            try:
                values.append(context.run(door, item, None))
            except BaseException as error:
                if self.is_child:
                    forks.end(error)
                if call.stop is not None:
                    break
                failed[str(len(values))] = failure_text(call, error)
                values.append(None)
            if self.is_child:
                forks.end()
            if call.stop is not None:
                break
            if context:
                context = contextvars.copy_context()
        self._leave()
        if call.stop is not None:
            return "error", error_text(call.stop_error())
        return "result", map_text(values, failed)

    def _map_of(self, call: Call) -> tuple[Callable[[Any, Any], Any], list[Any]]:
        params = call.params if type(call.params) is dict else {}
        method, items = params.get("method"), params.get("items")
        if type(method) is not str:
            raise Refused(errors.INVALID_PARAMS, "method must be a string")
        if type(items) is not list:
            raise Refused(errors.INVALID_PARAMS, "items must be an array")
        entry = self.inbox.functions.get(method)
        if entry is None:
            raise Refused(errors.METHOD_NOT_FOUND, f"there is no method {method!r}")
        if not entry.is_plain:
            raise Refused(errors.STREAM_RULE, f"{method} has a stream: it cannot be mapped")
        return entry.door, items


def _quoted(ident: Any) -> str:
    if type(ident) is not str:
        raise ValueError
    return codec.quote(ident)


def serve(name: Optional[str] = None) -> None:
    """Serve the functions of this program until the end of the input, then return."""
    if wire.leave_alone:
        return
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("serve() belongs on the main thread: functions are interrupted there")
    if wire.is_lost:
        raise RuntimeError(
            "serve() belongs to the process that has the wire: a child made by fork() cannot serve"
        )
    if current.worker is not None:
        raise RuntimeError("serve() runs already")
    fds = wire.take()
    control = os.environ.pop("WEIR_WARM", None)
    if control is not None:
        from . import warm

        warm.become_parent(int(control), fds)
    program = os.path.splitext(os.path.basename(sys.argv[0] or "worker"))[0]
    current.worker = Worker(registry.functions, name or program, fds)
    try:
        with current.worker.watcher.signals():
            current.worker.serve()
    except BrokenPipeError:
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        current.worker = None
        asyncs.close()


def _become_child() -> None:
    if current.worker is not None:
        current.worker.become_child()


os.register_at_fork(after_in_child=_become_child)
