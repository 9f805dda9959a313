"""The native engine in a running loop, which watches its descriptor: no threads."""

import asyncio
import atexit
import os
from typing import Any, Callable, Optional

from . import _engine, _native


class Engine:
    """A context in a running loop, for as long as something of it runs there."""

    def __init__(self, context: _native.Context, loop: asyncio.AbstractEventLoop) -> None:
        self.context = context
        self.loop = loop
        self.users = 0
        self._timer: Optional[asyncio.TimerHandle] = None
        # Who waits for news of an object of the engine.
        self._waiting: dict[Any, list[asyncio.Future[None]]] = {}
        loop.add_reader(context.fd(), self._dispatch)
        # Readable when another thread has dispatched what tasks wait for.
        loop.add_reader(context.news_fd(), self.take_news)

    def _dispatch(self) -> None:
        self._tell(self.context.dispatch())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # Only where the descriptor does not become readable at deadlines.
        ms = self.context.timeout_ms() if self.users else -1
        if ms >= 0:
            self._timer = self.loop.call_later(ms / 1000, self._dispatch)

    def take_news(self) -> None:
        """Wake the tasks that wait for what something else has dispatched."""
        self._tell(self.context.news())

    def _tell(self, news: "list[Any]") -> None:
        for one in news:
            for future in self._waiting.pop(one, ()):
                if not future.done():
                    future.set_result(None)

    async def until(self, one: Any, ready: Callable[[], object]) -> None:
        """Wait for news of an object until ready()."""
        while not ready():
            future: asyncio.Future[None] = self.loop.create_future()
            self._waiting.setdefault(one, []).append(future)
            await future

    async def until_over(self, job: Any, ready: Callable[[], object]) -> None:
        """The same for a job; when the task is cancelled, it ends when the job has."""
        try:
            await self.until(job, ready)
        except asyncio.CancelledError:
            job.cancel()
            while not await self.is_over(job, ready):
                job.cancel()  # cancelled once more: kills it
            raise

    async def is_over(self, job: Any, ready: Callable[[], object]) -> bool:
        try:
            await self.until(job, ready)
        except asyncio.CancelledError:
            return False
        return True

    def release(self) -> None:
        self.users -= 1
        if self.users == 0 and _engines.pop(self.loop, None) is self:
            self.loop.remove_reader(self.context.fd())
            self.loop.remove_reader(self.context.news_fd())
            if self._timer is not None:
                self._timer.cancel()
            if _idle:
                self.context.close()
            else:
                _idle.append(self.context)


# Loops in which something runs, and contexts without a loop: the next one takes one of them.
_engines: dict[asyncio.AbstractEventLoop, Engine] = {}
_idle: list[_native.Context] = []


def acquire() -> Engine:
    loop = asyncio.get_running_loop()
    engine = _engines.get(loop)
    if engine is None:
        end_abandoned()
        try:
            context = _idle.pop()
        except IndexError:
            context = _engine.make_context(True)
        engine = _engines[loop] = Engine(context, loop)
    engine.users += 1
    return engine


def end_abandoned() -> None:
    """End what runs in loops that were closed under it."""
    for loop in list(_engines):
        engine = _engines.pop(loop, None) if loop.is_closed() else None
        if engine is not None:
            engine.context.close()


def _become_child() -> None:
    for context in [*_idle, *(engine.context for engine in _engines.values())]:
        context.forget()
    _engines.clear()
    _idle.clear()


def _end() -> None:
    for context in [*_idle, *(engine.context for engine in _engines.values())]:
        context.close()


os.register_at_fork(after_in_child=_become_child)
atexit.register(_end)
