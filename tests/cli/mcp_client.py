"""An MCP client for tests: sends lines, reads lines."""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import PATIENCE_S

TOOLS = f"{sys.executable} {SRCDIR}/tests/cli/mcp_tools.py"
ENVIRONMENT = dict(os.environ, PYTHONPATH=f"{SRCDIR}/sdk/python", PYTHONDONTWRITEBYTECODE="1")
KEY = "io.modelcontextprotocol/"
MODERN: Any = {
    KEY + "protocolVersion": "2026-07-28",
    KEY + "clientInfo": {"name": "test", "version": "1"},
    KEY + "clientCapabilities": {},
}


class Client:
    """A program that speaks MCP on its stdin and stdout."""

    def __init__(self, command: Any, **how: Any) -> None:
        self.process = subprocess.Popen(
            command,
            env=how.pop("env", ENVIRONMENT),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=how.pop("stderr", subprocess.DEVNULL),
            bufsize=0,
            **how,
        )
        self.rest = b""
        self.number = 0

    def write(self, text: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(text if isinstance(text, bytes) else text.encode() + b"\n")

    def send(self, method: Any, params: Any = None, **more: Any) -> None:
        message = {"jsonrpc": "2.0", **more, "method": method}
        if params is not None:
            message["params"] = params
        self.write(json.dumps(message))

    def line(self) -> Any:
        """The next line, or None at the end of file."""
        assert self.process.stdout
        until = time.monotonic() + PATIENCE_S
        while b"\n" not in self.rest:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise AssertionError(f"no line in time; so far: {self.rest[:200]!r}")
            data = os.read(self.process.stdout.fileno(), 1 << 20)
            if not data:
                assert not self.rest, self.rest
                return None
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()

    def receive(self) -> Any:
        line = self.line()
        return None if line is None else json.loads(line)

    def ask(self, method: Any, params: Any = None) -> Any:
        """The answer; notifications before it are in .received."""
        self.number += 1
        self.send(method, params, id=self.number)
        self.received = []
        while True:
            message = self.receive()
            assert message is not None, "the server has gone"
            if message.get("id") == self.number:
                return message
            self.received.append(message)

    def initialize(self, version: str = "2025-11-25") -> Any:
        answer = self.ask(
            "initialize",
            {
                "protocolVersion": version,
                "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"},
            },
        )
        self.send("notifications/initialized")
        return answer["result"]

    def call(self, name: str, meta: Any = None, **arguments: Any) -> Any:
        """The result of a tool."""
        params = {"name": name, "arguments": arguments}
        if meta is not None:
            params["_meta"] = meta
        answer = self.ask("tools/call", params)
        return answer.get("result") or answer

    def leave(self) -> Any:
        """End of file: its exit status."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        status = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        if self.process.stderr:
            self.process.stderr.close()
        return status


@contextlib.contextmanager
def client(*words: Any, worker: Any = TOOLS, **how: Any) -> Iterator[Client]:
    workers = ["-w", worker] if worker is not None else []
    made = Client([WEIR, "serve", "--mcp", "-j1", *workers, *words], **how)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.leave()
