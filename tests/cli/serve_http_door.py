"""What the tests of the web door share: a server, and clients that send exact bytes."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Optional

from serve import ENVIRONMENT, SRCDIR, WEIR
from server import await_ready
from tap_cases import PATIENCE_S

WORKER = f"{sys.executable} {SRCDIR}/tests/cli/serve_http_worker.py"
JSON = {"Content-Type": "application/json"}


class Door:
    """A server with a web door."""

    def __init__(self, process: Any, place: Any, said: Any = ()) -> None:
        self.process = process
        self.said = said  # before it was ready
        self.place = place  # (address, port), or the path of a socket

    @property
    def host(self) -> str:
        return "localhost" if isinstance(self.place, str) else f"127.0.0.1:{self.place[1]}"

    def connect(self) -> socket.socket:
        if isinstance(self.place, str):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(PATIENCE_S)
            client.connect(self.place)
            return client
        return socket.create_connection(self.place, timeout=PATIENCE_S)

    def head(self, line: str, *fields: str) -> bytes:
        return "\r\n".join([f"{line} HTTP/1.1", f"Host: {self.host}", *fields, "", ""]).encode()

    def send(self, message: bytes) -> "Answer":
        """On a connection of its own."""
        with self.connect() as client:
            client.sendall(message)
            return Answer(client)

    def ask(
        self, method: str, target: str, body: Any = None, fields: Optional[dict[str, str]] = None
    ) -> "Answer":
        if fields is None:
            fields = JSON if body is not None else {}
        text = b"" if body is None else body if isinstance(body, bytes) else body.encode()
        lines = [f"{name}: {value}" for name, value in fields.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(text)}")
        return self.send(self.head(f"{method} {target}", *lines) + text)

    def call(self, name: str, params: Any = None, **fields: str) -> "Answer":
        named = {key.replace("_", "-"): value for key, value in fields.items()}
        if params is None:
            return self.ask("POST", f"/v1/call/{name}", None, named)
        return self.ask("POST", f"/v1/call/{name}", json.dumps(params), {**JSON, **named})


class Answer:
    """A response, read to its end."""

    def __init__(self, client: socket.socket, method: str = "POST") -> None:
        response = http.client.HTTPResponse(client, method=method)
        response.begin()
        self.status = response.status
        self.fields = response.headers
        self.is_cut = False
        try:
            self.body = response.read()
        except http.client.IncompleteRead as cut:
            self.body = cut.partial
            self.is_cut = True
        response.close()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def type(self) -> str:
        """The end of a problem's type."""
        assert self.fields["Content-Type"] == "application/problem+json", self.fields
        problem = self.json
        assert problem["status"] == self.status, problem
        return str(problem["type"]).rpartition("/")[2]

    def __repr__(self) -> str:
        return f"<{self.status} {dict(self.fields)} {self.body!r}>"


def start(
    *words: str,
    worker: Optional[str] = WORKER,
    environment: dict[str, str] = ENVIRONMENT,
    **how: Any,
) -> Any:
    workers = ["-w", worker] if worker is not None else []
    return subprocess.Popen(
        [WEIR, "serve", *workers, *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        **how,
    )


@contextlib.contextmanager
def door(*words: str, place: str = "0", **how: Any) -> Iterator[Door]:
    process = start("--http", place, *words, **how)
    try:
        said = [line.decode().rstrip("\n") for line in await_ready(process)]
        if place.startswith("unix:"):
            yield Door(process, place[5:])
        else:
            (url,) = [line for line in said if line.startswith("http://")]
            address, _, port = url.partition("//")[2].rpartition(":")
            yield Door(process, (address.strip("[]"), int(port)), said)
        if process.poll() is None:
            process.terminate()
            assert process.wait(timeout=PATIENCE_S) == 0, process.said
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stderr.close()


def descriptors(process: Any) -> int:
    return len(os.listdir(f"/proc/{process.pid}/fd"))
