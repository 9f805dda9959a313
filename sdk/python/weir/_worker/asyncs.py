"""`async def`: an event loop of the worker's own, on the main thread."""

import contextlib
import contextvars
import sys
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterator
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Optional,
)

if TYPE_CHECKING:
    import asyncio

    from .roles import Stoppable

# asyncio is not loaded before an `async def` is called: it takes longer than all the rest.
_loop: "Optional[asyncio.AbstractEventLoop]" = None
# The task that runs for the current call.
task: "Optional[asyncio.Task[Any]]" = None


def loop() -> "asyncio.AbstractEventLoop":
    global _loop
    import asyncio

    if _loop is None or _loop.is_closed():  # a function may have closed it
        _loop = asyncio.new_event_loop()
        asyncio.set_event_loop(_loop)
    return _loop


def _run(coroutine: Coroutine[Any, Any, Any], **context: Any) -> Any:
    global task
    task = loop().create_task(coroutine, **context)
    try:
        return loop().run_until_complete(task)
    finally:
        task = None


def settled(target: Callable[..., Any]) -> Callable[..., Any]:
    """A plain function: what `target` gives to await is awaited, an async iterator becomes an iterator."""

    def call(*values: Any, **named: Any) -> Any:
        result = target(*values, **named)
        while hasattr(type(result), "__await__"):
            result = _run(_wait_for(result))
        return _steps(result) if hasattr(type(result), "__anext__") else result

    return call


async def _wait_for(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


async def _next(generator: AsyncIterator[Any]) -> Any:
    return await generator.__anext__()


def _steps(generator: AsyncIterator[Any]) -> Iterator[Any]:
    """Each step is a task; all of them run in one context."""
    context = contextvars.copy_context()
    run = _run if sys.version_info >= (3, 11) else _run_and_keep
    try:
        while True:
            try:
                value = run(_next(generator), context=context)
            except StopAsyncIteration:
                return
            yield value
    finally:
        close = getattr(generator, "aclose", None)
        if close is not None:
            run(_wait_for(close()), context=context)


def _run_and_keep(coroutine: Coroutine[Any, Any, Any], context: contextvars.Context) -> Any:
    """Before Python 3.11 a task runs in a copy of the context: what it has set is set in ours too."""
    after: dict[contextvars.ContextVar[Any], Any] = {}

    async def step() -> Any:
        try:
            return await coroutine
        finally:
            after.update(contextvars.copy_context())

    def keep() -> None:
        for variable, value in after.items():
            variable.set(value)

    try:
        return context.copy().run(_run, step())
    finally:
        context.run(keep)


def cancel_soon(call: "Stoppable") -> None:
    """From any thread: the current task is cancelled, once, at the place where it waits.

    A step that does not come to a wait is interrupted like any function (watcher.py).
    """
    running = task

    def cancel() -> None:
        if not call.interrupted and running is not None:
            call.interrupted = True
            running.cancel()

    if running is not None and _loop is not None:
        _loop.call_soon_threadsafe(cancel)


def in_step() -> bool:
    """Whether code of a task runs just now, and not the loop's own."""
    import asyncio

    return _loop is not None and asyncio.current_task(_loop) is not None


def become_child(end: Callable[[Optional[BaseException]], Any]) -> None:
    """In a child made by fork(): the loop, its descriptors and its other tasks are the parent's.

    So the child ends where the task that forked returns to the loop.
    """
    if _loop is None or not _loop.is_running():
        return
    import asyncio

    forked = asyncio.current_task(_loop)

    def finish() -> None:
        if forked is None or not forked.done():
            end(RuntimeError("a child made by fork() cannot wait on the event loop of its parent"))
        elif forked.cancelled():
            end(asyncio.CancelledError())
        else:
            end(forked.exception())

    for handle in list(getattr(_loop, "_ready", ())):
        handle.cancel()
    with contextlib.suppress(RuntimeError):
        _loop.call_soon(finish)


def close() -> None:
    if _loop is not None and not _loop.is_closed():
        _loop.run_until_complete(_loop.shutdown_asyncgens())
        _loop.close()
