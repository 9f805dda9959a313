"""What parts of a worker ask of it, as protocols: so that they need not import it.  For type checkers only."""

from typing import Any, Callable, Optional, Protocol


class Stoppable(Protocol):
    """A call, for the event loop that runs it."""

    interrupted: bool


class Reader(Protocol):
    """A worker, for an input stream."""

    main_thread: int

    def wait_in_function(self, call: Any, ready: Callable[[], bool]) -> None: ...
    def send(self, text: str) -> None: ...


class Host(Protocol):
    """A worker, for the functions that it runs."""

    def request(self) -> tuple[Optional[dict[str, Any]], Optional[float]]:
        """The request that runs, and its deadline."""
        ...

    def log(self, text: str, level: str) -> bool:
        """False: there is no host to log to."""
        ...

    def progress(self, done: float, total: Optional[float], text: Optional[str]) -> None: ...

    def become_child(self) -> None: ...


class Runner(Protocol):
    """A worker, for its watcher: its attributes are those of worker.py."""

    main_thread: int
    engaged: bool
    idle: bool
    epoch: int
