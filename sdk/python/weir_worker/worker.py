"""The worker: reads calls, runs them on the main thread, writes what they give.

Who does what, and when (this is all there is to know about threads here):

- The main thread reads the wire, runs functions, and gathers answers into one write.
- While a function runs, `message` is its request.  When that takes more than about 20 ms the watcher
  (watcher.py) comes in: it sets `engaged`, looks at `message`, and only if that is still set it reads the
  wire in the main thread's place, under `lock`.  The main thread sets `message` to None when the function
  is done, and looks at `engaged` after that: one of the two always sees the other.
- So nothing is locked or woken on the short way of a quick call.
"""
import os
import sys
import threading
import time
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Tuple, Union

from . import asyncs, codec, current, errors, registry, wire
from .call import STOPS, AsyncInput, Batch, Call, Input, id_text
from .errors import Cancelled, Error, Refused
from .wire import READ_SIZE
from .watcher import Watcher

# Answers are gathered up to here before they are written.
WRITE_SIZE = 65536
MAX_TEXT = 1 << 20

LONG = 1 << 63
# A deadline later than this is as good as none: a month.
FOREVER_MS = 31 * 24 * 3600 * 1000
# Stands for a line that was too long, among the lines.
TOO_LONG = object()
# What takes a generator longer than this is sent on at once.
PROMPT_S = 0.0002
CHUNKS_TOGETHER = 32


class Worker:
    """One worker on two descriptors.  serve() returns at the end of the input."""

    def __init__(self, functions: Dict[str, registry.Entry], name: str, fds: Tuple[int, int]) -> None:
        self.functions = functions
        self.name = name
        self.fd_in, self.fd_out = fds
        for fd in fds:
            # A parent may have left them otherwise.
            os.set_blocking(fd, True)
        self.main_thread = threading.get_ident()
        self.lock = threading.RLock()
        # Shared with the watcher, as said above.
        self.message: Optional[Dict[str, Any]] = None
        self.engaged = False
        self.running: Optional[Call] = None
        self.lines: Deque[Any] = deque()
        self.queue: Deque[Call] = deque()
        self.queued_size = 0
        self.calls: Dict[Any, Call] = {}
        self.out: List[str] = []
        self.eof = False
        self.idle = False
        # How often the wire was found empty: as long as it stays the same, we are busy.
        self.epoch = 0
        self.greeted = False
        # Whether this batch of lines takes long: then answers are not kept for company.
        self.slow = False
        self._out_size = 0
        self.read_at = 0.0
        self._cutter = wire.Cutter()
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
                if self.slow or self._out_size > WRITE_SIZE:
                    self.flush()
            if self.eof and not self.lines:
                self.flush()
                return
            self._run_lines()

    def take_bytes(self, data: bytes) -> None:
        """Cuts lines; a line that is not UTF-8 stays bytes, one too long is TOO_LONG."""
        self.read_at = time.monotonic()
        if not data:
            self._take_end_of_file()
            return
        texts = self._cutter.cut_text(data)
        if texts is not None:
            self.lines.extend(texts)
            return
        for line in self._cutter.cut(data):
            self._add_line(line)

    def _add_line(self, line: Optional[bytes]) -> None:
        if line is None:
            self.lines.append(TOO_LONG)
            return
        try:
            self.lines.append(line.decode())
        except UnicodeDecodeError:
            self.lines.append(line)

    def _take_end_of_file(self) -> None:
        self._add_line(self._cutter.rest())
        self.eof = True
        for call in list(self.calls.values()):
            call.break_input("the host has closed the connection")

    def _run_lines(self) -> None:
        """The short way, all in one place because it is short: reads, runs quick calls, writes.

        Returns when there is a call that is not quick (it is in the queue then), or the end of file.
        """
        lines, out, quick, watcher, lock = self.lines, self.out, self._quick, self.watcher, self.lock
        scan, encode, monotonic, read, write = codec.scan, codec.encode_or_none, time.monotonic, os.read, os.write
        fd_in, fd_out, cutter = self.fd_in, self.fd_out, self._cutter
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
                    result = door(params, None)
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
                            self._answer_text(None, str(ident), *self._result(result))
                        elif len(text) > codec.SHALLOW:
                            self._answer_text(None, str(ident), *_checked(text))
                        else:
                            out.append('{"jsonrpc":"2.0","id":%s,"result":%s}\n' % (ident, text))
                if self.slow or self._out_size > WRITE_SIZE:
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
                result = door(params, None)
            except BaseException as error:
                self.message = None
                call = self._disengage_quick() if self.engaged else None
                self._answer_text(batch, str(ident), "error", self._failure(call, error), False)
            else:
                self.message = None
                if self.engaged:
                    self._disengage_quick()
                self._answer_text(batch, str(ident), *self._result(result), False)
        self._answer_batch(batch)

    def _answer_failure(self, ident: Any, error: BaseException, deadline: Optional[float]) -> None:
        call = self._disengage_quick() if self.engaged else None
        if deadline is not None and time.monotonic() >= deadline:
            text = _error(Refused(*STOPS["deadline"]))
        else:
            text = self._failure(call, error)
        self._answer_text(None, str(ident), "error", text)

    # --- In and out of a function -----------------------------------------------------------------

    def _disengage(self) -> None:
        """Main thread, after `message` has become None: takes the wire back from the watcher."""
        with self.lock:
            self.engaged = False
            self.slow = True
        self.watcher.release()

    def _disengage_quick(self) -> Optional[Call]:
        """The same after a quick call, for which the watcher may have made a Call."""
        self._disengage()
        call, self.running = self.running, None
        if call is not None:
            self.calls.pop(call.ident, None)
        return call

    def _leave(self) -> None:
        self.message = None
        if self.engaged:
            self._disengage()

    def promote(self) -> Optional[Call]:
        """The Call of what runs; made here for a quick one, when somebody wants to stop it."""
        message = self.message
        if self.running is None and message is not None:
            self.running = Call(message, message["id"], self.functions[message["method"]])
            self.running.deadline = self.deadline_of(message)
            self.calls[self.running.ident] = self.running
        return self.running

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

    def read_ready(self) -> None:
        """Reads what is there; the caller has seen that something is."""
        self.take_bytes(self._cutter.read(self.fd_in))

    # --- Deadlines --------------------------------------------------------------------------------

    def deadline_of(self, message: Dict[str, Any]) -> Optional[float]:
        """The deadline of a message of the last read, as a time of time.monotonic()."""
        milliseconds = message.get("weir", {}).get("deadline_ms")
        return None if milliseconds is None else self.read_at + min(milliseconds, FOREVER_MS) / 1000

    def next_deadline(self) -> Optional[float]:
        times = [call.deadline for call in self.calls.values()
                 if call.deadline is not None and call.stop is None]
        return min(times) if times else None

    def expire(self) -> None:
        """Stops what runs beyond its deadline, and answers what waits beyond it."""
        now = time.monotonic()
        for call in list(self.calls.values()):
            if call.deadline is not None and now >= call.deadline:
                self.stop(call, "deadline")

    def stop(self, call: Call, reason: str, text: str = "") -> None:
        call.stop_for(reason, text)
        if call is not self.running:
            try:
                self.queue.remove(call)
            except ValueError:
                return
            self.queued_size -= call.size
            self._refuse(call, call.stop_error())

    # --- What comes in: on the main thread, or on the watcher's under the lock ----------------------

    def take_line(self, line: Any, message: Any = None) -> None:
        """One line (with its value, if that is known) that is not a quick call: answered, applied or queued."""
        try:
            if line is TOO_LONG:
                raise Refused(errors.TOO_LONG, f"the line is longer than {codec.MAX_LINE} bytes")
            if type(line) is bytes:
                raise Refused(errors.PARSE_ERROR, "the line is not UTF-8",
                              codec.recover_id(line.decode("utf-8", "replace")))
            if type(line) is tuple:
                self._take_of_batch(*line)
                return
            if not line or line.isspace():
                return
            if message is None:
                message = _parse(line)
            if type(message) is list and message:
                self._take_batch(message, len(line))
            else:
                self._take_message(message, None, len(line))
        except Refused as refused:
            self._send_error(id_text(refused.ident), refused)

    def _take_batch(self, messages: List[Any], size: int) -> None:
        batch = Batch()
        batch.waiting = 1
        for message in messages:
            self._take_of_batch(batch, message, size // len(messages))
        self._answer_batch(batch)

    def _take_of_batch(self, batch: Batch, message: Any, size: int) -> None:
        try:
            self._take_message(message, batch, size)
        except Refused as refused:
            batch.answers.append(_response(id_text(refused.ident), "error", _error(refused)))

    def _answer_batch(self, batch: Batch, answer: Optional[str] = None) -> None:
        if answer is not None:
            batch.answers.append(answer)
        batch.waiting -= 1
        if batch.waiting == 0 and batch.answers:
            text = "[" + ",".join(one[:-1] for one in batch.answers) + "]\n"
            if _is_too_long(text):
                text = _response("null", "error", _error(Refused(errors.TOO_LONG, "the answer is too long")))
            self.out.append(text)
            self._out_size += len(text)

    def _take_message(self, message: Any, batch: Optional[Batch], size: int) -> None:
        if type(message) is not dict:
            raise Refused(errors.INVALID_REQUEST, "a request is an object")
        ident = message.get("id")
        good_ident = ident if codec.is_id(ident) else None
        method = message.get("method")
        if "id" not in message and type(method) is str and message.get("jsonrpc") == "2.0":
            self._take_notification(method, message.get("params"))
            return
        if good_ident is None:
            raise Refused(errors.INVALID_REQUEST, "the id must be an integer or a string")
        self._check_free(good_ident)
        _check_request(message, good_ident)
        if method == "weir/hello":
            self._answer_quickly(good_ident, batch, self._hello(message))
            return
        call = self._make_call(message, good_ident, batch)
        call.size = size
        self.calls[good_ident] = call
        self.queue.append(call)
        self.queued_size += size

    def _check_free(self, ident: Any) -> None:
        message = self.message
        if ident in self.calls or (message is not None and message.get("id") == ident):
            raise Refused(errors.INVALID_REQUEST, f"the id {ident} is in use")

    def _answer_quickly(self, ident: Any, batch: Optional[Batch], result: Dict[str, Any]) -> None:
        answer = _response(id_text(ident), "result", codec.encode(result))
        if batch is not None:
            batch.answers.append(answer)
        else:
            self.out.append(answer)

    def _take_notification(self, method: str, params: Any) -> None:
        if type(params) is not dict or not codec.is_id(params.get("id")):
            return
        ident = params["id"]
        call = self.calls.get(ident)
        message = self.message
        if call is None and message is not None and message.get("id") == ident:
            call = self.promote()
        if call is None:
            return
        if method == "weir/cancel":
            self.stop(call, "cancelled")
        elif method == "weir/chunk":
            call.take_chunk(params)
        elif method == "weir/credit":
            call.take_credit(params.get("n"))
        elif method == "weir/end":
            call.take_end(params)
        if call.stop is not None:
            self.stop(call, call.stop)

    def _hello(self, message: Dict[str, Any]) -> Dict[str, Any]:
        params = message.get("params")
        version = params.get("version") if type(params) is dict else None
        if type(version) is not int or version < 1:
            raise Refused(errors.INVALID_PARAMS, "version must be an integer from 1", message["id"])
        self.greeted = True
        return {"version": 1, "name": self.name, "concurrency": 1, "pid": os.getpid(),
                "node": os.uname().nodename,
                "methods": {name: entry.describe() for name, entry in self.functions.items()}}

    def _make_call(self, message: Dict[str, Any], ident: Any, batch: Optional[Batch]) -> Call:
        """A call for the queue, or the reason why there is none."""
        method = message["method"]
        weir = message.get("weir", {})
        is_map = method == "weir/map"
        entry = None if is_map else self.functions.get(method)
        if entry is None and not is_map:
            raise Refused(errors.METHOD_NOT_FOUND, f"there is no method {method!r}", ident)
        call = Call(message, ident, entry)
        call.batch = batch
        call.deadline = self.deadline_of(message)
        if batch is not None and ((entry is not None and entry.stream) or "stream" in weir):
            raise Refused(errors.STREAM_RULE, "a call with a stream cannot be in a batch", ident)
        wanted = entry.stream_parameter if entry is not None else None
        if "stream" in weir:
            if wanted is None:
                raise Refused(errors.INVALID_PARAMS, f"{method} takes no input stream", ident)
            self.out.append(call.begin_input())
            if self.eof:
                call.break_input("the host has closed the connection")
        elif wanted is not None:
            raise Refused(errors.INVALID_PARAMS,
                          f"{wanted} is an input stream: say \"weir\":{{\"stream\":\"in\"}}", ident)
        call.credit = weir.get("credit", 0)
        if batch is not None:
            batch.waiting += 1
        return call

    # --- Running one call the long way ------------------------------------------------------------

    def _run(self, call: Call) -> None:
        if call.is_late():
            call.stop_for("deadline")
            self._refuse(call, call.stop_error())
            return
        self.running = call
        try:
            if call.entry is None:
                kind, text = self._run_map(call)
            else:
                kind, text = self._run_function(call, call.entry)
        except BaseException as error:
            self._leave()
            kind, text = "error", self._failure(call, error)
        self.running = None
        # Who has kept the iterator gets nothing more from it.
        call.input_open = False
        if call.stop == "rule" or call.is_late():
            call.stop_for("deadline")
            kind, text = "error", _error(call.stop_error())
        self.calls.pop(call.ident, None)
        self._answer_text(call.batch, call.ident_text, kind, text)

    def _run_function(self, call: Call, entry: registry.Entry) -> Tuple[str, str]:
        stream = self._input_for(call, entry)
        params = [] if call.params is None else call.params
        self.message = call.message
        result = entry.door(params, stream)
        self._leave()
        if entry.streams_out:
            result = self._run_stream(call, iter(result))
        return self._result(result)

    def _input_for(self, call: Call, entry: registry.Entry) -> Union[Input, AsyncInput, None]:
        if entry.stream_parameter is None:
            return None
        self.flush()
        plain = Input(self, call, entry.stream_converter(), entry.stream_parameter)
        if not entry.takes_async_stream:
            return plain
        self.watcher.hurry = True
        return AsyncInput(plain, call, asyncs.loop())

    def _run_stream(self, call: Call, generator: Any) -> Any:
        """Steps a generator, one credit a chunk; gives its closing value."""
        together = 0
        last = time.monotonic()
        try:
            while True:
                self.message = call.message
                try:
                    value = next(generator)
                except StopIteration as stop:
                    self._leave()
                    return stop.value
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
            self._close(call, generator)

    def _send_chunk(self, call: Call, value: Any) -> None:
        kind, text = self._result(value)
        if kind == "error":
            raise _Answered(text)
        chunk = ('{"jsonrpc":"2.0","method":"weir/chunk","params":{"id":%s,"value":%s}}\n'
                 % (call.ident_text, text))
        if _is_too_long(chunk):
            raise Refused(errors.TOO_LONG, "a chunk is longer than a line may be")
        self.out.append(chunk)
        self._out_size += len(chunk)

    def _close(self, call: Call, generator: Any) -> None:
        close = getattr(generator, "close", None)
        if close is not None:
            self.message = call.message
            try:
                close()
            finally:
                self._leave()

    def _run_map(self, call: Call) -> Tuple[str, str]:
        door, items = self._map_of(call)
        values: List[Any] = []
        failed: Dict[str, str] = {}
        self.message = call.message
        for item in items:
            try:
                values.append(door(item, None))
            except BaseException as error:
                if call.stop is not None:
                    break
                failed[str(len(values))] = self._failure(call, error)
                values.append(None)
            if call.stop is not None:
                break
        self._leave()
        if call.stop is not None:
            return "error", _error(call.stop_error())
        return "result", _map_result(values, failed, self._result)

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

    # --- Answers ----------------------------------------------------------------------------------

    def _result(self, value: Any) -> Tuple[str, str]:
        """A value as JSON, or why that cannot be."""
        try:
            text = codec.encode(value)
        except (TypeError, ValueError, OverflowError) as error:
            return "error", _error(Refused(errors.NOT_JSON, str(error)))
        return _checked(text)

    def _failure(self, call: Optional[Call], error: BaseException) -> str:
        """The error object for what a function raised."""
        if isinstance(error, _Answered):
            return error.text
        if call is not None and call.stop is not None:
            return _error(call.stop_error())
        if isinstance(error, Cancelled):
            return _error(Refused(errors.CANCELLED, "cancelled"))
        if isinstance(error, Refused):
            return _error(error)
        if isinstance(error, Error) and error.data is not None:
            kind, text = self._result({"code": error.code, "message": error.message[:MAX_TEXT],
                                       "data": error.data})
            return text
        code = error.code if isinstance(error, Error) else errors.RAISED
        try:
            text = error.message if isinstance(error, Error) else str(error)
        except Exception:
            text = "an error that cannot say itself"
        return codec.encode({"code": code, "message": text[:MAX_TEXT], "data": {
            "type": type(error).__qualname__, "traceback": _traceback(error)}})

    def _refuse(self, call: Call, refused: Refused) -> None:
        self.calls.pop(call.ident, None)
        self._answer_text(call.batch, call.ident_text, "error", _error(refused))

    def _send_error(self, ident_text: str, refused: Refused) -> None:
        self._answer_text(None, ident_text, "error", _error(refused))

    def _answer_text(self, batch: Optional[Batch], ident_text: str, kind: str, text: str,
                     was_waiting: bool = True) -> None:
        answer = _response(ident_text, kind, text)
        if len(answer) > 1 << 20 and _is_too_long(answer):
            answer = _response(ident_text, "error",
                               _error(Refused(errors.TOO_LONG, "the result is longer than a line may be")))
        if batch is None:
            self.out.append(answer)
            self._out_size += len(answer)
        elif was_waiting:
            self._answer_batch(batch, answer)
        else:
            batch.answers.append(answer)

    def log(self, text: str, level: str) -> None:
        message = self.message
        ident = f',"id":{id_text(message["id"])}' if message is not None else ""
        self.send('{"jsonrpc":"2.0","method":"weir/log","params":{"level":"%s","message":%s%s}}\n'
                  % (level, codec.quote(text[:MAX_TEXT]), ident))

    def send(self, text: str) -> None:
        with self.lock:
            self.out.append(text)
            self.flush()

    def flush(self) -> None:
        """Writes what was gathered.  The main thread may append meanwhile."""
        with self.lock:
            count = len(self.out)
            if count:
                data = "".join(self.out[:count]).encode("utf-8", "backslashreplace")
                del self.out[:count]
                self._out_size = 0
                self._write(data)

    def _write(self, data: bytes) -> None:
        """Under the lock.  (Lone surrogates are escapes by now: they only stand in strings.)"""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self.fd_out, rest):]


class _Answered(Exception):
    """A failure whose error object is made already."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def _parse(line: str) -> Any:
    if codec.is_too_deep(line):
        raise Refused(errors.PARSE_ERROR, "nested too deeply", codec.recover_id(line))
    try:
        return codec.parse(line)
    except ValueError as error:
        raise Refused(errors.PARSE_ERROR, f"the line is not JSON: {error}") from None


def _check_request(message: Dict[str, Any], ident: Any) -> None:
    fault = None
    weir = message.get("weir", {})
    if message.get("jsonrpc") != "2.0":
        fault = "jsonrpc must be \"2.0\""
    elif type(message.get("method")) is not str:
        fault = "method must be a string"
    elif "params" in message and type(message["params"]) not in (list, dict):
        fault = "params must be an array or an object"
    elif type(weir) is not dict:
        fault = "weir must be an object"
    elif not _is_natural(weir.get("deadline_ms", 0)):
        fault = "deadline_ms must be an integer from 0"
    elif not _is_natural(weir.get("credit", 0)):
        fault = "credit must be an integer from 0"
    elif weir.get("stream", "in") != "in":
        fault = "stream must be \"in\""
    if fault is not None:
        raise Refused(errors.INVALID_REQUEST, fault, ident)


def _is_natural(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_too_long(line: str) -> bool:
    """Whether a line with its LF is over the limit, in bytes as flush() writes them."""
    limit = codec.MAX_LINE + 1
    return len(line) > limit or (len(line) * 6 > limit
                                 and len(line.encode("utf-8", "backslashreplace")) > limit)


def _quoted(ident: Any) -> str:
    if type(ident) is not str:
        raise ValueError
    return codec.quote(ident)


def _response(ident_text: str, kind: str, text: str) -> str:
    return '{"jsonrpc":"2.0","id":%s,"%s":%s}\n' % (ident_text, kind, text)


def _error(refused: Refused) -> str:
    return '{"code":%d,"message":%s}' % (refused.code, codec.quote(refused.message[:MAX_TEXT]))


def _checked(text: str) -> Tuple[str, str]:
    if codec.is_too_deep(text):
        return "error", _error(Refused(errors.TOO_LONG, "the result is nested too deeply"))
    return "result", text


def _map_result(values: List[Any], failed: Dict[str, str],
                result: Callable[[Any], Tuple[str, str]]) -> str:
    kind, text = result(values)
    if kind == "error":
        texts = []
        for index, value in enumerate(values):
            kind, text = result(value)
            if kind == "error":
                failed[str(index)] = text
            texts.append("null" if kind == "error" else text)
        text = "[" + ",".join(texts) + "]"
    told = ",".join(f'"{index}":{error}' for index, error in failed.items())
    return f'{{"values":{text},"errors":{{{told}}}}}' if failed else f'{{"values":{text}}}'


def _traceback(error: BaseException) -> str:
    """As Python prints it, without the SDK's own frames at its top."""
    import traceback  # not before it is needed: it takes a while to load
    frames = error.__traceback__
    while frames is not None and is_own(frames.tb_frame.f_globals.get("__name__")):
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))[-MAX_TEXT:]


def is_own(module: object) -> bool:
    """Whether a module is part of this package."""
    return isinstance(module, str) and (module == __package__ or module.startswith(f"{__package__}."))


def run(name: Optional[str] = None) -> None:
    """Serves the functions of this program until the end of the input, then returns."""
    if wire.leave_alone:
        return
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("run() belongs on the main thread: functions are interrupted there")
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
