"""weir.amap and weir.aeach: maps for asyncio."""

import asyncio
import contextlib
import json as json_module
import os
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, Callable, Optional, TypeVar, Union

from . import _native
from ._aengine import Engine, acquire, end_abandoned
from ._each import EachResult, prepare_each
from ._engine import Word
from ._errors import DeadRecord
from ._map import OnError, Piece, encode, handle, prepare_map, raise_failure, values_of
from ._pool import CREDIT, DONE, VALUES
from ._run import error_of

_TURN = 64  # records that are fed before the loop has its turn

T = TypeVar("T")
Self = TypeVar("Self", bound="AsyncResults[Any]")
Records = Union[Iterable[Any], AsyncIterable[Any]]


class _Run:
    """A map that runs in a loop, and the task that feeds it. It does not refer to its iterator."""

    def __init__(
        self, options: "tuple[Any, ...]", records: Records, encode: Callable[[Any], bytes]
    ) -> None:
        self._encode = encode
        self.failure: Optional[BaseException] = None  # of the records
        self.engine: Engine = acquire()
        try:
            self.job: _native.Job = self.engine.context.map(*options)
        except BaseException:
            self.engine.release()
            raise
        self.feeder = asyncio.ensure_future(self._feed(records))

    async def _feed(self, records: Records) -> None:
        try:
            if isinstance(records, AsyncIterable):
                await self._feed_async(records.__aiter__())
            else:
                await self._feed_sync(iter(records))
        except Exception as error:
            self.failure = error
        finally:
            with contextlib.suppress(RuntimeError):  # the context is closed
                self.job.close_input()

    async def _feed_async(self, values: AsyncIterator[Any]) -> None:
        try:
            async for value in values:
                if not await self._put(value):
                    break
        finally:
            close = getattr(values, "aclose", None)
            if close is not None:
                await close()

    async def _feed_sync(self, values: Iterator[Any]) -> None:
        try:
            for number, value in enumerate(values, 1):
                if not await self._put(value):
                    break
                if number % _TURN == 0:
                    await asyncio.sleep(0)
        finally:
            close = getattr(values, "close", None)
            if close is not None:
                close()

    async def _put(self, value: Any) -> bool:
        """Whether the map takes more."""
        data = self._encode(value)
        while not (fed := self.job.feed(data)):
            await self.engine.until(self.job, lambda: self.job.flags() & (CREDIT | DONE))
        return fed > 0

    def kill(self) -> None:
        self.feeder.cancel()
        if not self.job.done():
            self.job.cancel()
            self.job.cancel()

    async def end(self, kills: bool) -> None:
        """Stops it, and waits for its end and its feeder's. A cancellation meanwhile kills it."""
        is_cancelled = False
        try:
            self.feeder.cancel()
            if kills:
                self.kill()
            elif not self.job.done():
                self.job.stop()
            while not await self.engine.is_over(self.job, self.job.done):
                is_cancelled = True
                self.kill()
            if asyncio.current_task() is not self.feeder:  # not if the records end their own map
                try:
                    await asyncio.wait([self.feeder])
                except asyncio.CancelledError:
                    is_cancelled = True
                    self.feeder.cancel()
        finally:
            self.engine.release()
        if is_cancelled:
            raise asyncio.CancelledError

    def abandon(self) -> None:
        self.kill()
        self.engine.release()


class AsyncResults(AsyncIterator[T]):
    """The results of a map, as they come. It begins with `async with`, or with the first one."""

    def __init__(
        self,
        begin: Callable[[], _Run],
        values_of: "Callable[[Piece], list[Union[T, DeadRecord]]]",
        on_error: OnError,
    ) -> None:
        self._begin: Optional[Callable[[], _Run]] = begin
        self._run: Optional[_Run] = None
        self._pid = os.getpid()
        self._values_of = values_of
        self._on_error = on_error
        self._values: deque[Union[T, DeadRecord]] = deque()
        self.report: Optional[dict[str, Any]] = None  # docs/schemas/map-report.schema.json

    def _start(self) -> Optional[_Run]:
        begin, self._begin = self._begin, None
        if begin is not None:
            self._run = begin()
        return self._run

    def __aiter__(self) -> "AsyncIterator[T]":
        return self

    async def __anext__(self) -> T:
        try:
            while True:
                while not self._values:
                    await self._read_or_finish()
                value = self._values.popleft()
                if not isinstance(value, DeadRecord):
                    return value
                handle(value, self._on_error)
        except StopAsyncIteration:
            raise
        except asyncio.CancelledError:
            await self._end(False)
            raise
        except BaseException:
            await self._end(True)
            raise

    async def _read_or_finish(self) -> None:
        run = self._start()
        if run is None:
            raise StopAsyncIteration
        job = run.job
        is_over = job.done()
        piece = job.take()
        if piece is not None:
            self._values.extend(self._values_of(piece))
            await asyncio.sleep(0)  # other tasks have their turn
        elif not is_over:
            await run.engine.until(job, lambda: job.flags() & (VALUES | DONE))
        else:
            report = json_module.loads(job.result()[0])
            await self._end(True)
            self.report = report
            raise_failure(report, run.failure)

    async def _end(self, kills: bool) -> None:
        run, self._run = self._run, None
        self._begin = None
        self._values.clear()
        if run is not None and self._pid == os.getpid():
            await run.end(kills)

    async def __aenter__(self: Self) -> Self:
        self._start()
        return self

    async def aclose(self) -> None:
        """End what runs; records under way are lost."""
        await self._end(True)

    async def __aexit__(self, kind: Optional[type[BaseException]], *ignored: object) -> None:
        is_cancelled = kind is not None and issubclass(kind, asyncio.CancelledError)
        await self._end(not is_cancelled)

    def __del__(self) -> None:
        run = getattr(self, "_run", None)
        if run is not None and self._pid == os.getpid():
            try:
                run.engine.loop.call_soon_threadsafe(run.abandon)
            except RuntimeError:  # the loop is closed
                end_abandoned()


class AsyncMap(AsyncResults[Any]):
    """The results, as they come. Closing it ends the workers; report is there afterwards."""


class AsyncEach(AsyncResults[EachResult]):
    """The results, as they come. Closing it ends the programs; report is there afterwards."""

    _check = False

    async def __anext__(self) -> EachResult:
        result = await super().__anext__()
        error = error_of(result) if self._check else None
        if error is not None:
            await self._end(True)
            raise error
        return result


def amap(
    records: Records,
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
) -> AsyncMap:
    """Map values as map() does, without blocking the loop: `async for` over the results.

    records are iterated in the loop: an AsyncIterable, or an iterable that does not block; their
    iterator is closed at the end, and its cleanup may take any time. When the task is cancelled the
    workers are stopped, and the task ends when they have ended; a second cancellation kills them,
    or interrupts the cleanup.
    """
    options = prepare_map(locals())
    return AsyncMap(lambda: _Run(options, records, encode), values_of, on_error)


def aeach(
    records: Records,
    args: Iterable[Word],
    *,
    workers: int = 0,
    ordered: bool = True,
    check: bool = False,
    json: bool = False,
    stdin: bool = False,
    record_timeout: Optional[float] = None,
    retries: int = 0,
    retry_delay: float = 0,
    ok_exit: Sequence[int] = (0,),
    max_output: int = 1 << 20,
    rate: Optional[float] = None,
    delay: float = 0,
    max_load: Optional[float] = None,
    memory_free: int = 0,
    jobserver: bool = False,
    hosts: Union[None, str, "os.PathLike[str]"] = None,
    launcher: Optional[Sequence[Word]] = None,
    launcher_shell: bool = False,
    grace: float = 5.0,
    on_error: OnError = "raise",
    cwd: Optional[Word] = None,
    env: Optional[Mapping[str, str]] = None,
    env_extra: Optional[Mapping[str, str]] = None,
    env_clear: bool = False,
    env_pass: Optional[Sequence[str]] = None,
    nice: int = 0,
    limits: Optional[Mapping[str, Optional[int]]] = None,
) -> AsyncEach:
    """Run a program for each record as each() does, without blocking the loop.

    records are iterated in the loop: an AsyncIterable, or an iterable that does not block; their
    iterator is closed at the end, and its cleanup may take any time. When the task is cancelled the
    programs are stopped, and the task ends when they have ended; a second cancellation kills them,
    or interrupts the cleanup.
    """
    options, kept = prepare_each(locals())
    results = AsyncEach(lambda: _Run(options, records, kept.encode), kept.values_of, on_error)
    results._check = check
    return results
