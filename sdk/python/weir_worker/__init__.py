"""The former name of `weir.worker`; `run` is `weir.worker.serve`."""

from typing import TYPE_CHECKING, Any

from weir.worker import Cancelled, Error, InputBroken

if TYPE_CHECKING:
    from weir.worker import Content, Context, context, function, log, progress
    from weir.worker import serve as run

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
    "run",
]


def __getattr__(name: str) -> Any:
    from weir import worker

    return getattr(worker, "serve" if name == "run" else name)
