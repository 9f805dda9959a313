"""weir.run: one program, with time limits, captured output and full cleanup."""

import codecs
import enum
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from signal import Signals
from typing import IO, Any, Callable, NamedTuple, Optional, Protocol, Union

from . import _engine, _native
from ._engine import DEVNULL, INHERIT, LIMITS, PIPE, STDOUT, Word, seconds
from ._errors import WeirError

Target = Union[None, int, str, "os.PathLike[str]", IO[Any]]

_CAPTURE, _FD, _NONE, _RELAY = range(4)
_ON_ERROR = {"replace": 0, "backslashreplace": 1, "strict": 2}
_OVERFLOW = {"keep": 0, "stop": 1, "spool": 2}


class End(str, enum.Enum):
    """How a program ended."""

    EXITED = "exited"
    SIGNALED = "signaled"
    NOT_STARTED = "not_started"
    STATUS_LOST = "status_lost"

    __str__ = str.__str__


class Why(str, enum.Enum):
    """Why weir stopped it."""

    NONE = "none"
    TIMEOUT = "timeout"
    IDLE = "idle"
    CANCELLED = "cancelled"
    OVERFLOW = "overflow"
    PEER_FAILED = "peer_failed"
    HOST_GONE = "host_gone"

    __str__ = str.__str__


class Holder(NamedTuple):
    """A process that held an output open after the program had exited."""

    pid: int
    command: str


class Source(Protocol):
    """Where a result comes from: the engine, or a document."""

    def fields(self) -> tuple[Any, ...]: ...
    def output(self, err: bool, /) -> tuple[Any, ...]: ...
    def raw(self, err: bool, /) -> bytes: ...
    def text(self, err: bool, /) -> Optional[str]: ...
    def json(self) -> bytes: ...


class Output:
    """One output of a program. Beyond max_output it is the head and the tail."""

    __slots__ = (
        "_bytes",
        "_raw",
        "_text",
        "abandoned",
        "charset",
        "invalid_at",
        "replaced",
        "spooled",
        "total",
        "truncated",
    )

    total: int  # bytes written, kept or not
    truncated: bool
    abandoned: bool  # another process held it open: more may have followed
    replaced: int  # invalid bytes replaced in text
    invalid_at: int  # offset of the first invalid byte; -1: none
    charset: str
    spooled: Optional[str]  # with overflow="spool": a file with all of it, which you remove

    def __init__(self, native: Source, which: bool) -> None:
        self._raw: Optional[tuple[Source, bool]] = (native, which)
        self._bytes: Optional[bytes] = None
        self._text: Union[None, str, bool] = None
        (
            self.total,
            self.truncated,
            self.abandoned,
            self.replaced,
            self.invalid_at,
            self.charset,
            spooled,
        ) = native.output(which)
        self.spooled = None if spooled is None else os.fsdecode(spooled)

    @property
    def bytes(self) -> bytes:
        """What was kept of the output."""
        if self._bytes is None and self._raw is not None:
            self._bytes = self._raw[0].raw(self._raw[1])
        return self._bytes or b""

    @property
    def text(self) -> str:
        """The same, decoded. With errors="strict", raises UnicodeDecodeError."""
        if self._text is None and self._raw is not None:
            text = self._raw[0].text(self._raw[1])
            self._text = False if text is None else text
        if isinstance(self._text, str):
            return self._text
        at = max(self.invalid_at, 0)
        raise UnicodeDecodeError(self.charset, self.bytes, at, at + 1, "invalid bytes")

    def __repr__(self) -> str:
        return f"<Output of {self.total} bytes>"

    def __getstate__(self) -> "dict[str, Any]":
        try:
            text: Union[str, bool] = self.text
        except UnicodeDecodeError:
            text = False
        state = {name: getattr(self, name) for name in self.__slots__ if name[0] != "_"}
        return {**state, "_bytes": self.bytes, "_text": text, "_raw": None}

    def __setstate__(self, state: "dict[str, Any]") -> None:
        for name, value in state.items():
            setattr(self, name, value)


def _limits_of(hit: int) -> "tuple[str, ...]":
    return tuple(name for name in LIMITS if hit >> _native.find_limit(name) & 1)


class Result:
    """How a program ended, and what it wrote. A value, which cannot be changed: a failure is not
    an exception by itself."""

    __slots__ = (
        "_json",
        "_raw",
        "_text",
        "args",
        "code",
        "end",
        "err",
        "holder",
        "limits_hit",
        "max_rss",
        "out",
        "pid",
        "returncode",
        "sentence",
        "signal",
        "started_at",
        "status",
        "stopped_with",
        "sys",
        "sys_errno",
        "user",
        "wall",
        "why",
    )

    _raw: Optional[Source]
    _text: bool
    _json: Optional[bytes]

    args: list[str]
    pid: int  # 0 if it did not start
    end: End
    why: Why
    code: int  # if it exited
    signal: int  # if a signal killed it; otherwise 0
    sys_errno: int  # if it did not start: why
    status: int  # as in a shell: 124 timed out, 125 weir failed, 126, 127, 128 + signal
    returncode: int  # as in subprocess: -signal if a signal killed it
    sentence: str  # "exited with 3", "killed by SIGSEGV (Segmentation fault)"
    started_at: float  # seconds since the epoch
    wall: float  # seconds
    user: float  # seconds of processor time
    sys: float
    max_rss: int  # bytes
    stopped_with: tuple[Signals, ...]  # signals that weir sent
    holder: Optional[Holder]
    limits_hit: tuple[str, ...]  # "cpu", "file-size"
    out: Output
    err: Output

    def __init__(self, native: Source, args: "list[str]", text: bool) -> None:
        (
            pid,
            end,
            why,
            code,
            signal,
            sys_errno,
            status,
            sentence,
            wall_ns,
            user_us,
            system_us,
            max_rss_kb,
            stopped_with,
            holder,
            command,
            hit,
            started_at_ns,
        ) = native.fields()
        kind = End(end)
        self._set(
            args=args,
            pid=pid,
            end=kind,
            why=Why(why),
            code=code,
            signal=signal,
            sys_errno=sys_errno,
            status=status,
            returncode={End.EXITED: code, End.SIGNALED: -signal}.get(kind, status),
            sentence=sentence,
            started_at=started_at_ns / 1e9,
            wall=wall_ns / 1e9,
            user=user_us / 1e6,
            sys=system_us / 1e6,
            max_rss=max_rss_kb * 1024,
            stopped_with=tuple(map(Signals, stopped_with)),
            holder=Holder(holder, command) if holder else None,
            limits_hit=_limits_of(hit) if hit else (),
            out=Output(native, False),
            err=Output(native, True),
            _raw=native,
            _text=text,
            _json=None,
        )

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a result cannot be changed: {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a result cannot be changed: {name}")

    @property
    def ok(self) -> bool:
        """Whether the program exited with 0."""
        return self.status == 0

    @property
    def stdout(self) -> Any:
        """The standard output: str, or bytes with text=False."""
        return self.out.text if self._text else self.out.bytes

    @property
    def stderr(self) -> Any:
        return self.err.text if self._text else self.err.bytes

    def check_returncode(self) -> None:
        """Raise what run(..., check=True) raises."""
        error = error_of(self)
        if error is not None:
            raise error

    def json(self) -> "dict[str, Any]":
        """The report of `weir run --json` (docs/schemas/run-report.schema.json)."""
        if self._json is None and self._raw is not None:
            self._set(_json=self._raw.json())
        import json

        document: dict[str, Any] = json.loads(self._json or b"{}")
        return document

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {_join(self.args)}: {self.sentence}>"

    def __getstate__(self) -> "dict[str, Any]":
        self.json()
        return {**{name: getattr(self, name) for name in self.__slots__}, "_raw": None}

    def __setstate__(self, state: "dict[str, Any]") -> None:
        self._set(**state)


def _join(args: "list[str]") -> str:
    import shlex  # it takes a while to load, and is for people

    return shlex.join(args)


# --- Exceptions -----------------------------------------------------------------------------------


class NotStarted(WeirError, OSError):
    """The program did not start. Raised with check=True."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.sys_errno, result.sentence, result.args[0])
        self.result = result

    def __str__(self) -> str:
        return self.result.sentence

    def __reduce__(self) -> Any:
        return type(self), (self.result,)


class NotFound(NotStarted, FileNotFoundError):
    """There is no such program, status 127."""


class NotExecutable(NotStarted, PermissionError):
    """The program cannot be executed, status 126."""


class Failed(WeirError, subprocess.CalledProcessError):
    """The program did not exit with 0. Raised with check=True; .result has everything."""

    def __init__(self, result: Any) -> None:
        subprocess.CalledProcessError.__init__(
            self, result.returncode, result.args, _shown(result, "stdout"), _shown(result, "stderr")
        )
        self.result = result

    def __str__(self) -> str:
        return describe(self.result)

    def __reduce__(self) -> Any:
        return type(self), (self.result,)


class TimeoutExpired(Failed, subprocess.TimeoutExpired, TimeoutError):
    """The time limit, or the limit of a silence, was over. Raised with check=True."""

    def __init__(self, result: Any) -> None:
        super().__init__(result)
        self.timeout: float = result.wall


def _shown(result: Any, name: str) -> Any:
    try:
        return getattr(result, name)
    except UnicodeDecodeError:
        return None


def describe(result: Result) -> str:
    """A sentence for a person, with the last line of its stderr."""
    last = result.err.bytes[-2000:].decode("utf-8", "replace").strip().rpartition("\n")[2]
    sentence = f"{_join(result.args)}: {result.sentence}"
    return f"{sentence}: {last}" if last else sentence


def error_of(result: Result) -> Optional[Exception]:
    """The exception for a result, or None if the program exited with 0."""
    if result.why in (Why.TIMEOUT, Why.IDLE):
        return TimeoutExpired(result)
    if result.end is End.NOT_STARTED:
        return {126: NotExecutable, 127: NotFound}.get(result.status, NotStarted)(result)
    return None if result.ok else Failed(result)


# --- Running --------------------------------------------------------------------------------------


def _sink(
    function: Callable[[Any], object], encoding: Optional[str], errors: str
) -> Callable[[bytes, bool], None]:
    """Calls the function with text, unless there is no encoding. True: that was all."""
    decoder = None if encoding is None else codecs.getincrementaldecoder(encoding)(errors)

    def take(data: bytes, is_last: bool) -> None:
        piece = data if decoder is None else decoder.decode(data, is_last)
        if piece:
            function(piece)

    return take


class Prepared:
    """A run before its start: its options, as the engine takes them, and the files it opened."""

    def __init__(self, options: "dict[str, Any]") -> None:
        """options are the arguments of run()."""
        errors, overflow, text = options["errors"], options["overflow"], options["text"]
        if errors not in _ON_ERROR:
            raise ValueError(f"errors is one of {', '.join(_ON_ERROR)}, not {errors!r}")
        if overflow not in _OVERFLOW:
            raise ValueError(f"overflow is one of {', '.join(_OVERFLOW)}, not {overflow!r}")
        input, encoding = options["input"], options["encoding"]
        if input is not None and options["stdin"] is not None:
            raise ValueError("give either input or stdin")
        if isinstance(input, str):
            input = input.encode(encoding if text else "utf-8")
        command = _engine.command_of(options["args"], options)
        self.args = [os.fsdecode(word) for word in command[0]]
        self.text = text
        self.check = options["check"]
        self._files: list[int] = []
        self.sinks = {
            which: _sink(options[name], encoding if text else None, errors)
            for which, name in ((1, "on_stdout"), (2, "on_stderr"))
            if options[name] is not None
        }
        try:
            default = PIPE if options["capture_output"] else INHERIT
            relay = options["idle"] is not None
            out = self._output(options["stdout"], default, 1, relay)
            merge = options["stderr"] == STDOUT
            err = out if merge else self._output(options["stderr"], default, 2, relay)
            self._options = (
                command,
                *(seconds(options[name], name) for name in ("timeout", "idle", "grace", "drain")),
                input,
                self._input(options["stdin"]),
                *out,
                *err,
                int(merge),
                options["max_output"],
                _OVERFLOW[overflow],
                encoding.encode() if text else b"binary",
                _ON_ERROR[errors],
                sum(self.sinks),
                None if options["stop"] is None else options["stop"].encode(),
            )
        except BaseException:
            self.close()
            raise

    def _open(self, path: Any, flags: int) -> int:
        fd = os.open(path, flags | os.O_CLOEXEC, 0o666)
        self._files.append(fd)
        return fd

    def _input(self, target: Target) -> int:
        if target is None or target == DEVNULL:
            return -1
        if target == INHERIT:
            return 0
        if isinstance(target, (str, bytes, os.PathLike)):
            return self._open(target, os.O_RDONLY)
        return _fd_of(target, "stdin")

    def _output(self, target: Target, default: int, own: int, relay: bool) -> tuple[int, int]:
        """Where it goes: the kind and the descriptor."""
        if target is None:
            target = default
        if target == PIPE:
            return _CAPTURE, -1
        if target == DEVNULL:
            return _NONE, -1
        kind = _RELAY if relay else _FD
        if target == INHERIT:
            return kind, own
        if isinstance(target, (str, bytes, os.PathLike)):
            return kind, self._open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        return kind, _fd_of(target, "an output")

    def start(self, context: _native.Context) -> _native.Job:
        return context.run(*self._options)

    def hand_out(self, job: _native.Job) -> bool:
        """Gives what has come to the sinks; whether that was all."""
        is_over = job.done()
        while True:
            piece = job.piece()
            if piece is None:
                break
            self.sinks[piece[0]](piece[1], False)
        if is_over:
            for sink in self.sinks.values():
                sink(b"", True)
        return is_over

    def hand_out_all(self, job: _native.Job) -> None:
        try:
            while not self.hand_out(job):
                job.wait_output(None)
        except BaseException:
            _engine.stop(job)
            raise

    def finish(self, job: _native.Job) -> Result:
        result = Result(job.result(), self.args, self.text)
        if self.check:
            result.check_returncode()
        return result

    def close(self) -> None:
        while self._files:
            os.close(self._files.pop())


def _fd_of(target: Any, name: str) -> int:
    fd = target if isinstance(target, int) else target.fileno()
    if not isinstance(fd, int) or fd < 0:
        raise ValueError(f"{name} cannot be {target!r}")
    return fd


def run(
    args: Iterable[Word],
    *,
    input: Union[None, str, bytes] = None,
    timeout: Optional[float] = None,
    idle: Optional[float] = None,
    grace: Optional[float] = 5.0,
    drain: Optional[float] = 1.0,
    cwd: Optional[Word] = None,
    env: Optional[Mapping[str, str]] = None,
    env_extra: Optional[Mapping[str, str]] = None,
    env_clear: bool = False,
    env_pass: Optional[Sequence[str]] = None,
    check: bool = False,
    text: bool = True,
    encoding: str = "utf-8",
    errors: str = "replace",
    capture_output: bool = True,
    stdin: Target = None,
    stdout: Target = None,
    stderr: Target = None,
    max_output: int = 16 << 20,
    overflow: str = "keep",
    limits: Optional[Mapping[str, Optional[int]]] = None,
    nice: int = 0,
    on_stdout: Optional[Callable[[Any], object]] = None,
    on_stderr: Optional[Callable[[Any], object]] = None,
    stop: Optional[str] = None,
) -> Result:
    """Run a program to its end and return how it ended.

    timeout, idle (time without output), grace (between SIGTERM and SIGKILL) and drain (for other
    processes that hold an output open) are in seconds. args is a list of words; there is no shell.

    Outputs are captured: head and tail beyond max_output bytes, or with overflow="stop" the
    program is stopped, or with "spool" everything also goes to a file. With text they are decoded
    from encoding (any that iconv knows, or "auto"), with errors "replace", "backslashreplace" or
    "strict". stdout and stderr may also be INHERIT, DEVNULL, a path or an open file, and stderr
    may be STDOUT. stdin is /dev/null, unless input or stdin say otherwise.

    on_stdout and on_stderr are called with each piece of a captured output as it comes, str or
    bytes. The program waits while they are slow; what they raise stops it and is raised.

    stop is the sequence of signals that stops the program, instead of SIGTERM and SIGKILL after
    grace: "INT:2s,TERM:5s".

    env replaces the environment, env_extra adds to it, env_pass names the only variables to
    inherit. limits has "cpu" (s), "memory", "files", "file-size", "processes", "core"; None lifts
    a limit.

    A failure is in the result; with check it is raised, as NotFound, NotExecutable, NotStarted,
    TimeoutExpired or Failed. Otherwise only EngineError, ValueError, TypeError and LookupError
    (unknown encoding) are raised. Ctrl-C stops the program, as the timeout does, and is raised
    when it has ended; a second one kills it.
    """
    prepared = Prepared(locals())
    try:
        job = prepared.start(_engine.shared())
        if prepared.sinks:
            prepared.hand_out_all(job)
        _engine.wait_or_stop(job)
        return prepared.finish(job)
    finally:
        prepared.close()
