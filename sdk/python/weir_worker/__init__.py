"""Call the functions of a Python program through weir: JSON-RPC messages, one per line, on a pipe.

    from weir_worker import function, run

    @function
    def add(a: int, b: int) -> int:
        return a + b

    if __name__ == "__main__":
        run()

Importing `function` or `run` moves descriptors 0 and 1 away, so that printing cannot corrupt
the protocol. Importing `weir_worker.client` does not.
"""

from typing import TYPE_CHECKING, Any

from .errors import Cancelled, Error

if TYPE_CHECKING:
    from .content import Content
    from .current import Context, context, log, progress
    from .registry import function
    from .worker import run

__all__ = [
    "Cancelled",
    "Content",
    "Context",
    "Error",
    "context",
    "function",
    "log",
    "progress",
    "run",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """What needs the wire is loaded, and takes it, when it is first asked for."""
    if name in ("function", "run"):
        from . import registry, wire, worker

        wire.take_unless_interactive()
        return registry.function if name == "function" else worker.run
    if name == "Content":
        from .content import Content

        return Content
    if name in ("context", "Context", "log", "progress"):
        from . import current

        return getattr(current, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
