#!/usr/bin/env python3
"""weir serve --http for as long as one likes, while workers are killed and stopped: clients that
read slowly, break off anywhere, listen to events, repeat and cancel.  Prints TAP.
http_soak.py BUILDDIR SRCDIR [SECONDS [SEED]]

Each request that is waited for gets one response, its own; a stream has all of its values or says
that it has not. Each call that returned was made once, one with a key as well, however often it was
sent; one that was refused never, any other once at most.
"""

import asyncio
import collections
import contextlib
import json
import random
import socket
import struct
import subprocess
import sys
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

FUNCTIONS = f"{SOURCES}/tests/soak/soak_worker.py"
CLIENTS = 24
RETURNED, UNKNOWN, REFUSED = "returned", "unknown", "refused"
# No worker, and a deadline before a worker had it, are 503 and 504: a deadline says no more.
OUTCOMES = {200: RETURNED, 202: UNKNOWN, 500: UNKNOWN, 502: UNKNOWN, 503: REFUSED, 504: UNKNOWN}


class Response:
    """A response, read as far as one likes."""

    def __init__(self, status: int, fields: Any, reader: Any) -> None:
        self.status, self.fields, self.reader = status, fields, reader

    async def chunks(self) -> Any:
        """Raises asyncio.IncompleteReadError where the stream is cut."""
        while True:
            line = await asyncio.wait_for(self.reader.readuntil(b"\r\n"), PATIENCE_S)
            size = int(line, 16)
            chunk = await asyncio.wait_for(self.reader.readexactly(size + 2), PATIENCE_S)
            if size == 0:
                return
            yield chunk[:-2]

    async def body(self) -> bytes:
        if "transfer-encoding" in self.fields:
            return b"".join([chunk async for chunk in self.chunks()])
        length = int(self.fields.get("content-length", 0))
        return bytes(await asyncio.wait_for(self.reader.readexactly(length), PATIENCE_S))


class Client:
    """One that makes a connection for each visit, and behaves in one way or another there."""

    def __init__(self, port: int, chance: Any, book: Any) -> None:
        self.port, self.chance, self.book = port, chance, book

    async def open(self, small: bool = False) -> None:
        """With small: a window that is soon full."""
        own = socket.socket()
        own.setblocking(False)
        if small:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.get_running_loop().sock_connect(own, ("127.0.0.1", self.port))
        limit = 4096 if small else 1 << 20
        self.reader, self.writer = await asyncio.open_connection(sock=own, limit=limit)

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    def request(self, line: str, body: Any = None, *fields: str) -> bytes:
        lines = [f"{line} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *fields]
        text = b"" if body is None else json.dumps(body).encode()
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(text)}"]
        return "\r\n".join([*lines, "", ""]).encode() + text

    async def receive(self) -> Response:
        text = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
        head = text.decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        return Response(int(head[0].split()[1]), fields, self.reader)

    async def ask(self, *words: Any) -> Any:
        """The status, and the JSON."""
        self.writer.write(self.request(*words))
        await self.writer.drain()
        response = await self.receive()
        text = await response.body()
        return response.status, json.loads(text) if text else None

    def judge(self, name: str, status: int, got: Any, expected: Any) -> None:
        assert status in OUTCOMES, (status, got)
        assert status != 200 or got == expected, (name, got)
        self.book.end(name, OUTCOMES[status])

    # --- What they do ---

    async def call(self) -> None:
        await self.open()
        for _ in range(self.chance.randrange(1, 30)):
            name = self.book.begin()
            body = [name] if self.chance.random() < 0.9 else {"name": name}
            status, got = await self.ask("POST /v1/call/note", body)
            self.judge(name, status, got, name)
        await self.close()

    async def pipeline(self) -> None:
        await self.open()
        names = [self.book.begin() for _ in range(self.chance.randrange(2, 10))]
        self.writer.write(b"".join(self.request("POST /v1/call/note", [n]) for n in names))
        for name in names:
            response = await self.receive()
            self.judge(name, response.status, json.loads(await response.body()), name)
        await self.close()

    async def stream(self, small: bool = False, as_events: bool = False) -> None:
        """Reads it to its end, in one breath or slowly."""
        await self.open(small)
        name, count = self.book.begin(), self.chance.randrange(1, 60)
        length = 4000 if small else 10
        kind = "text/event-stream" if as_events else "application/x-ndjson"
        body = [name, count, length]
        self.writer.write(self.request("POST /v1/call/steps", body, f"Accept: {kind}"))
        response = await self.receive()
        if response.status != 200:
            self.judge(name, response.status, await response.body(), None)
            return await self.close()
        text, is_cut = b"", False
        try:
            async for chunk in response.chunks():
                text += chunk
                if small:
                    await asyncio.sleep(self.chance.random() / 50)
        except asyncio.IncompleteReadError:
            is_cut = True
        if as_events:
            events = text.decode().split("\n\n")[:-1]
            events = [event for event in events if not event.startswith(":")]
            is_cut = events[-1].startswith("event: error")
            assert is_cut or events[-1].startswith("event: end"), events[-1]
            lines = [event.partition("data: ")[2] for event in events[:-1]]
        else:
            lines = text.decode().split("\n")[:-1]
        expected = [f"{number}:{'x' * length}" for number in range(count)]
        assert is_cut or len(lines) == count, (name, count, len(lines))
        assert [json.loads(line) for line in lines] == expected[: len(lines)], name
        self.book.end(name, UNKNOWN if is_cut else RETURNED)
        await self.close()

    async def stream_events(self) -> None:
        await self.stream(as_events=True)

    async def stream_slowly(self) -> None:
        await self.stream(small=True, as_events=self.chance.random() < 0.5)

    async def send_a_stream(self) -> None:
        await self.open()
        name, count = self.book.begin(), self.chance.randrange(0, 200)
        fields = ("Content-Type: application/x-ndjson", "Transfer-Encoding: chunked")
        params = f"%7B%22name%22%3A%22{name}%22%7D"
        self.writer.write(self.request(f"POST /v1/call/total?params={params}", None, *fields))
        try:
            for number in range(count):
                line = f"{number}\n"
                self.writer.write(f"{len(line):x}\r\n{line}\r\n".encode())
                if self.chance.random() < 0.05:
                    await self.writer.drain()
                    await asyncio.sleep(0)
            self.writer.write(b"0\r\n\r\n")
            response = await self.receive()
            got = json.loads(await response.body())
            self.judge(name, response.status, got, sum(range(count)))
        except (OSError, asyncio.IncompleteReadError):
            self.book.end(name, UNKNOWN)  # it was answered before all was sent, and closed
        await self.close()

    async def break_off(self) -> None:
        """Anywhere: in the head, in the body, before or in the response; politely or not."""
        await self.open()
        name = self.book.begin()
        call = self.chance.choice(
            [("POST /v1/call/steps", [name, 50, 5000]), ("POST /v1/call/rest", [name, 0.05])]
        )
        text = self.request(*call, "Accept: application/x-ndjson, application/json")
        sent = self.chance.choice([len(text), self.chance.randrange(len(text))])
        self.writer.write(text[:sent])
        await self.writer.drain()
        if sent == len(text) and self.chance.random() < 0.5:
            await self.reader.read(self.chance.randrange(1, 10000))
        if self.chance.random() < 0.5:
            own = self.writer.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.book.end(name, UNKNOWN if sent == len(text) else REFUSED)
        await self.close()

    async def repeat(self) -> None:
        """With a key: one call, although the first connection is lost."""
        name = self.book.begin()
        fields = f"Idempotency-Key: {name}"
        outcome = UNKNOWN
        for attempt in range(self.chance.randrange(2, 5)):
            await self.open()
            self.writer.write(self.request("POST /v1/call/rest", [name, 0.01], fields))
            await self.writer.drain()
            if attempt > 0 or self.chance.random() < 0.5:
                response = await self.receive()
                got = json.loads(await response.body())
                if response.status == 200:
                    assert got == name
                    outcome = RETURNED
                else:
                    assert response.status in (409, *OUTCOMES), (response.status, got)
                    assert outcome == UNKNOWN, f"{name}: first a result, then {got}"
            await self.close()
        self.book.end(name, outcome)

    async def come_back(self) -> None:
        """Does not wait, and cancels it or asks for the reply."""
        await self.open()
        name = self.book.begin()
        self.writer.write(self.request("POST /v1/call/rest", [name, 0.03], "Prefer: respond-async"))
        response = await self.receive()
        await response.body()
        if response.status != 202:
            self.judge(name, response.status, None, None)
            return await self.close()
        place = response.fields["location"]
        if self.chance.random() < 0.3:
            status, _ = await self.ask(f"DELETE {place}")
            assert status in (204, 404), status  # 404: it has ended
        status = 202
        while status == 202:
            status, got = await self.ask(f"GET {place}")
            await asyncio.sleep(0.01)
        assert status in (*OUTCOMES, 409), (status, got)  # 409: it was cancelled
        self.judge(name, status if status != 409 else 500, got, name)
        await self.close()

    async def listen(self) -> None:
        """To what goes on in the server."""
        await self.open()
        self.writer.write(self.request("GET /v1/live"))
        response = await self.receive()
        if response.status == 200:
            count = 0
            async for chunk in response.chunks():
                assert chunk.startswith((b"event: ", b"data: ", b":", b"id: ")), chunk
                count += 1
                if count > 5:
                    break
        else:
            assert response.status == 503, response.status
            await response.body()
        await self.close()

    async def look(self) -> None:
        await self.open()
        for path in ("/openapi.json", "/metrics", "/v1/methods", "/", "/no/such"):
            self.writer.write(self.request(f"GET {path}"))
            response = await self.receive()
            assert response.status == (404 if "no" in path else 200), (path, response.status)
            await response.body()
        await self.close()

    async def come_and_go(self) -> None:
        ways = [self.call] * 4 + [self.pipeline, self.stream, self.stream_events] * 2
        ways += [self.stream_slowly, self.send_a_stream, self.break_off] * 2
        ways += [self.repeat, self.come_back, self.listen, self.look]
        while passed() < 1:
            await self.chance.choice(ways)()


class Book:
    """What was asked for, and what came of it."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.number = 0

    def begin(self) -> str:
        self.number += 1
        return f"call-{self.number}"

    def end(self, name: str, outcome: str) -> None:
        assert name not in self.outcomes, f"{name} is answered twice"
        self.outcomes[name] = outcome

    def check(self, made: Any) -> None:
        assert set(made) <= set(self.outcomes), set(made) - set(self.outcomes)
        assert self.number == len(self.outcomes), "not each call has an outcome"
        for name, outcome in self.outcomes.items():
            least, most = int(outcome == RETURNED), int(outcome != REFUSED)
            assert least <= made[name] <= most, (name, outcome, made[name])


async def blows_for(chance: Any, mark: str, watched: Any) -> int:
    blows = 0
    while passed() < 1:
        await asyncio.sleep(chance.uniform(0.2, 1.5))
        blows += strike(chance, mark, FUNCTIONS) is not None
        watched.look()
    return blows


async def crowd(port: int, chance: Any, mark: str, watched: Any, book: Book) -> int:
    clients = [Client(port, random.Random(chance.random()), book) for _ in range(CLIENTS)]
    blows, *_ = await asyncio.gather(
        blows_for(chance, mark, watched), *(client.come_and_go() for client in clients)
    )
    return int(blows)


async def stats_of(port: int) -> Any:
    client = Client(port, random.Random(), None)
    await client.open()
    _, stats = await client.ask("GET /v1/stats")
    await client.close()
    return stats


def clients_over_http(directory: str, chance: Any) -> str:
    mark, made = "http", f"{directory}/made"
    process: Any = subprocess.Popen(
        [WEIR, "serve", "--http", "0", "-j3", "--grace", "200ms", "--recycle-calls", "2000"]
        + ["--http-timeout", "3", "--start-timeout", "60s"]
        + ["-w", f"{sys.executable} {FUNCTIONS} {made}"],
        env=environment(mark, **PYTHON),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    book = Book()
    stats: Any = None

    def is_quiet() -> bool:
        nonlocal stats
        stats = asyncio.run(stats_of(port))
        states = [worker["state"] for worker in stats["workers"]]
        return stats["running"] == stats["queued"] == 0 and {*states} <= {"ready", "idle"}

    try:
        with ended_in_time(process):
            port = int(process.stderr.readline().decode().rpartition(":")[2])
            assert process.stderr.readline() == b"ready\n"
        said = Said(process)
        watched = Watched(mark, process)
        await_that(is_quiet, lambda: f"it is not ready: {stats}")
        watched.rest()
        try:
            blows = asyncio.run(crowd(port, chance, mark, watched, book))
        except Exception as error:
            raise AssertionError(said) from error
        await_that(is_quiet, lambda: f"it does not come to rest: {stats}; {said}")
        watched.check()
        process.terminate()
        assert process.wait(timeout=PATIENCE_S) == 0
        said.thread.join(PATIENCE_S)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    book.check(collections.Counter(read(made).split()))
    counts = collections.Counter(book.outcomes.values())
    assert counts[RETURNED] > 0
    return f"{book.number} calls: {dict(counts)}; {blows} blows; {watched.say()}"


sys.exit(soak([clients_over_http]))
