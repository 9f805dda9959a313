"""weir for asyncio: arun, apipe and AsyncPool; _amap.py has maps."""

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from typing import IO, Any, Callable, Optional, Union

from . import _engine, _native
from ._aengine import Engine, acquire
from ._engine import Word
from ._errors import Closed, Forked
from ._pipe import PipeResult, PreparedPipe, Stage, Words
from ._pool import (
    CREDIT,
    DONE,
    VALUES,
    call_arguments,
    encode_value,
    outcome_of,
    parse_value,
    pool_options,
    streams_out,
)
from ._run import Prepared, Result, Target
from ._worker import codec


async def arun(
    args: Iterable[Word],
    *,
    input: Union[None, str, bytes] = None,
    timeout: Optional[float] = None,
    idle: Optional[float] = None,
    grace: Optional[float] = 5.0,
    drain: Optional[float] = 1.0,
    cwd: Optional[Word] = None,
    env: Optional[Mapping[str, str]] = None,
    env_extra: Optional[Mapping[str, str]] = None,
    env_clear: bool = False,
    env_pass: Optional[Sequence[str]] = None,
    check: bool = False,
    text: bool = True,
    encoding: str = "utf-8",
    errors: str = "replace",
    capture_output: bool = True,
    stdin: Target = None,
    stdout: Target = None,
    stderr: Target = None,
    max_output: int = 16 << 20,
    overflow: str = "keep",
    limits: Optional[Mapping[str, Optional[int]]] = None,
    nice: int = 0,
    on_stdout: Optional[Callable[[Any], object]] = None,
    on_stderr: Optional[Callable[[Any], object]] = None,
    stop: Optional[str] = None,
) -> Result:
    """Run a program as run() does, without blocking the loop.

    When the task is cancelled the program is stopped, and the task ends when it has ended; a second
    cancellation kills it.
    """
    prepared = Prepared(locals())
    try:
        engine = acquire()
        try:
            job = prepared.start(engine.context)
            try:
                while prepared.sinks and not prepared.hand_out(job):
                    await engine.until(job, job.flags)
            except BaseException:
                job.drop()
                job.cancel()
                await engine.until_over(job, job.done)
                raise
            await engine.until_over(job, job.done)
            return prepared.finish(job)
        finally:
            engine.release()
    finally:
        prepared.close()


async def apipe(
    stages: Union[Mapping[str, Any], Iterable[Union[Words, Stage]]],
    *,
    input: Union[None, str, bytes] = None,
    verdict: str = "smart",
    timeout: Optional[float] = None,
    grace: Optional[float] = None,
    drain: Optional[float] = None,
    check: bool = False,
    text: bool = True,
    encoding: str = "utf-8",
    errors: str = "replace",
) -> PipeResult:
    """Run a pipeline as pipe() does, without blocking the loop.

    When the task is cancelled its programs are stopped, and the task ends when they have ended.
    """
    prepared = PreparedPipe(locals())
    try:
        engine = acquire()
        try:
            job = prepared.start(engine.context)
            await engine.until_over(job, job.done)
            return prepared.finish(job)
        finally:
            engine.release()
    finally:
        prepared.close()


class AsyncPool:
    """A Pool for asyncio: `async with weir.AsyncPool("worker.py") as pool`."""

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
        """The arguments are those of Pool. The workers start with `async with`, or start()."""
        self._options = pool_options(locals())
        self._pid = os.getpid()
        self._engine: Optional[Engine] = None
        self._native: Optional[_native.Pool] = None
        self.methods: dict[str, Any] = {}

    async def start(self) -> None:
        """Start the workers, and wait until they are ready. Raises NoWorker."""
        if self._engine is not None:
            raise RuntimeError("the pool has been started already")
        self._engine = engine = acquire()
        try:
            self._native = native = engine.context.pool(*self._options)
            await engine.until(native, lambda: native.wait_ready(0))
            self.methods = codec.parse(native.methods().decode())
        except BaseException:
            await self.close()
            raise

    async def __aenter__(self) -> "AsyncPool":
        await self.start()
        return self

    async def __aexit__(self, *ignored: object) -> None:
        await self.close()

    async def close(self, drain: float = 0.0) -> None:
        """Wait up to drain seconds for running calls, cancel the rest, and end the workers."""
        native, self._native = self._native, None
        engine, self._engine = self._engine, None
        if engine is None or self._pid != os.getpid():
            return
        try:
            if native is not None:
                if drain > 0:
                    native.drain(_engine.seconds(drain, "drain"))
                    await engine.until(native, lambda: native.wait_drained(0))
                await asyncio.shield(asyncio.to_thread(native.close))
        finally:
            engine.release()

    def _ours(self) -> "tuple[_native.Pool, Engine]":
        if self._pid != os.getpid():
            raise Forked(f"this pool belongs to process {self._pid}: make one after fork")
        if self._native is None or self._engine is None:
            raise Closed("the pool is not open")
        return self._native, self._engine

    def _begin(self, *arguments: Any) -> "tuple[Engine, _native.Call]":
        native, engine = self._ours()
        try:
            return engine, native.call(*arguments)
        finally:
            engine.take_news()  # call() dispatches, too

    async def call(
        self,
        method: str,
        /,
        *args: Any,
        timeout: Optional[float] = None,
        input: Optional[Union[Iterable[Any], AsyncIterable[Any]]] = None,
        traceparent: Optional[str] = None,
        **kwargs: Any,
    ) -> Any:
        """Call a function and return its result, as Pool.call does.

        When the task is cancelled, so is the function, and the task ends when it has.
        """
        if input is not None or streams_out(self.methods, method):
            stream = self.stream(
                method, *args, timeout=timeout, input=input, traceparent=traceparent, **kwargs
            )
            try:
                values = [value async for value in stream]
            finally:
                await stream.aclose()
            return values if values or stream.result is None else stream.result
        engine, call = self._begin(
            *call_arguments(method, args, kwargs, timeout, traceparent, False, False)
        )
        await engine.until_over(call, lambda: call.flags() & DONE)
        return outcome_of(call.reply())

    def stream(
        self,
        method: str,
        /,
        *args: Any,
        timeout: Optional[float] = None,
        input: Optional[Union[Iterable[Any], AsyncIterable[Any]]] = None,
        traceparent: Optional[str] = None,
        **kwargs: Any,
    ) -> "AsyncStream":
        """Call a function: `async for` over its values. Closing it cancels the call.

        input is iterated in the loop: an AsyncIterable, or an iterable that does not block.
        """
        streams_in = input is not None
        engine, call = self._begin(
            *call_arguments(method, args, kwargs, timeout, traceparent, streams_in, True)
        )
        return AsyncStream(engine, call, input)

    def stats(self) -> Any:
        """Return the statistics of the pool: calls, errors, latencies, workers."""
        return codec.parse(self._ours()[0].stats().decode())

    def replace(self) -> None:
        """Replace every worker by a new one, each once that is ready. No call is lost."""
        self._ours()[0].replace()


class AsyncStream(AsyncIterator[Any]):
    """The values of a call, as they arrive. `result` is the closing value after the last one."""

    def __init__(
        self,
        engine: Engine,
        call: _native.Call,
        input: Optional[Union[Iterable[Any], AsyncIterable[Any]]],
    ) -> None:
        self._engine = engine
        self._call: Optional[_native.Call] = call
        self._failure: Optional[BaseException] = None  # of the input
        self.result: Any = None
        self._feeder = None if input is None else asyncio.ensure_future(self._feed(call, input))

    async def _feed(
        self, call: _native.Call, input: Union[Iterable[Any], AsyncIterable[Any]]
    ) -> None:
        try:
            if isinstance(input, AsyncIterable):
                async for value in input:
                    if not await self._send(call, value):
                        return
            else:
                for value in input:
                    if not await self._send(call, value):
                        return
            call.end(None)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._failure = error
            call.end(f"{type(error).__name__}: {error}")

    async def _send(self, call: _native.Call, value: Any) -> int:
        data = encode_value(value)
        while (sent := call.send(data)) < 0:
            await self._engine.until(call, lambda: call.flags() & (CREDIT | DONE))
        return sent

    def __aiter__(self) -> "AsyncStream":
        return self

    async def __anext__(self) -> Any:
        call = self._call
        if call is None:
            raise StopAsyncIteration
        try:
            value = call.next()
            if value is None:
                await self._engine.until(call, lambda: call.flags() & (VALUES | DONE))
                value = call.next()
        except BaseException:
            self._close()
            raise
        if value is not None:
            return parse_value(value)
        self._close()
        self.result = outcome_of(call.reply(), self._failure)
        raise StopAsyncIteration

    def _close(self) -> None:
        call, self._call = self._call, None
        if self._feeder is not None:
            self._feeder.cancel()
        if call is not None and not call.flags() & DONE:
            call.cancel()

    async def aclose(self) -> None:
        """Cancel the call and discard values that have already arrived."""
        self._close()

    async def __aenter__(self) -> "AsyncStream":
        return self

    async def __aexit__(self, *ignored: object) -> None:
        self._close()
