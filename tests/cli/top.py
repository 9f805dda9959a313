#!/usr/bin/env python3
"""weir top: a server watched on a terminal, once, and as JSON.  Prints TAP.
top.py WEIR SRCDIR
"""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from typing import Any

WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from server import ready_server
from tap_cases import PATIENCE_S, await_that, run_cases

WORKER = f"{sys.executable} {SRCDIR}/tests/cli/call_worker.py"
ENVIRONMENT = dict(
    os.environ,
    PYTHONPATH=f"{SRCDIR}/sdk/python",
    PYTHONDONTWRITEBYTECODE="1",
    TERM="xterm",
    LC_ALL="C.UTF-8",
)
LEAVE = b"\x1b[?25h\x1b[?1049l"


@contextlib.contextmanager
def serving(directory: str, *words: str) -> Iterator[tuple[Any, str]]:
    """A server that is ready."""
    path = os.path.join(directory, "weir.sock")
    with ready_server([WEIR, "serve", "-s", path, "-w", WORKER, *words], env=ENVIRONMENT) as server:
        yield server, path


def call(path: str, *words: str) -> Any:
    ended = subprocess.run(
        [WEIR, "call", "-s", path, *words],
        env=ENVIRONMENT,
        capture_output=True,
        timeout=PATIENCE_S,
        stdin=subprocess.DEVNULL,
    )
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


def pids(path: str) -> set[int]:
    """The workers that are ready."""
    workers = json.loads(call(path, "weir/stats")[1])["workers"]
    return {one["pid"] for one in workers if one["state"] in ("ready", "busy", "idle")}


def top(path: str, *words: str, **how: Any) -> Any:
    return subprocess.run(
        [WEIR, "top", "-s", path, *words],
        env=dict(ENVIRONMENT, **how),
        capture_output=True,
        timeout=PATIENCE_S,
        stdin=subprocess.DEVNULL,
    )


class Terminal:
    """weir top on a terminal of its own, and who looks at it and types."""

    def __init__(self, path: str, *words: str, columns: int = 100, rows: int = 30) -> None:
        self.person, self.terminal = pty.openpty()
        self.size(columns, rows)
        self.before = termios.tcgetattr(self.terminal)
        self.seen = b""
        # The shell leads a session, so the terminal that it opens controls it.
        self.top = subprocess.Popen(
            ["sh", "-c", 'exec "$@" <>"$0" >&0 2>&0', os.ttyname(self.terminal)]
            + [WEIR, "top", "-s", path, "--every", "100ms", *words],
            env=ENVIRONMENT,
            start_new_session=True,
        )

    def size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.person, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def until(self, pattern: bytes) -> Any:
        """Reads what is drawn until the pattern is there; returns the match."""
        deadline = time.monotonic() + PATIENCE_S
        while (found := re.search(pattern, self.seen, re.DOTALL)) is None:
            ready = select.select([self.person], [], [], PATIENCE_S)[0]
            assert ready and time.monotonic() < deadline, (pattern, self.seen[-3000:])
            self.seen = self.seen[-100000:]
            self.seen += os.read(self.person, 65536)
        self.seen = self.seen[found.end() :]
        return found

    def type(self, keys: bytes) -> None:
        os.write(self.person, keys)

    def is_restored(self) -> None:
        """The modes of the terminal are those of before."""
        assert termios.tcgetattr(self.terminal) == self.before

    def close(self) -> None:
        self.top.kill()
        self.top.wait()
        os.close(self.person)
        os.close(self.terminal)


@contextlib.contextmanager
def watching(path: str, *words: str, **how: Any) -> Iterator[Terminal]:
    terminal = Terminal(path, *words, **how)
    try:
        terminal.until(rb"q quit")
        yield terminal
    finally:
        terminal.close()


def it_is_printed_once_where_there_is_no_terminal(directory: str) -> None:
    with serving(directory, "-j2") as (_, path):
        for _ in range(3):
            assert call(path, "add", "3", "4")[0] == 0
        ended = top(path)
        assert (ended.returncode, ended.stderr) == (0, b""), ended
        text = ended.stdout.decode()
        assert "\x1b" not in text
        assert text.startswith("calls    3, 0 errors\nqueue    0 waiting, 0 running, "), text
        assert all(f" {pid}  " in text for pid in pids(path)), text
        assert top(path, "--count", "2", "--every", "10ms").stdout.count(b"latency ") == 2


def json_is_a_line_for_each_answer(directory: str) -> None:
    with serving(directory, "-j2") as (_, path):
        ended = top(path, "--json", "--every", "10ms", "--count", "3")
        assert ended.returncode == 0, ended
        lines = [json.loads(line) for line in ended.stdout.splitlines()]
        assert len(lines) == 3
        for line in lines:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("at"))
            assert line.keys() == json.loads(call(path, "weir/stats")[1]).keys()
        assert len(lines[0]["workers"]) == 2


def calls_are_seen_and_q_restores_the_terminal(directory: str) -> None:
    with serving(directory, "-j2") as (_, path), watching(path) as terminal:
        terminal.until(rb"calls    0, ")
        assert call(path, "add", "3", "4")[0] == 0
        terminal.until(rb"calls    1, ")
        terminal.until("[▁▂▃▄▅▆▇█]".encode())
        assert termios.tcgetattr(terminal.terminal) != terminal.before
        terminal.type(b"q")
        terminal.until(re.escape(LEAVE))
        assert terminal.top.wait(timeout=PATIENCE_S) == 0
        terminal.is_restored()


def a_worker_is_chosen_and_recycled(directory: str) -> None:
    with serving(directory, "-j2") as (_, path):
        old = pids(path)
        assert len(old) == 2
        with watching(path, "--sort", "pid") as terminal:
            terminal.until(rb">\s+%d " % min(old))
            terminal.type(b"\x1b[B")
            terminal.until(rb">\s+%d " % max(old))
            terminal.type(b"k")
            terminal.until(rb">\s+%d " % min(old))
            terminal.type(b"j")
            terminal.until(rb">\s+%d " % max(old))
            terminal.type(b"R")
            terminal.until(rb"the worker exits once another is ready")
            await_that(
                lambda: len(pids(path)) == 2 and max(old) not in pids(path),
                "the worker stays",
            )
            assert min(old) in pids(path), "another was recycled"
            terminal.type(b"q")
            assert terminal.top.wait(timeout=PATIENCE_S) == 0


def keys_sort(directory: str) -> None:
    with serving(directory, "-j3") as (_, path), watching(path, "--sort", "pid") as terminal:
        ready = sorted(pids(path))
        terminal.until(b".*?".join(rb" %d " % pid for pid in ready))
        assert call(path, "add", "3", "4")[0] == 0
        workers = json.loads(call(path, "weir/stats")[1])["workers"]
        (busy,) = [one["pid"] for one in workers if one["calls"] == 1]
        for key in (b"c", b"m", b"s", b"r", b"c"):
            terminal.type(key)
            terminal.until(rb"a second +memory")  # drawn again
        # The worker with the most calls is the first below the heads.
        terminal.until(rb"node\x1b\[K\r\n[^\r]*? %d " % busy)


def it_fits_a_small_terminal(directory: str) -> None:
    with serving(directory, "-j4") as (_, path):
        terminal = Terminal(path, columns=40, rows=9)
        try:
            frame = terminal.until(rb"\x1b\[Hcalls.*?\x1b\[J.*?\x1b\[H").group()
            lines = re.sub(rb"\x1b\[[?0-9]*[a-zA-Z]", b"", frame).decode().split("\r\n")
            assert len(lines) == 9, lines
            assert all(len(line) <= 40 for line in lines), lines
            terminal.size(60, 20)
            terminal.until(rb"q quit  up/down choose  R recycle  sort: c calls r rate m")
        finally:
            terminal.close()


def whatever_ends_it_restores_the_terminal(directory: str) -> None:
    with serving(directory) as (_, path):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGABRT):
            with watching(path) as terminal:
                terminal.top.send_signal(number)
                status = terminal.top.wait(timeout=PATIENCE_S)
                assert status in (128 + number, -number), (number, status)
                terminal.until(re.escape(LEAVE))
                terminal.is_restored()
        with watching(path) as terminal:
            terminal.type(b"\x03")
            assert terminal.top.wait(timeout=PATIENCE_S) == -signal.SIGINT
            terminal.until(re.escape(LEAVE))
            terminal.is_restored()


def a_lost_server_is_told_on_the_terminal_that_is_restored(directory: str) -> None:
    with serving(directory) as (server, path), watching(path) as terminal:
        server.terminate()
        assert server.wait(timeout=PATIENCE_S) == 0
        assert terminal.top.wait(timeout=PATIENCE_S) == 125
        terminal.until(re.escape(LEAVE) + rb"weir top: the server ")
        terminal.is_restored()


def a_server_that_is_stopped_does_not_hold_the_keys(directory: str) -> None:
    with serving(directory) as (server, path), watching(path) as terminal:
        os.kill(server.pid, signal.SIGSTOP)
        try:
            terminal.size(90, 20)
            terminal.until(rb"q quit")  # it is drawn again, and asks a server that is stopped
            terminal.type(b"q")
            assert terminal.top.wait(timeout=PATIENCE_S) == 0
        finally:
            os.kill(server.pid, signal.SIGCONT)
        terminal.until(re.escape(LEAVE))
        terminal.is_restored()


def a_stop_gives_the_terminal_back_and_takes_it_again(directory: str) -> None:
    with serving(directory) as (_, path), watching(path) as terminal:
        # A child of ours in a session of its own is an orphaned group: SIGTSTP does not stop it,
        # and it takes the terminal again at once.
        terminal.top.send_signal(signal.SIGTSTP)
        terminal.until(re.escape(LEAVE))
        terminal.until(rb"\x1b\[\?1049h")
        terminal.until(rb"q quit")
        terminal.type(b"q")
        assert terminal.top.wait(timeout=PATIENCE_S) == 0
        terminal.is_restored()


def what_cannot_be_done_is_said(directory: str) -> None:
    ended = top(os.path.join(directory, "none.sock"))
    assert ended.returncode == 125 and ended.stderr.startswith(b"weir top: "), ended
    ended = top(os.path.join(directory, "none.sock"), "word")
    assert ended.returncode == 2, ended
    with serving(directory, "-j1") as (_, path):
        (pid,) = pids(path)
        wrong = "no worker that is ready has this pid: see weir/stats\n"
        shape = "pid must be that of a worker, and node a string\n"
        for words, said in (
            (["pid=1"], wrong),
            (["pid=0"], shape),
            (["pid=x"], shape),
            (["pid=4294967297"], shape),
            ([f"{pid}"], shape),
            ([f"pid={pid}", "node=3"], shape),
            ([f"pid={pid}", "node=elsewhere"], wrong),
        ):
            status, _, err = call(path, "weir/recycle", *words)
            assert status == 1 and err.startswith(f"weir call: {said}"), (words, status, err)
        status, out, err = call(path, "weir/recycle", f"pid={pid}", "node=null")
        assert (status, out) == (0, "true\n"), (status, out, err)
        await_that(lambda: pids(path) and pid not in pids(path), "the worker stays")


run_cases(
    [
        it_is_printed_once_where_there_is_no_terminal,
        json_is_a_line_for_each_answer,
        calls_are_seen_and_q_restores_the_terminal,
        a_worker_is_chosen_and_recycled,
        keys_sort,
        it_fits_a_small_terminal,
        whatever_ends_it_restores_the_terminal,
        a_lost_server_is_told_on_the_terminal_that_is_restored,
        a_server_that_is_stopped_does_not_hold_the_keys,
        a_stop_gives_the_terminal_back_and_takes_it_again,
        what_cannot_be_done_is_said,
    ]
)
