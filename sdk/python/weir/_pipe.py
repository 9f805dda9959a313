"""weir.pipe: programs joined by pipes, with a status for each and one verdict."""

import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import IO, Any, NamedTuple, Optional, Union

from . import _engine, _native
from ._run import Failed, Result, TimeoutExpired, Why

Words = Union[str, Sequence[str]]

# In a spec these have their unit in the name.
_SECONDS = ("timeout", "idle", "grace")


@dataclass
class Stage:
    """A program of a pipeline. A str is split into words as a shell does; there is no shell."""

    cmd: Words
    name: Optional[str] = None
    env: Optional[Mapping[str, str]] = None
    env_clear: Optional[bool] = None
    env_pass: Optional[Sequence[str]] = None
    cwd: Optional[str] = None
    encoding: Optional[str] = None  # of its output, which becomes UTF-8
    stderr: str = "keep"  # or "prefix": kept and passed on; "discard"; "stdout"
    timeout: Optional[float] = None
    idle: Optional[float] = None
    grace: Optional[float] = None
    limits: Optional[Mapping[str, int]] = None
    ok_exit: Optional[Sequence[int]] = None  # exit codes that are a success
    early_close: Optional[str] = None  # "ok": forgive all but crashes once the reader has left
    meter: Optional[bool] = None  # count its output
    nice: Optional[int] = None
    map: Optional[Mapping[str, Any]] = None  # a map stage, as in docs/pipeline.md
    stop: Optional[str] = None  # the stop sequence for its timeout and idle, as in run()

    def spec(self) -> "dict[str, Any]":
        """The stage as in the spec of `weir pipe -f`."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            f"{name}_s" if name in _SECONDS else name: value
            for name, value in values.items()
            if value is not None
        }


class StageResult(NamedTuple):
    """How a stage ended."""

    name: str
    result: Result  # its stdout is empty: it went to the next stage
    forgiven: bool  # it failed, but the verdict forgives it
    bytes_out: Optional[int]  # if it was metered


class PipeResult:
    """How a pipeline ended, and the output of its last stage."""

    __slots__ = (
        "_bytes",
        "_document",
        "_errors",
        "_text",
        "decided_by",
        "reason",
        "stages",
        "status",
        "wall",
        "why",
    )

    status: int  # as of `weir pipe`: 0, or that of the stage that decides
    decided_by: Optional[str]  # the name of that stage; None if ok or for the whole
    reason: str  # "exited with 3"
    why: Why
    wall: float
    stages: tuple[StageResult, ...]

    def __init__(
        self,
        document: "dict[str, Any]",
        results: Sequence[_native.Result],
        output: bytes,
        encoding: Optional[str],
        errors: str,
    ) -> None:
        decided = document["decided_by"] or {}
        self.status = document["status"]
        self.decided_by = decided.get("stage")
        self.reason = decided.get("reason", "")
        self.why = Why(document["why"])
        self.wall = document["wall_ms"] / 1000
        self.stages = tuple(
            StageResult(
                one["name"], Result(result, one["argv"], True), one["forgiven"], one["bytes_out"]
            )
            for one, result in zip(document["stages"], results)
        )
        self._document = document
        self._bytes = output
        self._text = encoding
        self._errors = errors

    @property
    def ok(self) -> bool:
        return self.status == 0

    @property
    def bytes(self) -> bytes:
        """The output of the last stage."""
        return self._bytes

    @property
    def stdout(self) -> Any:
        """The output of the last stage: str, or bytes with text=False."""
        if self._text is None:
            return self._bytes
        return self._bytes.decode(self._text, self._errors)

    def json(self) -> "dict[str, Any]":
        """The report of `weir pipe --report` (docs/schemas/pipe-report.schema.json)."""
        return self._document

    def check_returncode(self) -> None:
        """Raise PipeFailed, or PipeTimeout, unless the pipeline succeeded."""
        if self.why in (Why.TIMEOUT, Why.IDLE):
            raise PipeTimeout(self)
        if not self.ok:
            raise PipeFailed(self)

    @property
    def args(self) -> "list[list[str]]":
        return [stage.result.args for stage in self.stages]

    @property
    def returncode(self) -> int:
        return self.status

    @property
    def stderr(self) -> str:
        """What the stages wrote on their stderr, one stage after the other."""
        return "".join(stage.result.err.text for stage in self.stages)

    def __repr__(self) -> str:
        return f"<PipeResult: {_describe(self)}>"


def _describe(result: PipeResult) -> str:
    return f"{result.decided_by or 'the pipeline'}: {result.reason}" if result.reason else "ok"


class PipeFailed(Failed):
    """A pipeline failed. Raised with check=True; .result is the PipeResult."""

    def __str__(self) -> str:
        return _describe(self.result)


class PipeTimeout(PipeFailed, TimeoutExpired):
    """A time limit of a pipeline was over."""


class PreparedPipe:
    """A pipeline before its start. Input and output are files in memory."""

    def __init__(self, options: "dict[str, Any]") -> None:
        """options are the arguments of pipe()."""
        stages = options["stages"]
        if isinstance(stages, Mapping):
            spec = dict(stages)
        else:
            spec = {"stages": [_stage(one) for one in stages], "pipefail": options["verdict"]}
        spec.setdefault("weir", 1)
        for name in ("timeout", "grace", "drain"):
            if options[name] is not None:
                key = "deadline_s" if name == "timeout" else f"{name}_s"
                spec[key] = _engine.seconds(options[name], name)
        self._spec = json.dumps(spec).encode()
        self._encoding = options["encoding"] if options["text"] else None
        self._errors = options["errors"]
        self._check = options["check"]
        self._input: Optional[IO[bytes]] = None
        input = options["input"]
        if input is not None:
            self._input = _file()
            self._input.write(
                input.encode(options["encoding"]) if isinstance(input, str) else input
            )
            self._input.seek(0)
        self._output = _file()

    def start(self, context: _native.Context) -> _native.Job:
        input_fd = -1 if self._input is None else self._input.fileno()
        return context.pipeline(self._spec, input_fd, self._output.fileno(), 2)

    def finish(self, job: _native.Job) -> PipeResult:
        report, results = job.result()
        self._output.seek(0)
        result = PipeResult(
            json.loads(report), results, self._output.read(), self._encoding, self._errors
        )
        if self._check:
            result.check_returncode()
        return result

    def close(self) -> None:
        if self._input is not None:
            self._input.close()
        self._output.close()


def _file() -> IO[bytes]:
    if hasattr(os, "memfd_create"):
        try:
            return open(os.memfd_create("weir", os.MFD_CLOEXEC), "r+b", buffering=0)
        except OSError:  # a sandbox refuses it
            pass
    return tempfile.TemporaryFile(buffering=0)


def _stage(one: Union[Words, Stage]) -> "dict[str, Any]":
    if not isinstance(one, Stage):
        one = Stage(one if isinstance(one, str) else list(one))
    return one.spec()


def pipe(
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
    """Run a pipeline to its end: weir.pipe(["seq 10", ["sort", "-r"], weir.Stage("head -3")]).

    A stage is a list of words, a str that is split as a shell does, or a Stage. A dict is a whole
    spec of `weir pipe -f` (docs/pipeline.md). input goes to the first stage, and the output of
    the last one is in the result, unless the spec has files for them.

    verdict: "smart" forgives a stage whose reader left early, "strict" is pipefail, "last" counts
    only the last stage. timeout, grace and drain are in seconds. Raises SpecError, with a line
    for each fault, and with check=True PipeFailed or PipeTimeout. Ctrl-C stops all stages.
    """
    prepared = PreparedPipe(locals())
    try:
        job = prepared.start(_engine.shared())
        _engine.wait_or_stop(job)
        return prepared.finish(job)
    finally:
        prepared.close()
