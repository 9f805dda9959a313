"""Run programs, pipelines and pools of workers reliably.

    import weir

    weir.run(["make", "-j4"], timeout=600).status        # 124 if it took longer
    with weir.Pool("worker.py", workers=4) as pool:
        pool.call("add", 3, 4)

Everything here is loaded when it is first used. `weir.worker` has what a worker needs.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._amap import AsyncEach, AsyncMap, aeach, amap
    from ._asyncio import AsyncPool, AsyncStream, apipe, arun
    from ._caller import Caller
    from ._client import Client, connect
    from ._each import Each, EachResult, each
    from ._engine import DEVNULL, INHERIT, STDOUT, refresh, words
    from ._errors import (
        CallCancelled,
        CallError,
        Closed,
        DeadlineExceeded,
        DeadRecord,
        EngineError,
        NoWorker,
        OutcomeUnknown,
        Poison,
        QueueFull,
        RemoteError,
        SpecError,
        WeirError,
    )
    from ._map import Map, map
    from ._pipe import PipeFailed, PipeResult, PipeTimeout, Stage, StageResult, pipe
    from ._pool import Pool
    from ._run import (
        End,
        Failed,
        Holder,
        NotExecutable,
        NotFound,
        NotStarted,
        Output,
        Result,
        TimeoutExpired,
        Why,
        run,
    )

__version__ = "0.2.0"

_HOME = {
    "_amap": "AsyncEach AsyncMap aeach amap",
    "_asyncio": "AsyncPool AsyncStream apipe arun",
    "_caller": "Caller",
    "_client": "Client connect",
    "_each": "Each EachResult each",
    "_engine": "DEVNULL INHERIT STDOUT refresh words",
    "_errors": "CallCancelled CallError Closed DeadRecord DeadlineExceeded EngineError NoWorker "
    "OutcomeUnknown Poison QueueFull RemoteError SpecError WeirError",
    "_map": "Map map",
    "_pipe": "PipeFailed PipeResult PipeTimeout Stage StageResult pipe",
    "_pool": "Pool",
    "_run": "End Failed Holder NotExecutable NotFound NotStarted Output Result TimeoutExpired Why run",
}
_MODULE = {name: module for module, names in _HOME.items() for name in names.split()}

__all__ = [
    "DEVNULL",
    "INHERIT",
    "STDOUT",
    "AsyncEach",
    "AsyncMap",
    "AsyncPool",
    "AsyncStream",
    "CallCancelled",
    "CallError",
    "Caller",
    "Client",
    "Closed",
    "DeadRecord",
    "DeadlineExceeded",
    "Each",
    "EachResult",
    "End",
    "EngineError",
    "Failed",
    "Holder",
    "Map",
    "NoWorker",
    "NotExecutable",
    "NotFound",
    "NotStarted",
    "OutcomeUnknown",
    "Output",
    "PipeFailed",
    "PipeResult",
    "PipeTimeout",
    "Poison",
    "Pool",
    "QueueFull",
    "RemoteError",
    "Result",
    "SpecError",
    "Stage",
    "StageResult",
    "TimeoutExpired",
    "WeirError",
    "Why",
    "aeach",
    "amap",
    "apipe",
    "arun",
    "connect",
    "each",
    "map",
    "pipe",
    "refresh",
    "run",
    "words",
]


def __getattr__(name: str) -> Any:
    module = _MODULE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> "list[str]":
    return sorted([*globals(), *__all__])
