"""The native engine: the context that all threads of this process share, and what it takes."""

import atexit
import os
import sys
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional, Protocol, Union

from ._errors import NO_WORKER as NO_WORKER_CODE
from ._errors import EngineError, NoWorker, SpecError, WeirError

try:
    from . import _native
except ImportError as reason:
    raise ImportError(
        f"this weir has no engine for {sys.platform} ({reason}): install a wheel of weir for this "
        "system, or the package weir of your system; weir.worker and weir.connect work without it"
    ) from None

Word = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
Command = tuple[Any, ...]

# Where a stream of a program goes or comes from; the first three are those of subprocess.
PIPE = -1
STDOUT = -2
DEVNULL = -3
INHERIT = -4

FOREVER = float("inf")
LIMITS = ("cpu", "memory", "files", "file-size", "processes", "core")


def words(line: str) -> list[str]:
    """Split a command line into words as a shell does, without running a shell."""
    import shlex

    return shlex.split(line)


def seconds(value: Optional[float], name: str, default: float = FOREVER) -> float:
    """A time as the engine takes it; None is the default."""
    if value is None:
        return default
    number = float(value)
    if number != number:  # noqa: PLR0124 - NaN
        raise ValueError(f"{name} is not a number of seconds")
    return number


def argv_of(args: Iterable[Word]) -> list[bytes]:
    if isinstance(args, (str, bytes, os.PathLike)):
        raise TypeError(
            f"{args!r} is not a list of words: give a list, or use weir.words('sort -u')"
        )
    argv = [os.fsencode(word) for word in args]
    if not argv:
        raise ValueError("a command has at least one word")
    return argv


def command(
    args: Iterable[Word],
    *,
    cwd: Optional[Word] = None,
    env: Optional[Mapping[str, str]] = None,
    env_extra: Optional[Mapping[str, str]] = None,
    env_clear: bool = False,
    env_pass: Optional[Sequence[str]] = None,
    nice: int = 0,
    limits: Optional[Mapping[str, Optional[int]]] = None,
) -> Command:
    """A command as _native takes it."""
    added = {**(env or {}), **(env_extra or {})}
    for name in added:
        if "=" in name or not name:
            raise ValueError(f"invalid name of a variable: {name!r}")
    bounds = [
        (_native.find_limit(name), 2**64 - 1 if value is None else value)
        for name, value in (limits or {}).items()
    ]
    return (
        argv_of(args),
        None if cwd is None else os.fsencode(cwd),
        int(env_clear or env is not None),
        None if env_pass is None else [os.fsencode(name) for name in env_pass],
        [os.fsencode(f"{name}={value}") for name, value in added.items()] or None,
        nice,
        bounds or None,
    )


def command_of(args: Iterable[Word], options: "dict[str, Any]") -> Command:
    """A command with those of these options that are a command's."""
    names = ("cwd", "env", "env_extra", "env_clear", "env_pass", "nice", "limits")
    return command(args, **{name: options[name] for name in names})


def _make_error(status: int, number: int, text: str) -> Exception:
    """The exception for a struct weir_error."""
    if status == -3:
        return ValueError(text)
    if status == -5:
        return LookupError(text)
    if status == -7:
        return SpecError(text)
    if status in (-10, -11):
        return NoWorker(NO_WORKER_CODE, text)
    if status == -9:
        return WeirError(text)
    return EngineError(number, text) if number else EngineError(text)


_native.set_error_maker(_make_error)


# --- Contexts -------------------------------------------------------------------------------------


class Closes(Protocol):
    def close(self) -> None: ...


_lock = threading.Lock()
_shared: Optional[_native.Context] = None
# What has to be closed before the contexts: pools.
_open: "weakref.WeakSet[Closes]" = weakref.WeakSet()


def make_context(collects: bool) -> _native.Context:
    return _native.Context(_find_spawner(), collects)


def _find_spawner() -> Optional[bytes]:
    """weir-spawner of this package; None: libweir looks for it."""
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_bin", "weir-spawner")
    if os.environ.get("WEIR_SPAWNER") or not os.access(beside, os.X_OK):
        return None
    return os.fsencode(beside)


def shared() -> _native.Context:
    """The context of this process, made when it is needed first."""
    global _shared
    context = _shared
    if context is None:
        with _lock:
            if _shared is None:
                _shared = make_context(False)
            context = _shared
    return context


def refresh() -> None:
    """Start later programs with the current umask, niceness, affinity and namespaces.

    Environment, directory, users, groups and resource limits are always the current ones.
    """
    shared().refresh()


def close_at_exit(pool: Closes) -> None:
    _open.add(pool)


def forget(pool: Closes) -> None:
    _open.discard(pool)


def _become_child() -> None:
    """The parent's context is left alone; the next use makes one for this process."""
    global _lock, _shared, _open
    if _shared is not None:
        _shared.forget()
    _lock = threading.Lock()
    _shared = None
    _open = weakref.WeakSet()


def _end() -> None:
    """At exit: ends what still runs. If threads are still inside, weir-spawner does it."""
    for pool in list(_open):
        pool.close()
    if _shared is not None:
        _shared.close()


os.register_at_fork(after_in_child=_become_child)
atexit.register(_end)


def wait_or_stop(job: _native.Job) -> None:
    """Wait for the end of a job. An exception, as of Ctrl-C, stops it first; a second one kills."""
    try:
        job.wait(None)
    except BaseException:
        stop(job)
        raise


def stop(job: _native.Job) -> None:
    """Stop a job and wait for its end. Another Ctrl-C meanwhile kills it."""
    job.drop()
    job.cancel()
    while not _waited(job):
        job.cancel()


def _waited(job: _native.Job) -> bool:
    try:
        return job.wait(None)
    except KeyboardInterrupt:
        return False
