"""What the soaks share: blows for workers, a watch on those that live through it, and the frame.

Each soak is run as PROGRAM BUILDDIR SRCDIR [SECONDS [SEED]], and prints TAP: a line for each of its
cases, which work beside each other, and one that says that no process is left.
"""

import collections
import contextlib
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

BUILD, SOURCES = (os.path.abspath(path) for path in sys.argv[1:3])
SECONDS = float(sys.argv[3]) if len(sys.argv) > 3 else 3
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else 1
sys.path[:0] = [f"{SOURCES}/tests/support", f"{SOURCES}/sdk/python"]
from tap_cases import PATIENCE_S, await_gone, await_that, is_gone

WEIR = f"{BUILD}/weir"
os.environ.setdefault("WEIR_SPAWNER", f"{BUILD}/weir-spawner")
PYTHON = {"PYTHONPATH": f"{SOURCES}/sdk/python", "PYTHONDONTWRITEBYTECODE": "1"}
BEGAN = time.monotonic()
BLOWS = [signal.SIGKILL] * 4 + [signal.SIGTERM] * 2 + [signal.SIGSTOP]
with open(WEIR, "rb") as program:
    CODE = program.read()
IS_SANITIZED = b"__asan_init" in CODE or b"__tsan_init" in CODE  # then memory says nothing


def passed() -> float:
    """How much of the time has passed: 1 at its end."""
    return (time.monotonic() - BEGAN) / SECONDS


# --- Processes ---------------------------------------------------------------------


def read(path: Any, mode: str = "r") -> Any:
    try:
        with open(path, mode) as file:
            return file.read()
    except OSError:
        return "" if mode == "r" else b""


def environment(mark: Any, **more: Any) -> Any:
    return dict(os.environ, SOAK=f"{os.getpid()} {mark}", **more)


def marked(mark: Any, *programs: Any) -> Any:
    """The living processes with the mark in their environment, or any mark of this soak if it is
    None, that run one of the programs."""
    found = []
    ours = f"SOAK={os.getpid()} {mark or ''}".encode()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        variables = read(f"/proc/{pid}/environ", "rb").split(b"\0")
        if not any(one.startswith(ours) if mark is None else one == ours for one in variables):
            continue
        words = read(f"/proc/{pid}/cmdline", "rb").decode(errors="replace").split("\0")
        if not programs or any(word.endswith(programs) for word in words[:2]):
            found.append(int(pid))
    return [pid for pid in found if not is_gone(pid)]


def strike(chance: Any, mark: Any, *programs: Any) -> Any:
    """Strikes one of them.  Returns what with, or None where there is nobody."""
    pids = marked(mark, *programs)
    if not pids:
        return None
    blow = chance.choice(BLOWS)
    with contextlib.suppress(ProcessLookupError):
        os.kill(chance.choice(pids), blow)
    return blow


@contextlib.contextmanager
def ended_in_time(process: Any) -> Iterator[Any]:
    """Whoever hangs is ended, and then does not do what is expected."""
    watchdog = threading.Timer(PATIENCE_S, process.kill)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


class Said:
    """What a process says on standard error: the last of it, for a failure."""

    def __init__(self, process: Any) -> None:
        self.process = process
        self.lines: collections.deque[bytes] = collections.deque(maxlen=20)
        self.thread = threading.Thread(target=lambda: self.lines.extend(process.stderr))
        self.thread.start()

    def __str__(self) -> str:
        said = b"".join(self.lines).decode(errors="replace")
        return f"status {self.process.poll()}; it said: {said}"


# --- What they hold ----------------------------------------------------------------

WARM = 0.25  # of the time
# By how much a median may grow: memory in KiB, and less of it in a soak that is long enough to be
# warm after that.  Descriptors and processes go up and down with what is under way.
ALLOWED = {"Rss": 2048, "Pss": 2048, "threads": 0}
if SECONDS >= 300:
    ALLOWED.update({"Rss": 512, "Pss": 512, "fds": 4, "processes": 4})
RESULT_KB = 2.5  # of an ended worker of a map


class Watched:
    """Processes that live through it all: weir, and its spawner.

    After a quarter of the time, which is for warming up, what they hold is noted again and again.
    The median of the last third of these notes may be above that of the first by what ALLOWED says.
    When all is at rest again, there are no more descriptors and processes than in the beginning.
    """

    def __init__(self, mark: Any, process: Any) -> None:
        await_that(lambda: marked(mark, "weir-spawner"), "there is a spawner")
        self.mark = mark
        self.pids = {"weir": process.pid, "weir-spawner": marked(mark, "weir-spawner")[0]}
        self.notes: Any = {}
        self.next = 0.0
        self.at_rest: Any = None

    def now(self) -> Any:
        counts = {name: len(os.listdir(f"/proc/{pid}/fd")) for name, pid in self.pids.items()}
        return {**counts, "processes": self.processes()}

    def processes(self) -> int:
        """Without those of the spawner: its watcher comes when there is time."""
        return len({*marked(self.mark)} - {*marked(self.mark, "weir-spawner")})

    def rest(self) -> None:
        """What there is at rest, for check()."""
        self.at_rest = self.now()

    def is_at_rest(self) -> bool:
        return all(count <= self.at_rest[name] for name, count in self.now().items())

    def look(self) -> None:
        """Cheap, and meant for every turn of a loop: it looks 200 times in all."""
        if passed() < max(WARM, self.next):
            return
        self.next = passed() + (1 - WARM) / 200
        for name, pid in self.pids.items():
            memory = read(f"/proc/{pid}/smaps_rollup") or read(f"/proc/{pid}/status")
            for line in memory.replace("VmRSS", "Rss").splitlines():
                key, _, value = line.partition(":")
                if key in ALLOWED:
                    self.note(name, key, int(value.split()[0]))
            with contextlib.suppress(OSError):
                self.note(name, "fds", len(os.listdir(f"/proc/{pid}/fd")))
                self.note(name, "threads", len(os.listdir(f"/proc/{pid}/task")))
        self.note("all", "processes", self.processes())

    def note(self, name: str, key: str, value: int) -> None:
        self.notes.setdefault((name, key), []).append(value)

    def thirds(self) -> Any:
        """Of each figure the medians of three thirds of the time."""
        return {
            key: [
                statistics.median(notes[len(notes) * n // 3 : len(notes) * (n + 1) // 3])
                for n in range(3)
            ]
            for key, notes in self.notes.items()
            if len(notes) >= 3
        }

    def check(self, ended: int = 0) -> None:
        """With all at rest again.  A map keeps the results of 1,000 ended workers for its report."""
        try:
            await_that(self.is_at_rest, "it rests")
        except AssertionError:
            raise AssertionError(f"{self.now()}, in the beginning {self.at_rest}") from None
        if not IS_SANITIZED:
            for (name, key), (first, _, last) in self.thirds().items():
                more = RESULT_KB * min(1000, ended) if key in ("Rss", "Pss") else 0
                assert last <= first + ALLOWED.get(key, last) + more, f"{name} grows: {self.say()}"

    def say(self) -> Any:
        figures = (
            f"{name} {key} {'/'.join(f'{value:g}' for value in values)}"
            for (name, key), values in self.thirds().items()
        )
        return f"medians of thirds: {', '.join(figures)}; at rest: {self.at_rest}"


# --- The frame -----------------------------------------------------------------------


def run_one(number: int, name: str, case: Any, reported: Any) -> None:
    try:
        with tempfile.TemporaryDirectory() as directory:
            figures = case(directory, random.Random(f"{SEED} {name}"))
        reported[number] = f"# {figures}\nok {number} - {name}"
    except Exception:
        lines = "".join(f"#  {line}\n" for line in traceback.format_exc().splitlines())
        reported[number] = f"{lines}not ok {number} - {name}"


def soak(cases: Any) -> bool:
    """Runs the cases, functions of a directory and a random.Random, beside each other: each returns
    its figures.  Returns whether something is wrong."""
    wanted = os.environ.get("WEIR_TEST", "")
    named = {case.__name__.replace("_", " "): case for case in cases}
    named = {name: case for name, case in named.items() if wanted in name}
    reported: Any = {}
    print(f"1..{len(named) + 1}", flush=True)
    threads = [
        threading.Thread(target=run_one, args=(number, name, case, reported))
        for number, (name, case) in enumerate(named.items(), 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in sorted(reported):
        print(reported[number])
    last = f"{len(named) + 1} - no process is left"
    try:
        for pid in marked(None):
            await_gone(pid)
        print(f"ok {last}")
        return any("not ok" in line for line in reported.values())
    except AssertionError as error:
        print(f"#  {error}\nnot ok {last}")
        return True
