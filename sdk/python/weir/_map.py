"""weir.map: values through long-lived workers, in order, with an account of every record."""

import contextlib
import json
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, Callable, Optional, TypeVar, Union

from . import _engine, _native
from ._engine import Word, command_of, seconds
from ._errors import NO_WORKER, DeadRecord, Forked, NoWorker, WeirError
from ._pool import stderr_of, worker_words
from ._worker import codec

_HAS_DEAD, _CANNOT_RUN = 1, 4

T = TypeVar("T")
OnError = Union[str, Callable[[DeadRecord], object]]
# Replies, one a line; or a dead letter, the document of a program's end, or both.
Piece = Union[bytes, tuple[Optional[bytes], Optional[bytes]]]


def encode(value: Any) -> bytes:
    """A value as JSON in one line."""
    return codec.encode(value).encode("utf-8", "backslashreplace")


class Run:
    """A map that runs, with its threads. It does not refer to its iterator."""

    job: _native.Job
    failure: Optional[BaseException] = None  # of the records
    _report: "Optional[dict[str, Any]]" = None

    def __init__(
        self, records: Iterable[Any], encode: Callable[[Any], bytes], options: "tuple[Any, ...]"
    ) -> None:
        self._records = records
        self._encode = encode
        self.job = _engine.shared().map(*options)
        self._watch()
        threading.Thread(target=self._feed, daemon=True, name="weir records").start()

    def _watch(self) -> None:
        """Has a thread look after the map while nobody waits for it."""
        self._waiter = threading.Thread(
            target=self.job.wait, args=(None,), daemon=True, name="weir map"
        )
        self._waiter.start()

    def _feed(self) -> None:
        values: Optional[Iterator[Any]] = None
        job = self.job
        try:
            values = iter(self._records)
            for value in values:
                data = self._encode(value)
                while not (fed := job.feed(data)):
                    job.wait_room(None)
                if fed < 0:  # the map has ended
                    break
        except BaseException as error:
            self.failure = error
        finally:
            with contextlib.suppress(RuntimeError):  # the program ends
                job.close_input()
            close = getattr(values, "close", None)
            if close is not None:
                close()

    def read(self) -> Optional[Piece]:
        """What came next. None: that was all."""
        while True:
            is_over = self.job.done()
            piece = self.job.take()
            if piece is not None or is_over:
                return piece
            self.job.wait_output(None)

    def report(self) -> "dict[str, Any]":
        """The report of a map that is over: docs/schemas/map-report.schema.json."""
        report = self._report
        if report is None:
            report = self._report = json.loads(self.job.result()[0])
        return report

    def end(self) -> None:
        """Stops it if it still runs."""
        if not self.job.done():
            self.job.cancel()
            self.job.cancel()
        self._waiter.join()


def raise_failure(report: "dict[str, Any]", failure: Optional[BaseException]) -> None:
    """Raises what the records raised, or why a map that is over has not settled all of them."""
    if failure is not None:
        raise failure
    if report["status"] == _CANNOT_RUN:
        raise NoWorker(NO_WORKER, report["reason"])
    if report["status"] not in (0, _HAS_DEAD):
        raise WeirError(report["reason"])


def handle(error: DeadRecord, on_error: OnError) -> None:
    if callable(on_error):
        on_error(error)
    elif on_error == "raise":
        raise error


class Results(Iterator[T]):
    """The results of a map, as they come. Threads may share it: each result goes to one of them."""

    def __init__(
        self,
        run: Run,
        values_of: "Callable[[Piece], list[Union[T, DeadRecord]]]",
        on_error: OnError,
    ) -> None:
        self._run: Optional[Run] = run
        self._pid = os.getpid()
        self._values_of = values_of
        self._on_error = on_error
        self._values: deque[Union[T, DeadRecord]] = deque()
        self._reading = threading.RLock()  # close() does not take it: it ends a read that waits
        self.report: Optional[dict[str, Any]] = None  # docs/schemas/map-report.schema.json
        _engine.close_at_exit(self)

    def __iter__(self) -> "Iterator[T]":
        return self

    def __next__(self) -> T:
        try:
            while True:
                while not self._values:
                    self._read_more()
                try:
                    value = self._values.popleft()
                except IndexError:  # another thread has taken it
                    continue
                if not isinstance(value, DeadRecord):
                    return value
                handle(value, self._on_error)
        except StopIteration:
            raise
        except BaseException:
            self.close()
            raise

    def _read_more(self) -> None:
        if self._run is not None and self._pid != os.getpid():  # before a lock that others held
            raise Forked(f"this map belongs to process {self._pid}: make another one after fork")
        with self._reading:
            if not self._values:
                self._read_or_finish()

    def _read_or_finish(self) -> None:
        run = self._run
        if run is None:
            raise StopIteration
        piece = None
        try:
            piece = run.read()
        except RuntimeError:  # the program ends, perhaps
            if self._run is not None:
                raise
        if piece is not None:
            self._values.extend(self._values_of(piece))
        if self._run is None:  # closed by another thread
            self._values.clear()
            raise StopIteration
        if piece is not None:
            return
        report = run.report()
        self.close()
        self.report = report
        raise_failure(report, run.failure)

    def close(self) -> None:
        """End what runs; records under way are lost."""
        run, self._run = self._run, None
        self._values.clear()
        if run is not None and self._pid == os.getpid():
            _engine.forget(self)
            run.end()

    def __exit__(self, *ignored: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_run", None) is not None:
            self.close()


class Map(Results[Any]):
    """The results, as they come. Closing it ends the workers; report is there afterwards."""

    def __enter__(self) -> "Map":
        return self


def values_of(piece: Piece) -> "list[Any]":
    """What replies say, or a dead record."""
    if isinstance(piece, bytes):
        # No line has a newline inside: together they are an array.
        values: list[Any] = codec.parse("[" + piece.decode().replace("\n", ",") + "]")
        return values
    assert piece[0] is not None
    return [DeadRecord(codec.parse(piece[0].decode()))]


def check_on_error(on_error: OnError) -> None:
    if not callable(on_error) and on_error not in ("raise", "skip"):
        raise ValueError(f"on_error is raise, skip or a function, not {on_error!r}")


def prepare_map(of: "dict[str, Any]") -> "tuple[Any, ...]":
    """The arguments of map(), as the engine takes them."""
    check_on_error(of["on_error"])
    return (
        command_of([*worker_words(of["worker"], of["python"]), *of["args"]], of),
        None if of["call"] is None else of["call"].encode(),
        of["workers"],
        not of["ordered"],
        seconds(of["start_timeout"], "start_timeout"),
        seconds(of["record_timeout"], "record_timeout"),
        _engine.FOREVER,
        seconds(of["grace"], "grace"),
        of["retries"],
        of["window"] or 0,
        of["warm"],
        None,
        None,
        stderr_of(of["stderr"]),
    )


def map(
    records: Iterable[Any],
    worker: Union[str, "os.PathLike[str]", Sequence[Word]],
    /,
    *args: Word,
    workers: int = 4,
    call: Optional[str] = None,
    ordered: bool = True,
    retries: int = 2,
    record_timeout: Optional[float] = None,
    on_error: OnError = "raise",
    window: Optional[int] = None,
    warm: bool = False,
    start_timeout: Optional[float] = None,
    grace: float = 5.0,
    python: Union[None, str, Sequence[str]] = None,
    cwd: Optional[Word] = None,
    env: Optional[Mapping[str, str]] = None,
    env_extra: Optional[Mapping[str, str]] = None,
    env_clear: bool = False,
    env_pass: Optional[Sequence[str]] = None,
    nice: int = 0,
    limits: Optional[Mapping[str, Optional[int]]] = None,
    stderr: Union[None, int, IO[Any]] = None,
) -> Map:
    """Map values that JSON has through workers: an iterator over their results, in order.

    A worker (as of Pool) reads lines of JSON and answers each with one; with call it is one of
    weir.worker's, and each record is a call of that function. A thread reads records, not
    further ahead than workers and window (records in flight per worker) ask for.

    warm, with call: one process runs the script up to serve(), and each worker is forked from it.

    A record whose worker dies, or that takes longer than record_timeout, is tried again alone,
    retries times; then it is dead: on_error is "raise" (DeadRecord), "skip", or a function that
    gets the DeadRecord. Raises NoWorker if the workers cannot run.
    """
    options = prepare_map(locals())
    return Map(Run(records, encode, options), values_of, on_error)
