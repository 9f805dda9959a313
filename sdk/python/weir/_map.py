"""weir.map: values through long-lived workers, in order, with an account of every record."""

import json
import os
import select
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, Callable, Optional, TypeVar, Union

from . import _engine, _native
from ._engine import Word, seconds
from ._errors import NO_WORKER, DeadRecord, NoWorker, WeirError
from ._pool import stderr_of, worker_words
from ._worker import codec

_HAS_DEAD, _CANNOT_RUN = 1, 4
READ_SIZE = 1 << 18

T = TypeVar("T")
OnError = Union[str, Callable[[DeadRecord], object]]


def encode(value: Any) -> bytes:
    """A value as a line of JSON."""
    return codec.encode(value).encode("utf-8", "backslashreplace") + b"\n"


class Run:
    """A map that runs, with its pipes and threads. It does not refer to its iterator."""

    job: _native.Job
    failure: Optional[BaseException] = None  # of the records
    _report: "Optional[dict[str, Any]]" = None
    _borrowed: tuple[int, ...] = ()  # the engine's until the map is over

    def __init__(
        self,
        records: Iterable[Any],
        encode: Callable[[Any], bytes],
        options: "tuple[Any, ...]",
        stderr: int,
    ) -> None:
        self._records = records
        self._encode = encode
        self.results, output = os.pipe()
        self.dead, letters = os.pipe()
        input, self._input = os.pipe()
        self._borrowed = (input, output, letters)
        files = (None, f"/dev/fd/{letters}".encode(), None, input, output, stderr)
        try:
            self.job = _engine.shared().map(*options, *files)
        except BaseException:
            for fd in (self.results, self.dead, self._input, *self._borrowed):
                os.close(fd)
            raise
        self._poll = select.poll()
        self._open = {self.results, self.dead}
        for fd in self._open:
            self._poll.register(fd, select.POLLIN)
        self._watch()
        threading.Thread(target=self._feed, daemon=True, name="weir records").start()

    def _watch(self) -> None:
        """Has a thread look after the map while nobody waits for it."""
        self._waiter = threading.Thread(target=self._wait, daemon=True, name="weir map")
        self._waiter.start()

    def _wait(self) -> None:
        self.job.wait(None)
        for fd in self._borrowed:
            os.close(fd)

    def _feed(self) -> None:
        values: Optional[Iterator[Any]] = None
        try:
            values = iter(self._records)
            for value in values:
                data = self._encode(value)
                while data:
                    data = data[os.write(self._input, data) :]
        except BrokenPipeError:  # the map has ended
            pass
        except BaseException as error:
            self.failure = error
        finally:
            os.close(self._input)
            close = getattr(values, "close", None)
            if close is not None:
                close()

    def read(self) -> "Optional[tuple[bool, bytes]]":
        """What came next: whether of the results, otherwise of dead letters. None: that was all."""
        while self._open:
            ready = [fd for fd, _ in self._poll.poll()]
            # What was written before a record died is read first.
            fd = self.results if self.results in ready else self.dead
            data = os.read(fd, READ_SIZE)
            if data:
                return fd == self.results, data
            self._poll.unregister(fd)
            self._open.remove(fd)
        return None

    def report(self) -> "dict[str, Any]":
        """The report of a map that is over: docs/schemas/map-report.schema.json."""
        report = self._report
        if report is None:
            report = self._report = json.loads(self.job.result()[0])
        return report

    def end(self) -> None:
        """Stops it if it still runs, and closes our ends."""
        if not self.job.done():
            self.job.cancel()
            self.job.cancel()
        self._waiter.join()
        os.close(self.results)
        os.close(self.dead)


class Results(Iterator[T]):
    """The results of a map, as they come."""

    def __init__(self, run: Run, on_error: OnError) -> None:
        self._run: Optional[Run] = run
        self._pid = os.getpid()
        self._on_error = on_error
        self._values: deque[Union[T, DeadRecord]] = deque()
        self._rest = {True: b"", False: b""}  # of results and letters: what is no line yet
        self.report: Optional[dict[str, Any]] = None  # docs/schemas/map-report.schema.json
        _engine.close_at_exit(self)

    def _take_result(self, line: str) -> None:
        """Adds to the values what a line of results says."""
        raise NotImplementedError

    def _take_letter(self, letter: "dict[str, Any]") -> None:
        self._values.append(DeadRecord(letter))

    def __iter__(self) -> "Iterator[T]":
        return self

    def __next__(self) -> T:
        try:
            while True:
                while not self._values:
                    self._read_or_finish()
                value = self._values.popleft()
                if not isinstance(value, DeadRecord):
                    return value
                self._handle(value)
        except StopIteration:
            raise
        except BaseException:
            self.close()
            raise

    def _read_or_finish(self) -> None:
        run = self._run
        if run is None:
            raise StopIteration
        piece = run.read()
        if piece is None:
            self._finish(run)
            return
        is_result, data = piece
        *lines, self._rest[is_result] = (self._rest[is_result] + data).split(b"\n")
        for line in lines:
            if is_result:
                self._take_result(line.decode())
            else:
                self._take_letter(codec.parse(line.decode()))

    def _handle(self, error: DeadRecord) -> None:
        if callable(self._on_error):
            self._on_error(error)
        elif self._on_error == "raise":
            raise error

    def _finish(self, run: Run) -> None:
        report = run.report()
        self.close()
        self.report = report
        if run.failure is not None:
            raise run.failure
        if report["status"] == _CANNOT_RUN:
            raise NoWorker(NO_WORKER, report["reason"])
        if report["status"] not in (0, _HAS_DEAD):
            raise WeirError(report["reason"])

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

    def _take_result(self, line: str) -> None:
        self._values.append(codec.parse(line))

    def __enter__(self) -> "Map":
        return self


def check_on_error(on_error: OnError) -> None:
    if not callable(on_error) and on_error not in ("raise", "skip"):
        raise ValueError(f"on_error is raise, skip or a function, not {on_error!r}")


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
    check_on_error(on_error)
    command = _engine.command(
        [*worker_words(worker, python), *args],
        cwd=cwd,
        env=env,
        env_extra=env_extra,
        env_clear=env_clear,
        env_pass=env_pass,
        nice=nice,
        limits=limits,
    )
    options = (
        command,
        None if call is None else call.encode(),
        workers,
        not ordered,
        seconds(start_timeout, "start_timeout"),
        seconds(record_timeout, "record_timeout"),
        _engine.FOREVER,
        seconds(grace, "grace"),
        retries,
        window or 0,
        warm,
        None,
    )
    return Map(Run(records, encode, options, stderr_of(stderr)), on_error)
