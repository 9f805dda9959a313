"""`async def`: an event loop of the worker's own, on the main thread."""
from typing import TYPE_CHECKING, Any, AsyncGenerator, Callable, Coroutine, Iterator, Optional

if TYPE_CHECKING:
    import asyncio

    from .call import Call

# asyncio is not loaded before an `async def` is called: it takes longer than all the rest.
_loop: "Optional[asyncio.AbstractEventLoop]" = None
# The task that runs for the current call.
task: "Optional[asyncio.Task[Any]]" = None


def loop() -> "asyncio.AbstractEventLoop":
    global _loop
    import asyncio
    if _loop is None:
        _loop = asyncio.new_event_loop()
        asyncio.set_event_loop(_loop)
    return _loop


def _run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    global task
    task = loop().create_task(coroutine)
    try:
        return loop().run_until_complete(task)
    finally:
        task = None


def runs(target: Callable[..., Any]) -> Callable[..., Any]:
    """A plain function that runs an `async def` to its end."""
    def call(*values: Any, **named: Any) -> Any:
        return _run(target(*values, **named))
    return call


async def _next(generator: "AsyncGenerator[Any, Any]") -> Any:
    return await generator.__anext__()


def generates(target: Callable[..., Any]) -> Callable[..., Any]:
    """A generator that steps an async generator."""
    def call(*values: Any, **named: Any) -> Iterator[Any]:
        generator = target(*values, **named)
        try:
            while True:
                try:
                    value = _run(_next(generator))
                except StopAsyncIteration:
                    return
                yield value
        finally:
            _run(generator.aclose())
    return call


def cancel_soon(call: "Call") -> None:
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


def close() -> None:
    if _loop is not None and not _loop.is_closed():
        _loop.run_until_complete(_loop.shutdown_asyncgens())
        _loop.close()
