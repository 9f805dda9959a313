"""What comes in: lines become calls in the queue, or change calls that are there."""

import os
import time
from collections import deque
from typing import Any, Optional

from . import codec, errors, registry, wire
from .answers import MAX_TEXT, error_text, response
from .call import Batch, Call, id_text
from .errors import Refused
from .outbox import Outbox

# A deadline later than this is as good as none: a month.
FOREVER_MS = 31 * 24 * 3600 * 1000
# Stands for a line that was too long, among the lines.
TOO_LONG = object()


class Inbox:
    """The calls that wait and run: used on the main thread, or on the watcher's under the lock."""

    def __init__(
        self, functions: dict[str, registry.Entry], name: str, fd: int, outbox: Outbox
    ) -> None:
        self.fd = fd
        self._outbox = outbox
        self.functions = functions
        self.name = name
        self.greeted = False
        self.eof = False
        # What was read and not looked at yet: text, bytes that are no text, TOO_LONG, or parts of a batch.
        self.lines: deque[Any] = deque()
        self.read_at = 0.0
        self.cutter = wire.Cutter()
        # The calls that wait or run; the request that runs now, and its Call if there is one.
        self.calls: dict[Any, Call] = {}
        self.queue: deque[Call] = deque()
        self.queued_size = 0
        self.message: Optional[dict[str, Any]] = None
        self.running: Optional[Call] = None

    # --- Bytes to lines ---------------------------------------------------------------------------

    def read_ready(self) -> None:
        """Reads what is there; the caller has seen that something is."""
        self.take_bytes(self.cutter.read(self.fd))

    def take_bytes(self, data: bytes) -> None:
        """Cuts lines; a line that is not UTF-8 stays bytes, one too long is TOO_LONG."""
        self.read_at = time.monotonic()
        if not data:
            self._take_end_of_file()
            return
        texts = self.cutter.cut_text(data)
        if texts is not None:
            self.lines.extend(texts)
            return
        for line in self.cutter.cut(data):
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
        self._add_line(self.cutter.rest())
        self.eof = True
        for call in list(self.calls.values()):
            call.break_input("the host has closed the connection")

    # --- Lines to calls ---------------------------------------------------------------------------

    def take_line(self, line: Any, message: Any = None) -> None:
        """One line (with its value, if that is known) that is not a quick call: answered, applied or queued."""
        try:
            if line is TOO_LONG:
                raise Refused(errors.TOO_LONG, f"the line is longer than {codec.MAX_LINE} bytes")
            if type(line) is bytes:
                raise Refused(
                    errors.PARSE_ERROR,
                    "the line is not UTF-8",
                    codec.recover_id(line.decode("utf-8", "replace")),
                )
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
            self._outbox.answer_error(id_text(refused.ident), refused)

    def _take_batch(self, messages: list[Any], size: int) -> None:
        batch = Batch()
        batch.waiting = 1
        for message in messages:
            self._take_of_batch(batch, message, size // len(messages))
        self._outbox.answer_batch(batch)

    def _take_of_batch(self, batch: Batch, message: Any, size: int) -> None:
        try:
            self._take_message(message, batch, size)
        except Refused as refused:
            batch.answers.append(response(id_text(refused.ident), "error", error_text(refused)))

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

    def _answer_quickly(self, ident: Any, batch: Optional[Batch], result: dict[str, Any]) -> None:
        answer = response(id_text(ident), "result", codec.encode(result))
        if batch is not None:
            batch.answers.append(answer)
        else:
            self._outbox.lines.append(answer)

    def _hello(self, message: dict[str, Any]) -> dict[str, Any]:
        params = message.get("params")
        version = params.get("version") if type(params) is dict else None
        if type(version) is not int or version < 1:
            raise Refused(errors.INVALID_PARAMS, "version must be an integer from 1", message["id"])
        self.greeted = True
        with_schemas = message["params"].get("schemas") is True
        return {
            "version": 1,
            "name": self.name,
            "concurrency": 1,
            "pid": os.getpid(),
            "node": os.uname().nodename,
            "methods": {
                name: entry.describe(with_schemas) for name, entry in self.functions.items()
            },
        }

    def _make_call(self, message: dict[str, Any], ident: Any, batch: Optional[Batch]) -> Call:
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
            self._outbox.lines.append(call.begin_input())
            if self.eof:
                call.break_input("the host has closed the connection")
        elif wanted is not None:
            raise Refused(
                errors.INVALID_PARAMS,
                f'{wanted} is an input stream: say "weir":{{"stream":"in"}}',
                ident,
            )
        call.credit = weir.get("credit", 0)
        if batch is not None:
            batch.waiting += 1
        return call

    # --- What concerns a call that is there ---------------------------------------------------------

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

    def promote(self) -> Optional[Call]:
        """The Call of what runs; made here for a quick one, when somebody wants to stop it."""
        message = self.message
        if self.running is None and message is not None:
            self.running = Call(message, message["id"], self.functions[message["method"]])
            self.running.deadline = self.deadline_of(message)
            self.calls[self.running.ident] = self.running
        return self.running

    def stop(self, call: Call, reason: str, text: str = "") -> None:
        call.stop_for(reason, text)
        if call is not self.running:
            try:
                self.queue.remove(call)
            except ValueError:
                return
            self.queued_size -= call.size
            self.refuse(call, call.stop_error())

    def refuse(self, call: Call, refused: Refused) -> None:
        self.calls.pop(call.ident, None)
        self._outbox.answer(call.batch, call.ident_text, "error", error_text(refused))

    def deadline_of(self, message: dict[str, Any]) -> Optional[float]:
        """The deadline of a message of the last read, as a time of time.monotonic()."""
        milliseconds = message.get("weir", {}).get("deadline_ms")
        return None if milliseconds is None else self.read_at + min(milliseconds, FOREVER_MS) / 1000

    def next_deadline(self) -> Optional[float]:
        times = [
            call.deadline
            for call in self.calls.values()
            if call.deadline is not None and call.stop is None
        ]
        return min(times) if times else None

    def expire(self) -> None:
        """Stops what runs beyond its deadline, and answers what waits beyond it."""
        now = time.monotonic()
        for call in list(self.calls.values()):
            if call.deadline is not None and now >= call.deadline:
                self.stop(call, "deadline")

    def progress(self, done: float, total: Optional[float], text: Optional[str]) -> None:
        """How far the call that runs is."""
        message = self.message
        if message is None:
            return
        said = f',"total":{codec.encode(total)}' if total is not None else ""
        if text is not None:
            said += f',"message":{codec.quote(text[:MAX_TEXT])}'
        self._outbox.send(
            f'{{"jsonrpc":"2.0","method":"weir/progress","params":{{"id":{id_text(message["id"])},"progress":{codec.encode(done)}{said}}}}}\n'
        )

    def log(self, text: str, level: str) -> None:
        """A line for the host's log, about the call that runs."""
        message = self.message
        ident = f',"id":{id_text(message["id"])}' if message is not None else ""
        self._outbox.send(
            f'{{"jsonrpc":"2.0","method":"weir/log","params":{{"level":"{level}","message":{codec.quote(text[:MAX_TEXT])}{ident}}}}}\n'
        )


def _parse(line: str) -> Any:
    if codec.is_too_deep(line):
        raise Refused(errors.PARSE_ERROR, "nested too deeply", codec.recover_id(line))
    try:
        return codec.parse(line)
    except ValueError as error:
        if codec.has_long_number(line):  # it is JSON: only this call fails
            raise Refused(
                errors.INVALID_PARAMS, f"an integer is too long: {error}", codec.recover_id(line)
            ) from None
        raise Refused(errors.PARSE_ERROR, f"the line is not JSON: {error}") from None


def _check_request(message: dict[str, Any], ident: Any) -> None:
    fault = None
    weir = message.get("weir", {})
    if message.get("jsonrpc") != "2.0":
        fault = 'jsonrpc must be "2.0"'
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
        fault = 'stream must be "in"'
    if fault is not None:
        raise Refused(errors.INVALID_REQUEST, fault, ident)


def _is_natural(value: Any) -> bool:
    return type(value) is int and value >= 0
