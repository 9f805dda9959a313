"""weir.each: a program for each record, many at a time, with a result for each."""

import errno
import hashlib
import os
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from signal import Signals
from typing import IO, Any, Callable, Optional, Union

from . import _engine, _native
from ._engine import Word, command_of, seconds
from ._errors import DeadRecord, WeirError
from ._map import OnError, Piece, Results, Run, check_on_error, encode
from ._run import End, Result, Why, error_of
from ._worker import codec

# Dead letters of records that have a result, too.
_HAS_RESULT = ("exit", "signal", "start", "lost", "timeout")


class _Document:
    """A line of `weir each --json`, as a result takes it."""

    def __init__(self, line: str) -> None:
        self._line = line
        self.members: dict[str, Any] = codec.parse(line)

    def fields(self) -> tuple[Any, ...]:
        of = self.members
        code, signal = of["code"] or 0, _signal(of["signal"])
        number: int = getattr(errno, of["errno"] or "", 0)
        hit = sum(1 << _native.find_limit(name) for name in of["limits_hit"])
        holder = of["holder"] or {"pid": 0, "command": ""}
        program, cwd = (text.encode().replace(b"\0", b"") for text in (of["argv"][0], of["cwd"]))
        status, sentence = _native.describe(
            of["end"], of["why"], of["step"], code, signal, number, hit, program, cwd
        )
        started_at = datetime.fromisoformat(of["started_at"].replace("Z", "+00:00"))
        return (
            of["pid"] or 0,
            of["end"],
            of["why"],
            code,
            signal,
            number,
            status,
            sentence,
            of["wall_ms"] * 1e6,
            of["user_ms"] * 1e3,
            of["system_ms"] * 1e3,
            of["max_rss_kb"],
            [_signal(name) for name in of["stopped_with"]],
            holder["pid"],
            holder["command"],
            hit,
            started_at.timestamp() * 1e9,
        )

    def _output(self, err: bool) -> "dict[str, Any]":
        output: dict[str, Any] = self.members["stderr" if err else "stdout"]
        return output

    def output(self, err: bool, /) -> tuple[Any, ...]:
        of = self._output(err)
        return (
            of["bytes"],
            of["truncated"],
            of["abandoned"],
            of["replaced"],
            -1,
            of["charset"],
            None,
        )

    def raw(self, err: bool, /) -> bytes:
        return self.text(err).encode()

    def text(self, err: bool, /) -> str:
        text: str = self._output(err)["text"]
        return text

    def json(self) -> bytes:
        return self._line.encode()


def _signal(name: Optional[str]) -> int:
    """The number of a signal such as SIGTERM or SIGRTMIN+3; 0 for None."""
    base, _, more = (name or "").partition("+")
    return Signals[base] + int(more or 0) if base else 0


class EachResult(Result):
    """How the program of a record ended, and what it wrote: a Result, which cannot be changed.

    Outputs are text from UTF-8; out.bytes is that text again, and so not what the program wrote
    if out.replaced or out.truncated.
    """

    __slots__ = ("_ok", "attempts", "record", "seq")

    _ok: bool

    record: Any  # what records gave
    seq: int  # its number, from 0
    attempts: int  # how often the program ran for it

    def __init__(self, document: _Document, record: Any, ok_exit: Sequence[int]) -> None:
        of = document.members
        super().__init__(document, of["argv"], True)
        ok = self.why is not Why.TIMEOUT and self.end is End.EXITED and self.code in ok_exit
        self._set(record=record, seq=of["seq"], attempts=of["attempts"], _ok=ok)

    @property
    def ok(self) -> bool:
        """Whether the program exited with a status in ok_exit, in time."""
        return self._ok

    def __getstate__(self) -> "dict[str, Any]":
        self.json()
        names = (*Result.__slots__, *EachResult.__slots__)
        return {**{name: getattr(self, name) for name in names}, "_raw": None}


class Records:
    """Encodes records, and keeps each until its result is there. Does not refer to the iterator."""

    def __init__(self, json: bool, ok_exit: Sequence[int]) -> None:
        self._json = json
        self._ok_exit = ok_exit
        self._count = 0
        self._kept: dict[int, Any] = {}

    def encode(self, record: Any) -> bytes:
        data = encode(record) if self._json else _bytes_of(record)
        self._kept[self._count] = record
        self._count += 1
        return data

    def values_of(self, piece: Piece) -> "list[Union[EachResult, DeadRecord]]":
        assert isinstance(piece, tuple)
        letter, line = piece
        if line is not None:
            document = _Document(line.decode())
            record = self._kept.pop(document.members["seq"])
            return [EachResult(document, record, self._ok_exit)]
        assert letter is not None
        dead = codec.parse(letter.decode())
        return [DeadRecord({**dead, "record": self._kept.pop(dead["seq"])})]


def _bytes_of(record: Any) -> bytes:
    if isinstance(record, str):
        data = record.encode("utf-8", "surrogateescape")
    elif isinstance(record, (bytes, os.PathLike)):
        data = os.fsencode(record)
    else:
        raise TypeError(f"a record is str, bytes or a path, or give json=True: {record!r}")
    if b"\0" in data:
        raise ValueError(f"a record cannot have a NUL byte: {record!r}")
    return data


# --- Runs that resume -----------------------------------------------------------------------------

_READ_SIZE = 1 << 18
_LOOK_S = 0.02  # a file does not say when it has grown
# A time that every file system keeps: up to 2038, with nanoseconds.
_TIMES_NS = 2**31 * 10**9


def _spool(
    records: Iterable[Any], encode: Callable[[Any], bytes], end: bytes, file: IO[bytes]
) -> None:
    """Writes the records to a file. A checkpoint knows its input by size, time and ends of the
    file: the time is made from all of them."""
    digest = hashlib.sha256()
    for record in records:
        data = encode(record) + end
        digest.update(data)
        file.write(data)
    file.flush()
    time = int.from_bytes(digest.digest()[:8], "big") % _TIMES_NS
    os.utime(file.fileno(), ns=(time, time))


class _SavedRun(Run):
    """A run with a checkpoint: its records are in a file, and so are its results."""

    def __init__(
        self,
        records: Iterable[Any],
        encode: Callable[[Any], bytes],
        end: bytes,
        options: "tuple[Any, ...]",
        checkpoint: Word,
    ) -> None:
        path = os.path.abspath(os.fsencode(checkpoint))
        results, dead = path + b".results", path + b".dead"
        with tempfile.TemporaryFile(dir=os.path.dirname(path)) as file:
            _spool(records, encode, end, file)
            files = (path, dead.replace(b"%", b"%%"), results, file.fileno())
            self.job = _engine.shared().map(*options[:-2], files, options[-1])
        self._watch()
        if self.job.done() and self.report()["status"] not in (0, 1):  # those of one that is done
            self._waiter.join()
            raise WeirError(self.report()["reason"])
        self._pieces: deque[Piece] = deque()
        self._files = [os.open(name, os.O_RDONLY | os.O_CLOEXEC) for name in (results, dead)]
        self._rests = [b"", b""]  # what is no line yet
        self._reading = threading.RLock()

    def read(self) -> Optional[Piece]:
        with self._reading:
            return self._read()

    def _read(self) -> Optional[Piece]:
        while not self._pieces:
            if not self._files:  # ended by another thread
                return None
            is_over = self.job.wait(0)
            came = self._read_lines(0) + self._read_lines(1)
            if not came and is_over:
                return None
            if not came:
                self.job.wait(_LOOK_S)
        return self._pieces.popleft()

    def _read_lines(self, which: int) -> int:
        data = os.read(self._files[which], _READ_SIZE)
        *lines, self._rests[which] = (self._rests[which] + data).split(b"\n")
        if which == 0:
            self._pieces.extend((None, line) for line in lines)
        else:
            letters = (
                line for line in lines if codec.parse(line.decode())["reason"] not in _HAS_RESULT
            )
            self._pieces.extend((letter, None) for letter in letters)
        return len(data)

    def end(self) -> None:
        super().end()
        with self._reading:
            files, self._files = self._files, []
            for fd in files:
                os.close(fd)


class _InOrder:
    """The results of such a run in the order of the records: those of dead ones are in a file of
    their own."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._next = 0
        self._early: dict[int, Union[EachResult, DeadRecord]] = {}

    def values_of(self, piece: Piece) -> "list[Union[EachResult, DeadRecord]]":
        return list(self._place(self._records.values_of(piece)))

    def _place(
        self, values: "list[Union[EachResult, DeadRecord]]"
    ) -> "Iterator[Union[EachResult, DeadRecord]]":
        self._early.update((value.seq, value) for value in values)
        while self._next in self._early:
            yield self._early.pop(self._next)
            self._next += 1


# --- The function ---------------------------------------------------------------------------------


class Each(Results[EachResult]):
    """The results, as they come. Closing it ends the programs; report is there afterwards."""

    _check = False

    def __next__(self) -> EachResult:
        result = super().__next__()
        error = error_of(result) if self._check else None
        if error is not None:
            self.close()
            raise error
        return result

    def __enter__(self) -> "Each":
        return self


def _jobserver() -> Optional[str]:
    """The job server of the make that runs this program, from MAKEFLAGS: the last one counts."""
    for name in ("--jobserver-auth=", "--jobserver-fds="):
        _, found, rest = os.environ.get("MAKEFLAGS", "").rpartition(name)
        if found and rest[:1] not in ("", "-", " "):
            return rest.split(" ")[0]
    return None


def prepare_each(of: "dict[str, Any]") -> "tuple[tuple[Any, ...], Records]":
    """The arguments of each(), as the engine takes them."""
    check_on_error(of["on_error"])
    rate, max_load, hosts, launcher = of["rate"], of["max_load"], of["hosts"], of["launcher"]
    if rate is not None and not rate > 0:
        raise ValueError(f"rate is a number above 0, not {rate!r}")
    if max_load is not None and not max_load > 0:
        raise ValueError(f"max_load is a number above 0, not {max_load!r}")
    ok_exit = list(of["ok_exit"])
    if not ok_exit:
        raise ValueError("ok_exit has at least one status")
    slots = _jobserver() if of["jobserver"] else None
    options = (
        command_of(of["args"], of),
        None,
        1 if of["jobserver"] and slots is None else of["workers"],
        not of["ordered"],
        _engine.FOREVER,
        seconds(of["record_timeout"], "record_timeout"),
        _engine.FOREVER,
        seconds(of["grace"], "grace"),
        of["retries"],
        0,
        False,
        (
            of["json"],
            of["stdin"],
            of["max_output"],
            ok_exit,
            seconds(of["retry_delay"], "retry_delay"),
            seconds(of["delay"], "delay"),
            0 if rate is None else int(1e9 / rate),
            max_load or 0.0,
            of["memory_free"],
            None if slots is None else os.fsencode(slots),
            None if hosts is None else os.fsencode(hosts),
            None if launcher is None else _engine.argv_of(launcher),
            of["launcher_shell"],
        ),
        None,
        -1,
    )
    return options, Records(of["json"], ok_exit)


def each(
    records: Iterable[Any],
    args: Iterable[Word],
    *,
    workers: int = 0,
    ordered: bool = True,
    check: bool = False,
    json: bool = False,
    stdin: bool = False,
    record_timeout: Optional[float] = None,
    retries: int = 0,
    retry_delay: float = 0,
    ok_exit: Sequence[int] = (0,),
    max_output: int = 1 << 20,
    rate: Optional[float] = None,
    delay: float = 0,
    max_load: Optional[float] = None,
    memory_free: int = 0,
    jobserver: bool = False,
    hosts: Union[None, str, "os.PathLike[str]"] = None,
    launcher: Optional[Sequence[Word]] = None,
    launcher_shell: bool = False,
    checkpoint: Union[None, str, "os.PathLike[str]"] = None,
    grace: float = 5.0,
    on_error: OnError = "raise",
    cwd: Optional[Word] = None,
    env: Optional[Mapping[str, str]] = None,
    env_extra: Optional[Mapping[str, str]] = None,
    env_clear: bool = False,
    env_pass: Optional[Sequence[str]] = None,
    nice: int = 0,
    limits: Optional[Mapping[str, Optional[int]]] = None,
) -> Each:
    """Run a program for each record: an iterator over the results, in the order of the records.

    A record is str, bytes or a path; with json any value that JSON has. In args, {} is the
    record, {.} the record without its extension, {/} its base name, {//} its directory, {/.} its
    base name without extension, {#} its number from 1, {%} the slot it runs in, and {@/a/b} a
    member of a JSON record. Without any of them the record is the last word, or with stdin the
    program's stdin, which is /dev/null otherwise.

    workers is how many run at a time; 0 is one for each processor. A thread reads records ahead.
    Results that are ready wait for an earlier one, unless ordered is False.

    A record fails if its program ends with a status outside ok_exit, is killed, does not start,
    or takes longer than record_timeout; then it is stopped, as run() does. It runs again, retries
    times, after retry_delay seconds, doubled each time. A failure is a result, or with check
    raised as run() does, and ends the rest.

    A record that cannot be run, as it has no member that args asks for, is a DeadRecord: on_error
    is "raise", "skip", or a function that gets it.

    Of each output max_output bytes are kept. Programs start at least delay seconds apart, and
    rate a second at most, and none while the load average is above max_load, or less than
    memory_free bytes of memory are available. With jobserver the slots are those of the make that
    runs this program (without one, one program runs at a time).

    hosts is a file with a host and its slots a line: programs run there behind ssh, or behind the
    launcher and the host's name. launcher is a list of words before each command; launcher_shell
    quotes the command for one that hands it to a shell.

    checkpoint is a file that keeps what is done; the results are beside it in CHECKPOINT.results,
    and dead records in CHECKPOINT.dead. All records are read first. When the same call is made
    again, after the program was killed or each was left, only what is not done runs; the iterator
    gives all results, also those of before. Other records, another command or other options that
    change results raise WeirError.
    """
    options, kept = prepare_each(locals())
    values_of = kept.values_of
    if checkpoint is None:
        run = Run(records, kept.encode, options)
    else:
        run = _SavedRun(records, kept.encode, b"\n" if json else b"\0", options, checkpoint)
        if ordered:
            values_of = _InOrder(kept).values_of
    results = Each(run, values_of, on_error)
    results._check = check
    return results
