"""Call functions of a Python program through weir: JSON-RPC messages, one per line, on a pipe.

    from weir.worker import function, serve

    @function
    def add(a: int, b: int) -> int:
        return a + b

    if __name__ == "__main__":
        serve()

Importing `function` or `serve` moves descriptors 0 and 1 away, so that printing cannot corrupt
the protocol. `python3 -m weir.worker FILE.py` serves the functions of a file that does not know
weir.
"""

from typing import TYPE_CHECKING, Any

from ._worker.errors import Cancelled, Error, InputBroken

if TYPE_CHECKING:
    from ._worker.content import Content
    from ._worker.current import Context, context, log, progress
    from ._worker.registry import function
    from ._worker.worker import serve

__all__ = [
    "Cancelled",
    "Content",
    "Context",
    "Error",
    "InputBroken",
    "context",
    "function",
    "log",
    "progress",
    "serve",
]


def __getattr__(name: str) -> Any:
    """What needs the wire is loaded, and takes it, when it is first asked for."""
    if name in ("function", "serve"):
        from ._worker import registry, wire, worker

        wire.take_unless_interactive()
        return registry.function if name == "function" else worker.serve
    if name == "Content":
        from ._worker.content import Content

        return Content
    if name in ("context", "Context", "log", "progress"):
        from ._worker import current

        return getattr(current, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "__main__":
    from weir._worker.__main__ import main

    main()
