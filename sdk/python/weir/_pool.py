"""weir.Pool: functions that run in worker processes of this program.

    with weir.Pool("math_worker.py", workers=4) as pool:
        pool.call("add", 3, 4, timeout=1.5)              # 7
        for value in pool.stream("count", 1, 6):         # as they arrive; leaving the loop cancels
            print(value)
        pool.call("sum", input=range(10))                # an iterable as the input stream

Threads may share a pool. Workers are watched while a thread waits in weir, for whatever.
"""

import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, Callable, Optional, Union

from . import _engine, _native
from ._engine import DEVNULL, Word, command_of, seconds
from ._errors import CallCancelled, CallError, Closed, Forked, QueueFull, RemoteError, error_of
from ._worker import codec
from ._worker.errors import NOT_JSON

# The flags of _native.Call.
DONE, VALUES, CREDIT = 1, 2, 4
# Values of a stream in flight.
WINDOW = 64
_RETURNED = 0


def worker_words(
    program: Union[str, "os.PathLike[str]", Sequence[Word]],
    python: Union[None, str, Sequence[str]],
) -> "list[Word]":
    """The command of a worker: a Python script, another program, or words."""
    if not isinstance(program, (str, os.PathLike)):
        return list(program)
    path = os.fspath(program)
    if not path.endswith(".py"):
        return [path]
    if not os.path.isfile(path):
        raise FileNotFoundError(2, "there is no such script for the workers", path)
    if isinstance(python, str):
        python = [python]
    return [*(python or [sys.executable]), os.path.abspath(path)]


def pool_options(options: "dict[str, Any]") -> tuple[Any, ...]:
    """The arguments of Pool, as the engine takes them."""
    words = [*worker_words(options["program"], options["python"]), *options["args"]]
    launcher = options["launcher"]
    return (
        [command_of(words, options)],
        None if launcher is None else _engine.argv_of(launcher),
        0,
        options["workers"] or 0,
        options["window"] or 0,
        -1 if options["max_queue"] is None else options["max_queue"],
        seconds(options["start_timeout"], "start_timeout", -1.0),
        seconds(options["cancel_grace"], "cancel_grace", -1.0),
        seconds(options["grace"], "grace", -1.0),
        -1 if options["start_attempts"] is None else options["start_attempts"],
        options["recycle_calls"] or 0,
        seconds(options["recycle_age"], "recycle_age"),
        (options["recycle_rss"] or 0) // 1024,
        stderr_of(options["stderr"]),
        options["min_ready"] or 0,
        options["warm"],
    )


def stderr_of(target: Union[None, int, IO[Any]]) -> int:
    if target is None:
        return 2
    if isinstance(target, int):
        return -1 if target == DEVNULL else target
    return target.fileno()


def streams_out(methods: "dict[str, Any]", method: str) -> bool:
    described = methods.get(method)
    return isinstance(described, dict) and described.get("stream") in ("out", "both")


# --- Calls ----------------------------------------------------------------------------------------


def call_arguments(
    method: str,
    args: tuple[Any, ...],
    kwargs: "dict[str, Any]",
    timeout: Optional[float],
    traceparent: Optional[str],
    input: bool,
    stream: bool,
) -> tuple[Any, ...]:
    """A call as the engine takes it."""
    if args and kwargs:
        raise TypeError("arguments are given by position or by name, not both")
    return (
        method.encode(),
        encode_value(kwargs or args),
        seconds(timeout, "the timeout"),
        0,
        input,
        stream,
        WINDOW,
        None if traceparent is None else traceparent.encode(),
    )


def encode_value(value: Any) -> bytes:
    return codec.encode(value).encode("utf-8", "backslashreplace")


def parse_value(data: bytes) -> Any:
    try:
        return codec.parse(data.decode())
    except ValueError as error:
        raise RemoteError(NOT_JSON, f"the result cannot be read: {error}") from None


def outcome_of(reply: tuple[Any, ...], input_error: Optional[BaseException] = None) -> Any:
    """The result of a call that is over; raises its error."""
    outcome, code, result, message, error = reply[:5]
    if outcome == _RETURNED:
        return parse_value(result)
    if input_error is not None:
        raise input_error
    data = codec.parse(error.decode()).get("data") if error else None
    raise error_of(code, message.decode() if message else "", data)


def send_input(call: _native.Call, input: Iterable[Any], errors: "list[BaseException]") -> None:
    """A thread: the input stream, as the credit allows. What the iterable raises ends the call."""
    values: Optional[Iterator[Any]] = None
    try:
        values = iter(input)
        for value in values:
            data = encode_value(value)
            while (sent := call.send(data)) < 0:
                call.wait(CREDIT | DONE, None)
            if not sent:
                return
        call.end(None)
    except BaseException as error:
        errors.append(error)
        try:
            call.end(f"{type(error).__name__}: {error}")
        except RuntimeError:  # the pool was closed meanwhile
            pass
    finally:
        close = getattr(values, "close", None)
        if close is not None:
            close()


class Pool:
    """Workers of this program, and calls to them. Close it, or use it with `with`."""

    def __init__(
        self,
        program: Union[str, "os.PathLike[str]", Sequence[Word]],
        /,
        *args: Word,
        workers: Optional[int] = None,
        python: Union[None, str, Sequence[str]] = None,
        cwd: Optional[Word] = None,
        env: Optional[Mapping[str, str]] = None,
        env_extra: Optional[Mapping[str, str]] = None,
        env_clear: bool = False,
        env_pass: Optional[Sequence[str]] = None,
        nice: int = 0,
        limits: Optional[Mapping[str, Optional[int]]] = None,
        launcher: Optional[Sequence[Word]] = None,
        window: Optional[int] = None,
        max_queue: Optional[int] = None,
        start_timeout: Optional[float] = None,
        min_ready: Optional[int] = None,
        start_attempts: Optional[int] = None,
        cancel_grace: Optional[float] = None,
        grace: Optional[float] = None,
        recycle_calls: Optional[int] = None,
        recycle_age: Optional[float] = None,
        recycle_rss: Optional[int] = None,
        warm: bool = False,
        stderr: Union[None, int, IO[Any]] = None,
    ) -> None:
        """Start the workers, and wait until they are ready, or min_ready of them.

        program is a Python script (a path that ends in .py), which runs under python (default:
        this interpreter; a list such as ["uv", "run"] is possible), or another program, or a
        list of words. args follow it.

        workers: one for each processor by default. window: calls in flight to a worker.
        max_queue: calls that wait (1024). start_timeout: until a worker is ready (10 s).
        cancel_grace: from a cancellation to SIGINT (5 s); grace: from SIGTERM to SIGKILL (5 s).
        recycle_calls, recycle_age (s), recycle_rss (bytes): when a worker is replaced. warm:
        one process runs the script up to serve(), and each worker is forked from it (Linux).
        stderr: an open file for the workers' stderr, or DEVNULL; by default it is this program's.

        Raises NoWorker if they do not start, with the end of their stderr.
        """
        self._pid = os.getpid()
        self._closed = False
        self._native: Optional[_native.Pool] = _engine.shared().pool(*pool_options(locals()))
        _engine.close_at_exit(self)
        try:
            self._native.wait_ready(None)
            self.methods: dict[str, Any] = codec.parse(self._native.methods().decode())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()

    def close(self, drain: float = 0.0) -> None:
        """Wait up to drain seconds for running calls, cancel the rest, and end the workers."""
        native, self._native = self._native, None
        self._closed = True
        if native is None or self._pid != os.getpid():
            return
        _engine.forget(self)
        try:
            if drain > 0:
                native.drain(seconds(drain, "drain"))
                native.wait_drained(None)
        finally:
            native.close()

    def _ours(self) -> _native.Pool:
        if self._pid != os.getpid():
            raise Forked(f"this pool belongs to process {self._pid}: make one after fork")
        native = self._native
        if native is None:
            raise Closed("the pool was closed")
        return native

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

        Pass arguments by position or by name, not both. timeout is in seconds, with the time in
        the queue; when it expires the function is cancelled. For a method with an output stream,
        the result is the list of its values, or its closing value if there are no values.
        """
        if input is not None or streams_out(self.methods, method):
            stream = self._stream(method, args, kwargs, timeout, input, traceparent)
            values = list(stream)
            return values if values or stream.result is None else stream.result
        call = self._start(method, args, kwargs, timeout, traceparent, False, False)
        try:
            call.wait(DONE, None)
        except BaseException:
            call.cancel()
            raise
        return outcome_of(call.reply())

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
        call = self._start(method, args, kwargs, timeout, traceparent, input is not None, False)
        return Pending(self, call, self._feed(call, input))

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
        return self._stream(method, args, kwargs, timeout, input, traceparent)

    def map(
        self, method: str, items: Iterable[Any], timeout: Optional[float] = None
    ) -> "list[Any]":
        """Call one function with many arguments, on all workers at a time.

        Raises the error of the first failed item. An item that is a list or tuple is passed by
        position, a dict by name, anything else as the only argument.
        """
        window = max(64, 4 * (os.cpu_count() or 1))
        pending: list[Pending] = []
        values: list[Any] = []
        try:
            for item in items:
                args, kwargs = ((), item) if isinstance(item, dict) else ((item,), {})
                if isinstance(item, (list, tuple)):
                    args = tuple(item)
                call = self._start(method, args, kwargs, timeout, None, False, False)
                pending.append(Pending(self, call, []))
                if len(pending) - len(values) >= window:
                    values.append(pending[len(values)].result())
            values.extend(one.result() for one in pending[len(values) :])
        except BaseException:
            for one in pending[len(values) :]:
                one.cancel()
            raise
        return values

    def stats(self) -> Any:
        """Return the statistics of the pool: calls, errors, latencies, workers."""
        return codec.parse(self._ours().stats().decode())

    def replace(self) -> None:
        """Replace every worker by a new one, each once that is ready. No call is lost."""
        self._ours().replace()

    def _start(
        self,
        method: str,
        args: tuple[Any, ...],
        kwargs: "dict[str, Any]",
        timeout: Optional[float],
        traceparent: Optional[str],
        input: bool,
        stream: bool,
    ) -> _native.Call:
        return self._ours().call(
            *call_arguments(method, args, kwargs, timeout, traceparent, input, stream)
        )

    def _stream(
        self,
        method: str,
        args: tuple[Any, ...],
        kwargs: "dict[str, Any]",
        timeout: Optional[float],
        input: Optional[Iterable[Any]],
        traceparent: Optional[str],
    ) -> "Stream":
        streams_in = input is not None
        call = self._start(method, args, kwargs, timeout, traceparent, streams_in, True)
        return Stream(self, call, self._feed(call, input))

    def _feed(self, call: _native.Call, input: Optional[Iterable[Any]]) -> "list[BaseException]":
        """Sends the input in a thread; what the iterable raises will be in the list."""
        errors: list[BaseException] = []
        if input is not None:
            try:
                threading.Thread(
                    target=send_input, args=(call, input, errors), daemon=True, name="weir input"
                ).start()
            except BaseException:
                call.cancel()
                raise
        return errors

    def _outcome(self, call: _native.Call, errors: "list[BaseException]") -> Any:
        try:
            return outcome_of(call.reply(), errors[0] if errors else None)
        except (QueueFull, CallCancelled) as error:
            if self._closed:
                raise Closed(f"the pool was closed: {error}") from None
            raise


class Pending:
    """A call that has started."""

    def __init__(self, pool: Pool, call: _native.Call, errors: "list[BaseException]") -> None:
        self._pool = pool
        self._call = call
        self._errors = errors
        self._lock = threading.Lock()
        self._outcome: Optional[tuple[Any, Optional[BaseException]]] = None

    def done(self) -> bool:
        """Return whether the call is over."""
        return self._outcome is not None or self._call.wait(DONE, 0)

    def exception(self, timeout: Optional[float] = None) -> Optional[BaseException]:
        """Wait for the end of the call, and return its error, or None."""
        return self._wait(timeout)[1]

    def result(self, timeout: Optional[float] = None) -> Any:
        """Wait for the result, or raise the error of the call. Ctrl-C cancels the call.

        If timeout expires, TimeoutError is raised, and the call goes on.
        """
        result, error = self._wait(timeout)
        if error is not None:
            raise error
        return result

    def _wait(self, timeout: Optional[float]) -> tuple[Any, Optional[BaseException]]:
        if self._outcome is None:
            try:
                is_over = self._call.wait(DONE, timeout)
            except BaseException:
                self.cancel()
                raise
            if not is_over:
                raise TimeoutError(f"the call is not over after {timeout} s")
        with self._lock:
            if self._outcome is None:
                try:
                    self._outcome = (self._pool._outcome(self._call, self._errors), None)
                except Exception as error:
                    self._outcome = (None, error)
            return self._outcome

    def cancel(self) -> None:
        """Cancel the function; result() then raises CallCancelled, unless it was faster."""
        if self._outcome is None:
            self._call.cancel()

    def add_done_callback(self, callback: Callable[["Pending"], object]) -> None:
        """Call callback(self) when the call is over, in a thread of its own."""

        def wait() -> None:
            self.exception()
            callback(self)

        threading.Thread(target=wait, daemon=True, name="weir callback").start()


class Stream(Iterator[Any]):
    """The values of a call, as they arrive. `result` is the closing value after the last one."""

    def __init__(self, pool: Pool, call: _native.Call, errors: "list[BaseException]") -> None:
        self._pool = pool
        self._call: Optional[_native.Call] = call
        self._errors = errors
        self.result: Any = None

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> Any:
        call = self._call
        if call is None:
            raise StopIteration
        try:
            value = call.next()
            if value is None:
                call.wait(VALUES | DONE, None)
                value = call.next()
        except BaseException:
            self.close()
            raise
        if value is not None:
            return parse_value(value)
        self._call = None
        self.result = self._pool._outcome(call, self._errors)
        raise StopIteration

    def close(self) -> None:
        """Cancel the call and discard values that have already arrived."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()


__all__ = ["CallError", "Pending", "Pool", "Stream"]
