"""The worker: reads calls, runs them on the main thread, writes what they give.

Who does what, and when (this is all there is to know about threads here):

- The main thread reads the wire, runs functions, and gathers answers into one write.
- While a function runs, `message` is its request.  When that takes more than about 20 ms the watcher
  (watcher.py) comes in: it sets `engaged`, looks at `message`, and only if that is still set it reads the
  wire in the main thread's place, under `lock`.  The main thread sets `message` to None when the function
  is done, and looks at `engaged` after that: one of the two always sees the other.
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
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

from . import asyncs, codec, current, errors, forks, registry, wire
from .answers import Answered, checked, error_text, failure_text, is_too_long, map_text, result_text
from .call import STOPS, AsyncInput, Batch, Call, Input
from .errors import Cancelled, Refused
from .inbox import FOREVER_MS, Inbox
from .outbox import WRITE_SIZE
from .watcher import Watcher
from .wire import READ_SIZE

LONG = 1 << 63
# What takes a generator longer than this is sent on at once.
PROMPT_S = 0.0002
CHUNKS_TOGETHER = 32


class Worker(Inbox):
    """One worker on two descriptors.  serve() returns at the end of the input."""

    def __init__(self, functions: Dict[str, registry.Entry], name: str, fds: Tuple[int, int]) -> None:
        super().__init__(functions, name, fds)
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
        self._quick: Dict[str, Callable[[Any, Any], Any]] = {}
        for entry in functions.values():
            entry.prepare()
            if entry.is_plain:
                self._quick[entry.name] = entry.door
        self.watcher = Watcher(self)

    # --- The main loop ----------------------------------------------------------------------------

    def serve(self) -> None:
        self.watcher.start()
        while True:
            while self.queue:
                with self.lock:
                    call = self.queue.popleft()
                    self.queued_size -= call.size
                self._run(call)
                if self._out_size > WRITE_SIZE or (self.slow and self.is_due()):
                    self.flush()
            if self.eof and not self.lines:
                if self.is_child:  # made by a signal handler while the main thread waited for the wire
                    forks.end()
                self.flush()
                return
            self._run_lines()

    def _run_lines(self) -> None:
        """The short way, all in one place because it is short: reads, runs quick calls, writes.

        Returns when there is a call that is not quick (it is in the queue then), or the end of file.
        """
        lines, out, quick, watcher, lock = self.lines, self.out, self._quick, self.watcher, self.lock
        scan, encode, monotonic, read, write = codec.scan, codec.encode_or_none, time.monotonic, os.read, os.write
        fd_in, fd_out, cutter = self.fd_in, self.fd_out, self._cutter
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
                    if message["jsonrpc"] != "2.0" or (type(params) is not list and type(params) is not dict):
                        raise ValueError
                except (KeyError, TypeError, ValueError, StopIteration, RecursionError):
                    if type(message) is list and message:
                        self._run_batch(message, len(line))
                    else:
                        self.take_line(line, message)
                    if self.queue:
                        return
                    continue
                self.message = message
                try:
                    result = run_inside(door, params, None)
                except BaseException as error:
                    self.message = None
                    self._answer_failure(ident, error, deadline)
                else:
                    self.message = None
                    if self.engaged:
                        self._disengage_quick()
                    if deadline is not None and monotonic() >= deadline:
                        self._answer_failure(ident, Cancelled("deadline"), deadline)
                    elif type(result) is int and -LONG < result < LONG:
                        out.append('{"jsonrpc":"2.0","id":%s,"result":%d}\n' % (ident, result))
                    else:
                        text = encode(result)
                        if text is None:
                            self.answer(None, str(ident), *result_text(result))
                        elif len(text) > codec.SHALLOW:
                            self.answer(None, str(ident), *checked(text))
                        else:
                            out.append('{"jsonrpc":"2.0","id":%s,"result":%s}\n' % (ident, text))
                if context:  # not empty: the call may have set something in it
                    context = contextvars.copy_context()
                    run_inside = context.run
                if self._out_size > WRITE_SIZE or (self.slow and self.is_due()):
                    self.flush()
            self.slow = False
            if out:
                with lock:
                    data = "".join(out).encode("utf-8", "backslashreplace")
                    out.clear()
                    self._out_size = 0
                    written = write(fd_out, data)
                    if written != len(data):
                        self._write(data[written:])
            if self.eof or self.queue:  # the watcher may have queued some while a quick call was slow
                return
            self.epoch += 1
            self.idle = True
            data = cutter.read(fd_in) if cutter.pending else read(fd_in, READ_SIZE)
            self.idle = False
            if watcher.parked:
                watcher.wake()
            if data[-1:] != b"\n" or cutter.pending or cutter.skipping:
                self.take_bytes(data)
                continue
            self.read_at = monotonic()
            try:
                lines.extend(data[:-1].decode().split("\n"))
            except UnicodeDecodeError:
                self.take_bytes(data)

    def _quick_deadline(self, weir: Any) -> Optional[float]:
        """The deadline of a quick call.  Raises ValueError where that needs the long way."""
        if type(weir) is not dict or "stream" in weir or "credit" in weir:
            raise ValueError
        milliseconds = weir.get("deadline_ms")
        if milliseconds is None:
            return None
        if type(milliseconds) is not int:
            raise ValueError
        deadline = self.read_at + min(milliseconds, FOREVER_MS) / 1000
        if deadline <= time.monotonic():
            raise ValueError
        return deadline

    def _run_batch(self, messages: List[Any], size: int) -> None:
        """A batch on the main thread: its quick calls now, the others by way of the queue.

        What has not been looked at stands in front of the lines, where the watcher finds it.
        """
        lines, quick = self.lines, self._quick
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
                if "weir" in message or message["jsonrpc"] != "2.0" \
                        or (type(params) is not list and type(params) is not dict):
                    raise ValueError
            except (KeyError, TypeError, ValueError):
                self.take_line(line)
                continue
            self.message = message
            try:
                result = contextvars.copy_context().run(door, params, None)
            except BaseException as error:
                self.message = None
                call = self._disengage_quick(error) if self.engaged else None
                self.answer(batch, str(ident), "error", failure_text(call, error), False)
            else:
                self.message = None
                if self.engaged:
                    self._disengage_quick()
                self.answer(batch, str(ident), *result_text(result), False)
        self.answer_batch(batch)

    def _answer_failure(self, ident: Any, error: BaseException, deadline: Optional[float]) -> None:
        call = self._disengage_quick(error) if self.engaged else None
        if deadline is not None and time.monotonic() >= deadline:
            text = error_text(Refused(*STOPS["deadline"]))
        else:
            text = failure_text(call, error)
        self.answer(None, str(ident), "error", text)

    # --- In and out of a function -----------------------------------------------------------------

    def become_child(self) -> None:
        """In a child made by fork(), at once."""
        if self.is_child:
            return
        self.is_child = self.engaged = True
        for call in list(self.calls.values()):
            call.become_child()
        self.watcher.become_child()
        asyncs.become_child(forks.end)

    def _disengage(self, error: Optional[BaseException] = None) -> None:
        """Main thread, after `message` has become None: takes the wire back from the watcher."""
        if self.is_child:
            forks.end(error)
        with self.lock:
            self.engaged = False
            self.slow = True
        self.watcher.release()

    def _disengage_quick(self, error: Optional[BaseException] = None) -> Optional[Call]:
        """The same after a quick call, for which the watcher may have made a Call."""
        self._disengage(error)
        call, self.running = self.running, None
        if call is not None:
            self.calls.pop(call.ident, None)
        return call

    def _leave(self, error: Optional[BaseException] = None) -> None:
        self.message = None
        if self.engaged:
            self._disengage(error)

    def wait_in_function(self, call: Call, ready: Callable[[], bool]) -> None:
        """Main thread, inside of a function: until ready(), the wire is read here."""
        message = self.message
        self._leave()
        try:
            self._wait(call, ready)
        finally:
            self.message = message

    def _wait(self, call: Call, ready: Callable[[], bool]) -> None:
        """Reads the wire until ready(), or the call is stopped, or there is nothing more to come."""
        while not ready():
            while self.lines:
                self.take_line(self.lines.popleft())
            if ready():
                break
            self.flush()
            if self.eof:
                call.stop_for("cancelled")
                break
            self.watcher.wait_for_wire(self.next_deadline())
            self.expire()

    # --- Running one call the long way ------------------------------------------------------------

    def _run(self, call: Call) -> None:
        if call.is_late():
            call.stop_for("deadline")
            self.refuse(call, call.stop_error())
            return
        self.running = call
        try:
            if call.entry is None:
                kind, text = self._run_map(call)
            else:
                kind, text = self._run_function(call, call.entry)
        except BaseException as error:
            self._leave(error)
            kind, text = "error", failure_text(call, error)
        self.running = None
        # Who has kept the iterator gets nothing more from it.
        call.input_open = False
        if call.stop == "rule" or call.is_late():
            call.stop_for("deadline")
            kind, text = "error", error_text(call.stop_error())
        self.calls.pop(call.ident, None)
        self.answer(call.batch, call.ident_text, kind, text)

    def _run_function(self, call: Call, entry: registry.Entry) -> Tuple[str, str]:
        stream = self._input_for(call, entry)
        params = [] if call.params is None else call.params
        context = contextvars.copy_context()
        self.message = call.message
        result = context.run(entry.door, params, stream)
        self._leave()
        if entry.streams_out:
            result = self._run_stream(call, context, result)
        return result_text(result)

    def _input_for(self, call: Call, entry: registry.Entry) -> Union[Input, AsyncInput, None]:
        if entry.stream_parameter is None:
            return None
        self.flush()
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
                self.message = call.message
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
                if now - last > PROMPT_S or together == CHUNKS_TOGETHER or self._out_size > WRITE_SIZE:
                    together = 0
                    self.flush()
                    self.watcher.look_at_wire()
                last = now
        finally:
            self._close(call, context, generator)

    def _send_chunk(self, call: Call, value: Any) -> None:
        kind, text = result_text(value)
        if kind == "error":
            raise Answered(text)
        chunk = ('{"jsonrpc":"2.0","method":"weir/chunk","params":{"id":%s,"value":%s}}\n'
                 % (call.ident_text, text))
        if is_too_long(chunk):
            raise Refused(errors.TOO_LONG, "a chunk is longer than a line may be")
        self.out.append(chunk)
        self._out_size += len(chunk)

    def _close(self, call: Call, context: contextvars.Context, generator: Any) -> None:
        close = getattr(generator, "close", None)
        if close is not None:
            if call.stop is not None:
                # Being closed is its interruption: what it has to clean up is not cut off by another.
                call.interrupted = True
            self.message = call.message
            try:
                context.run(close)
            except BaseException as error:
                self._leave(error)
                raise
            self._leave()

    def _run_map(self, call: Call) -> Tuple[str, str]:
        door, items = self._map_of(call)
        values: List[Any] = []
        failed: Dict[str, str] = {}
        self.message = call.message
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

    def _map_of(self, call: Call) -> Tuple[Callable[[Any, Any], Any], List[Any]]:
        params = call.params if type(call.params) is dict else {}
        method, items = params.get("method"), params.get("items")
        if type(method) is not str:
            raise Refused(errors.INVALID_PARAMS, "method must be a string")
        if type(items) is not list:
            raise Refused(errors.INVALID_PARAMS, "items must be an array")
        entry = self.functions.get(method)
        if entry is None:
            raise Refused(errors.METHOD_NOT_FOUND, f"there is no method {method!r}")
        if not entry.is_plain:
            raise Refused(errors.STREAM_RULE, f"{method} has a stream: it cannot be mapped")
        return entry.door, items


def _quoted(ident: Any) -> str:
    if type(ident) is not str:
        raise ValueError
    return codec.quote(ident)


def run(name: Optional[str] = None) -> None:
    """Serves the functions of this program until the end of the input, then returns."""
    if wire.leave_alone:
        return
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("run() belongs on the main thread: functions are interrupted there")
    if wire.is_lost:
        raise RuntimeError("run() belongs to the process that has the wire: a child made by fork() cannot serve")
    if current.worker is not None:
        raise RuntimeError("run() runs already")
    fds = wire.take()
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
