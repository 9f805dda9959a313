"""A worker as a process, for tests: send lines, wait for lines."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from collections.abc import Iterator
from typing import Any

import vectors

HERE = os.path.dirname(os.path.abspath(__file__))
SDK = os.path.dirname(HERE)


def environment() -> Any:
    return {**os.environ, "PYTHONPATH": SDK, "PYTHONDONTWRITEBYTECODE": "1"}


class Worker:
    """Runs Python code as a worker; what it says on stderr is in .stderr() when it is over."""

    def __init__(self, code: Any, command: Any = None) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="weir-sdk.")
        path = os.path.join(self.folder.name, "functions.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(code))
        self._stderr = open(os.path.join(self.folder.name, "stderr"), "w+b")
        self.process = subprocess.Popen(
            [sys.executable, *(command or []), path],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            bufsize=0,
        )
        assert self.process.stdin and self.process.stdout
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.lines = vectors.Lines(self.stdin.fileno(), self.stdout.fileno())
        self.pid = self.process.pid

    def write(self, data: Any) -> None:
        self.lines.write(data)

    def send(self, message: Any) -> None:
        self.write(vectors.line_of({"in": message}))

    def call(self, ident: Any, method: Any, *params: Any, **weir: Any) -> None:
        message = {"id": ident, "method": method, "params": list(params)}
        if weir:
            message["weir"] = weir
        self.send(message)

    def notify(self, method: Any, **params: Any) -> None:
        self.send({"method": "weir/" + method, "params": params})

    def get(self) -> Any:
        """The next message; None at the end of file."""
        line = self.lines.read()
        if line is None:
            return None
        message = json.loads(line)
        vectors.check_message(vectors.load(line))
        return message

    def hello(self) -> Any:
        self.send(vectors.HELLO)
        return self.get()["result"]

    def answer(self, ident: Any, method: Any, *params: Any, **weir: Any) -> Any:
        """Calls, and gives the response."""
        self.call(ident, method, *params, **weir)
        return self.get()

    def end(self) -> Any:
        """End of its input; its exit status."""
        self.stdin.close()
        return self.process.wait(60)

    def stderr(self) -> Any:
        self._stderr.seek(0)
        return self._stderr.read().decode()

    def memory_kb(self) -> Any:
        if not os.path.exists("/proc/self/status"):
            raise unittest.SkipTest("no /proc")
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.stdin.close()
        self.process.kill()
        self.process.wait()
        self.stdout.close()
        self._stderr.close()
        self.folder.cleanup()


@contextlib.contextmanager
def worker(code: Any, command: Any = None) -> Iterator[Any]:
    made = Worker(code, command)
    try:
        yield made
    finally:
        made.close()


def wait_until(condition: Any, what: Any) -> None:
    """Waits for something that only shows itself when it is looked at."""
    until = time.monotonic() + 60
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.002)
