#!/usr/bin/env python3
"""The vectors of the worker protocol (tests/data/rpc), and of MCP servers as workers
(tests/data/mcp/host-*), in C: libweir's pool as the host, and
`weir serve` as the worker, with the Python SDK's vector worker behind it.  Prints TAP.
rpc_vectors.py WEIR RPC_HOST SRCDIR
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any

WEIR, RPC_HOST, SRCDIR = sys.argv[1:4]
sys.path[:0] = [f"{SRCDIR}/tests/support", f"{SRCDIR}/sdk/python/tests"]
import vectors
from server import await_ready
from tap_cases import PATIENCE_S, run_cases
from vectors import Failed, matches, short

RELAY = f"{SRCDIR}/tests/support/pipe_to_socket.py"
FOLDER = f"{SRCDIR}/tests/data/rpc"
ENVIRONMENT = dict(os.environ, PYTHONPATH=f"{SRCDIR}/sdk/python", PYTHONDONTWRITEBYTECODE="1")
STREAMS = {
    "count": "out",
    "endless": "out",
    "breaks": "out",
    "sum": "in",
    "first": "in",
    "stall": "in",
    "running": "both",
}
METHODS = {
    name: {"stream": STREAMS[name]} if name in STREAMS else {}
    for name in ("add", "echo", "fail", "sleep", "nan", "big", "note", "say", "about", *STREAMS)
}
# A server that a client leaves cancels its calls (section 11), where a worker finishes them (section 1);
# logs are for the server's host; and a line over the limit costs the connection (section 11).
NOT_OF_A_SERVER = ("end of file", "logs", "log line", "stalled", "closed", "a line over 64 MiB")


class HostCase:
    """The runner is the worker: the host's relay connects to a socket of ours."""

    dialect = "auto"

    def __init__(self, directory: Any) -> None:
        path = os.path.join(directory, "worker")
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(path)
        self.listening.listen()
        self.listening.settimeout(PATIENCE_S)
        self.host = subprocess.Popen(
            [RPC_HOST, self.dialect, sys.executable, RELAY, path],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=ENVIRONMENT,
        )
        self.reported = vectors.Lines(os.dup(self.host.stdin.fileno()), self.host.stdout.fileno())
        self.values, self.done, self.started, self.stats = {}, {}, None, None
        self.granted, self.names = {}, {}
        self.plain = False
        self.connect()

    def connect(self) -> None:
        self.worker = self.listening.accept()[0]
        self.lines = vectors.Lines(os.dup(self.worker.fileno()), self.worker.fileno())

    def say(self, step: Any) -> None:
        self.reported.write(json.dumps(step).encode() + b"\n")

    def receive(self) -> None:
        """What the host tells next."""
        line = self.reported.read()
        if line is None:
            raise Failed("the host has ended")
        kind, *rest = vectors.load(line)
        if kind == "value":
            self.values.setdefault(rest[0], []).append(rest[1])
        elif kind == "done":
            self.done[rest[0]] = rest[1:]
        elif kind == "started":
            self.started = rest[0]
        else:
            self.stats = vectors.plain(rest[0])

    def next(self, also_credit: bool = False) -> Any:
        while True:
            line = self.lines.read()
            if line is None:
                return None
            message = vectors.load(line)
            vectors.check_message(message)
            if isinstance(message, dict) and message.get("method") == "weir/credit":
                params = vectors.plain(message["params"])
                key = repr(params["id"])
                self.granted[key] = self.granted.get(key, 0) + params["n"]
                if also_credit:
                    return message
                continue
            return message

    def bound(self, value: Any) -> Any:
        """With what $id stands for."""
        if isinstance(value, dict):
            if len(value) == 1 and "$id" in value:
                return self.names[value["$id"]]
            return {name: self.bound(one) for name, one in value.items()}
        return [self.bound(one) for one in value] if isinstance(value, list) else value

    def expect(self, pattern: Any) -> None:
        message = self.next()
        if message is None or not matches(pattern, message, self.names):
            raise Failed(f"wanted {short(pattern)}\n     got {short(message)}")

    def run(self, case: Any) -> None:
        if case.get("hello", True):
            hello = self.next()
            if not matches({"method": "weir/hello", "params": {"version": 1}}, hello):
                raise Failed(f"no hello: {short(hello)}")
            result = {
                "version": 1,
                "name": "vectors",
                "concurrency": 8,
                "pid": 1,
                "methods": METHODS,
            }
            self.lines.write(
                vectors.line_of({"in": {"id": vectors.plain(hello["id"]), "result": result}})
            )
            self.step({"started": True})
        for number, step in enumerate(case["steps"], 1):
            try:
                self.step(step)
            except Failed as failed:
                raise Failed(f"step {number}: {failed}") from None

    def step(self, step: Any) -> None:
        ((kind, value),) = step.items()
        data = vectors.line_of({kind: self.bound(value)} if kind == "in" else step)
        if data is not None:
            self.lines.write(data)
        elif kind == "in_end":
            self.worker.shutdown(socket.SHUT_WR)
        elif kind == "out":
            self.expect(value)
        elif kind == "out_any_order":
            messages = [self.next() for _ in value]
            if not vectors.matches_any_order(value, messages, self.names):
                raise Failed(f"wanted {short(value)}\n     got {short(messages)}")
        elif kind == "out_end":
            message = self.next()
            if message is not None:
                raise Failed(f"wanted the end\n     got {short(message)}")
        elif kind == "credit":
            while self.granted.get(repr(self.bound(value["id"])), 0) < value["at_least"]:
                message = self.next(also_credit=True)
                if message is None or message.get("method") != "weir/credit":
                    raise Failed(f"waiting for credit\n     got {short(message)}")
        elif kind == "take":
            while not self.values.get(value["call"]):
                self.receive()
            got = self.values[value["call"]].pop(0)
            self.say({"grant": value["call"]})
            if not matches(value["value"], got):
                raise Failed(f"wanted {short(value['value'])}\n     got {short(got)}")
        elif kind == "outcome":
            self.outcome(value)
        elif kind == "started":
            while self.started is None:
                self.receive()
            if self.started != value:
                raise Failed(f"started: {self.started}")
        elif kind == "state":
            self.state(value)
        else:  # call, feed, finish, fail_input, cancel
            self.say(step)

    def outcome(self, value: Any) -> None:
        while value["call"] not in self.done:
            self.receive()
        outcome, got = self.done[value["call"]]
        if "unknown" in value:
            good = outcome == "outcome_unknown"
        elif "error" in value:
            good = outcome != "returned" and matches(value["error"], got)
        else:
            good = outcome == "returned" and matches(value["result"], got)
        if not good:
            raise Failed(f"wanted {short(value)}\n     got {outcome}: {short(got)}")

    def state(self, wanted: Any) -> None:
        until = time.monotonic() + PATIENCE_S
        while True:
            self.stats = None
            self.say({"stats": True})
            while self.stats is None:
                self.receive()
            seen = {
                "noise": self.stats["noise"],
                "late": self.stats["late"],
                "broken": self.stats["restarts"] > 0
                or any(worker["state"] == "ending" for worker in self.stats["workers"]),
            }
            if all(seen.get(name, value) == value for name, value in wanted.items()):
                return
            if time.monotonic() > until:
                raise Failed(f"wanted {wanted}, got {seen}")
            time.sleep(0.01)

    def close(self) -> None:
        os.close(self.reported.fd_in)
        os.close(self.lines.fd_in)
        self.worker.close()
        self.listening.close()
        self.host.stdin.close()
        self.host.kill()
        self.host.wait()
        self.host.stdout.close()


class McpHostCase(HostCase):
    """The runner is an MCP server.  A case names its era, or greets for itself."""

    dialect = "mcp"

    def run(self, case: Any) -> None:
        if "era" in case:
            self.greet(case["era"] == "modern")
        super().run({**case, "hello": False})

    def greet(self, is_modern: bool) -> None:
        has = {"capabilities": {"tools": {}, "resources": {}}}
        if is_modern:
            self.answer("server/discover", result={"supportedVersions": ["2026-07-28"], **has})
        else:
            self.answer("server/discover", error={"code": -32601, "message": "no"})
            self.answer("initialize", result={"protocolVersion": "2025-11-25", **has})
            self.expect({"method": "notifications/initialized"})
        self.answer("tools/list", result={"tools": [{"name": "add"}]})
        self.step({"started": True})

    def answer(self, method: str, **members: Any) -> None:
        asked = self.next()
        if not matches({"method": method}, asked):
            raise Failed(f"no {method}: {short(asked)}")
        message = {"id": vectors.plain(asked["id"]), **members}
        self.lines.write(vectors.line_of({"in": message}))


def host_case(file: Any, case: Any, side_class: Any = HostCase) -> Any:
    def run(directory: Any) -> None:
        side = side_class(directory)
        try:
            side.run(case)
        finally:
            side.close()

    run.__name__ = f"host, {file}: {case['name']}"
    return run


class Server:
    """One for all cases; each is a connection."""

    def __init__(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.directory.name, "s")
        worker = f"{sys.executable} {SRCDIR}/sdk/python/tests/vector_worker.py"
        self.process = subprocess.Popen(
            [WEIR, "serve", "-j2", "-s", self.path, "-w", worker],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        await_ready(self.process)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()
        self.process.stderr.close()
        self.directory.cleanup()


def worker_case(server: Any, file: Any, case: Any) -> Any:
    def run() -> None:
        wrong = vectors.run_worker_case(case, [sys.executable, RELAY, server.path])
        if wrong is not None:
            raise Failed(wrong)

    run.__name__ = f"serve, {file}: {case['name']}"
    return run


def is_of_a_server(case: Any) -> bool:
    text = json.dumps(case)
    return (
        not any(word in case["name"] for word in NOT_OF_A_SERVER)
        and '"weir/log"' not in text
        and '"in_end"' not in text
    )


server = Server()
try:
    run_cases(
        [host_case(file, case) for file, case in vectors.cases_of(FOLDER, "host")]
        + [
            host_case(f"mcp, {file}", case, McpHostCase)
            for file, case in vectors.cases_of(f"{SRCDIR}/tests/data/mcp", "host")
        ]
        + [
            worker_case(server, file, case)
            for file, case in vectors.cases_of(FOLDER, "worker")
            if is_of_a_server(case)
        ]
    )
finally:
    server.close()
