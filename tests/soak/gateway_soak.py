#!/usr/bin/env python3
"""weir serve in front of MCP servers and functions for as long as one likes, while these are killed
and stopped: clients on stdio, on HTTP with and without sessions, and of the socket come, call,
cancel, and go or are killed.  Prints TAP.
gateway_soak.py BUILDDIR SRCDIR [SECONDS [SEED]]

Each request is answered once.  What was answered with a result was called once, anything else once
at most, and twice only by a tool that says that it changes nothing.
"""

import collections
import contextlib
import http.client
import json
import random
import subprocess
import sys
import threading
import traceback
from typing import Any

sys.dont_write_bytecode = True
from soaking import (
    PYTHON,
    SOURCES,
    WEIR,
    Said,
    Watched,
    await_that,
    ended_in_time,
    environment,
    passed,
    read,
    soak,
    strike,
)
from tap_cases import PATIENCE_S
from weir_worker import client as weir

STUB = f"{SOURCES}/tests/cli/mcp_stub.py"
FUNCTIONS = f"{SOURCES}/tests/soak/soak_worker.py"
KEY = "io.modelcontextprotocol/"
VERSION = "2026-07-28"
META: Any = {
    KEY + "protocolVersion": VERSION,
    KEY + "clientInfo": {"name": "soak", "version": "1"},
    KEY + "clientCapabilities": {},
}
INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "soak", "version": "1"},
}
MOST = {"read_note": 2}  # how often a call may have been made; any other once


def configuration(directory: str) -> str:
    def stub(*tools: str, **own: Any) -> Any:
        own = {"tools": ["*note"], "timeout_s": 5, **own}
        return {"command": sys.executable, "args": [STUB, *tools], "weir": own}

    native = {"protocol": "native", "workers": 2, "prefix": "always", "timeout_s": 5}
    servers = {
        "a": stub("note", "read_note"),
        "b": stub("note", prefix="always", workers=2),
        "c": {
            "command": sys.executable,
            "args": [FUNCTIONS, f"{directory}/made"],
            "env": PYTHON,
            "weir": native,
        },
    }
    path = f"{directory}/mcp.json"
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"mcpServers": servers}, file)
    return path


class Book:
    """What was asked for, and what came of it."""

    def __init__(self, directory: str) -> None:
        self.made = f"{directory}/made"
        self.lock = threading.Lock()
        self.tools: dict[str, str] = {}
        self.outcomes: dict[str, str] = {}
        self.wrong: list[str] = []

    def begin(self, tool: str) -> str:
        """The name of a new call."""
        with self.lock:
            name = f"call-{len(self.tools)}"
            self.tools[name] = tool
            return name

    def end(self, name: str, outcome: str) -> None:
        with self.lock:
            assert name not in self.outcomes, f"{name} is answered twice"
            self.outcomes[name] = outcome

    def judge(self, name: str, answer: Any) -> None:
        """The answer of an MCP server."""
        tool = self.tools[name]
        result = answer.get("result")
        if result is None:
            self.end(name, f"error {answer['error']['code']}")
        elif result.get("isError"):
            self.end(name, "isError")
        else:
            got = result.get("structuredContent", {}).get("result") or result["content"][0]["text"]
            expected = steps_of(7) if tool == "c__steps" else name
            assert got == expected, (tool, name, answer)
            self.end(name, "returned")

    def check(self) -> None:
        made = collections.Counter(read(self.made).split())
        assert set(made) <= set(self.tools), set(made) - set(self.tools)
        for name, tool in self.tools.items():
            outcome = self.outcomes[name]
            least, most = int(outcome == "returned"), MOST.get(tool, 1)
            assert least <= made[name] <= most, (name, tool, outcome, made[name])

    def say(self) -> str:
        counts = collections.Counter(self.outcomes.values())
        return ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())


def steps_of(count: int) -> list[str]:
    return [f"{number}:{'x' * 10}" for number in range(count)]


def arguments_of(book: Book, tool: str, name: str, chance: Any) -> Any:
    if tool == "c__steps":
        return {"name": name, "count": 7}
    if tool == "c__report":
        return {"name": name, "count": chance.randrange(20)}
    if tool == "c__rest":
        return {"name": name, "seconds": chance.random() / 10}
    if tool == "c__note":
        return {"name": name}
    made = {"name": name, "log": book.made}
    return {**made, "steps": chance.randrange(5), "s": chance.choice([0, 0, 0.05])}


def new_call(book: Book, chance: Any, meta: Any) -> Any:
    """The name, and the parameters of tools/call."""
    tool = chance.choice(
        ["note", "read_note", "b__note", "c__note", "c__rest", "c__steps", "c__report"]
    )
    name = book.begin(tool)
    if chance.random() < 0.5:
        meta = {**meta, "progressToken": name}
    return name, {
        "name": tool,
        "arguments": arguments_of(book, tool, name, chance),
        **({"_meta": meta} if meta else {}),
    }


# --- Clients ---------------------------------------------------------------------------


class OnStdio:
    """A client that starts weir serve --mcp --join, as an editor does."""

    def __init__(self, book: Book, mark: str, path: str) -> None:
        self.book = book
        self.process: Any = subprocess.Popen(
            [WEIR, "serve", "--mcp", "--join", path],
            env=environment(mark),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.open: set[str] = set()  # what waits for an answer
        self.cancelled: set[str] = set()

    def send(self, method: str, params: Any = None, **more: Any) -> None:
        message = {"jsonrpc": "2.0", **more, "method": method, "params": params or {}}
        self.process.stdin.write(json.dumps(message).encode() + b"\n")

    def receive(self) -> Any:
        """The next answer; None at the end."""
        for line in self.process.stdout:
            message = json.loads(line)
            if "method" not in message:
                return message
        return None

    def settle(self, answer: Any) -> None:
        name = answer["id"]
        assert name in self.open, answer
        self.open.remove(name)
        self.book.judge(name, answer)

    def work(self, chance: Any) -> None:
        self.send("initialize", INITIALIZE, id="hello")
        self.process.stdin.flush()
        with ended_in_time(self.process):
            assert self.receive()["id"] == "hello"
        self.send("notifications/initialized")
        for _ in range(chance.randrange(1, 20)):
            for _ in range(chance.randrange(1, 8)):
                name, params = new_call(self.book, chance, {})
                self.open.add(name)
                self.send("tools/call", params, id=name)
                if chance.random() < 0.1:
                    self.cancelled.add(name)
                    self.send("notifications/cancelled", {"requestId": name})
            self.process.stdin.flush()
            if chance.random() < 0.02:
                self.process.kill()
            with ended_in_time(self.process):
                while self.open - self.cancelled:
                    answer = self.receive()
                    if answer is None:
                        return
                    self.settle(answer)

    def leave(self) -> None:
        if self.process.poll() is None:
            self.process.stdin.close()
            with ended_in_time(self.process):
                while True:
                    answer = self.receive()
                    if answer is None:
                        break
                    self.settle(answer)
        status = self.process.wait(timeout=PATIENCE_S)
        assert status in (0, -9), status
        assert status == -9 or not self.open - self.cancelled, "a call is not answered"
        for name in self.open:
            self.book.end(name, "cancelled" if name in self.cancelled else "its client was killed")


def come_on_stdio(book: Book, mark: str, path: str, chance: Any) -> None:
    client = OnStdio(book, mark, path)
    try:
        with contextlib.suppress(BrokenPipeError):
            client.work(chance)
        with contextlib.suppress(BrokenPipeError):
            client.leave()
    finally:
        client.process.kill()
        client.process.wait()
        client.process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            client.process.stdin.close()


def post(connection: Any, fields: Any, message: Any) -> Any:
    named = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    is_new = connection.sock is None
    try:
        connection.request("POST", "/mcp", json.dumps(message), {**named, **fields})
        return connection.getresponse()
    except OSError as error:
        with contextlib.suppress(OSError):
            said = connection.sock.recv(10000) if connection.sock else b""
            raise AssertionError(f"{error}: {'new' if is_new else 'old'}, {said!r}") from error
        raise


def answer_in(response: Any) -> Any:
    """JSON, or the one message among the events that is an answer."""
    body = response.read().decode()
    if response.headers["Content-Type"] != "text/event-stream":
        return json.loads(body)
    messages = [json.loads(line[6:]) for line in body.split("\n") if line.startswith("data: ")]
    (answer,) = [message for message in messages if "method" not in message]
    assert answer is messages[-1], messages
    return answer


def come_over_http(book: Book, port: int, chance: Any) -> None:
    """With a session, or without, as the present revision has it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    fields, meta, method = {"MCP-Protocol-Version": VERSION}, META, {"Mcp-Method": "tools/call"}
    has_session = chance.random() < 0.5
    if has_session:
        hello = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": INITIALIZE}
        response = post(connection, {}, hello)
        assert answer_in(response)["id"] == 0
        fields = {"Mcp-Session-Id": response.headers["Mcp-Session-Id"]}
        meta, method = {}, {}
    for _ in range(chance.randrange(1, 20)):
        name, params = new_call(book, chance, meta)
        message = {"jsonrpc": "2.0", "id": name, "method": "tools/call", "params": params}
        if not has_session:
            method["Mcp-Name"] = params["name"]
        if chance.random() < 0.1:  # it is gone before the answer is there
            body = json.dumps(message).encode()
            connection.putrequest("POST", "/mcp")
            for key, value in {
                "Content-Type": "application/json",
                "Accept": "application/json, text/event-stream",
                "Content-Length": str(len(body)),
                **fields,
                **method,
            }.items():
                connection.putheader(key, value)
            connection.endheaders(body)
            connection.close()
            book.end(name, "its client left")
            continue
        answer = answer_in(post(connection, {**fields, **method}, message))
        assert answer["id"] == name, answer
        book.judge(name, answer)
    if has_session:
        connection.request("DELETE", "/mcp", headers=fields)
        assert connection.getresponse().read() == b""
    connection.close()


def come_to_the_socket(book: Book, path: str, chance: Any) -> None:
    """With the native protocol, which knows no prefixes: the functions of c that no tool hides."""
    with weir.connect(path) as there:
        for _ in range(chance.randrange(1, 20)):
            name = book.begin("native")
            seen, count = [], chance.randrange(1, 200)
            leaves = chance.random() < 0.2
            try:
                if chance.random() < 0.3:
                    assert there.call("report", name, 3, timeout=5) == name
                else:
                    stream = there.stream("steps", name, count, timeout=5)
                    for value in stream:
                        seen.append(value)
                        if leaves and len(seen) > count // 2:
                            break
                    assert leaves or len(seen) == count, (name, count, len(seen))
                    assert seen == steps_of(count)[: len(seen)]
                book.end(name, "returned")
            except weir.CallError as error:
                assert seen == steps_of(count)[: len(seen)]
                book.end(name, type(error).__name__)


# --- The gateway ---------------------------------------------------------------------


def a_gateway(directory: str, chance: Any) -> str:
    mark, path, blows = "gateway", f"{directory}/s", 0
    process: Any = subprocess.Popen(
        [WEIR, "serve", "-s", path, "--http", "0", "-f", configuration(directory)]
        + ["--grace", "200ms", "--stuck", "1s", "--start-timeout", "60s"],
        env=environment(mark),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    book = Book(directory)
    stats: Any = None

    def come_and_go(seed: float) -> None:
        own = random.Random(seed)
        try:
            while passed() < 1 and not book.wrong:
                which = own.randrange(3)
                if which == 0:
                    come_on_stdio(book, mark, path, own)
                elif which == 1:
                    come_over_http(book, port, own)
                else:
                    come_to_the_socket(book, path, own)
        except Exception:
            book.wrong.append(traceback.format_exc())

    def is_quiet() -> bool:
        nonlocal stats
        with weir.connect(path) as there:
            stats = there.call("weir/stats", timeout=PATIENCE_S)
        states = {worker["state"] for worker in stats["workers"]}
        return stats["running"] == stats["queued"] == 0 and states <= {"ready", "idle"}

    try:
        began = []
        with ended_in_time(process):
            for line in process.stderr:
                began.append(line.decode())
                if line == b"ready\n":
                    break
        (url,) = [line for line in began if line.startswith("http://")]
        port = int(url.rpartition(":")[2])
        said = Said(process)
        watched = Watched(mark, process)
        await_that(is_quiet, lambda: f"it is not ready: {stats}")
        watched.rest()
        threads = [threading.Thread(target=come_and_go, args=(chance.random(),)) for _ in range(6)]
        for thread in threads:
            thread.start()
        while passed() < 1 and not book.wrong:
            threads[0].join(2 * chance.random())
            blows += strike(chance, mark, "mcp_stub.py", "soak_worker.py") is not None
            watched.look()
        for thread in threads:
            thread.join(3 * PATIENCE_S)
            assert not thread.is_alive(), "a call hangs"
        assert not book.wrong, f"{said}{book.wrong}"
        await_that(is_quiet, lambda: f"it does not come to rest: {stats}; {said}")
        watched.check()
        process.terminate()
        assert process.wait(timeout=PATIENCE_S) == 0
        said.thread.join(PATIENCE_S)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    book.check()
    return f"{len(book.tools)} calls: {book.say()}; {blows} blows; {watched.say()}"


sys.exit(soak([a_gateway]))
