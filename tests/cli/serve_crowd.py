#!/usr/bin/env python3
"""weir serve --http with very many connections at once.  Prints TAP.
serve_crowd.py WEIR SRCDIR
CROWD: how many; as many as descriptors are allowed, if that is less.
"""

import contextlib
import os
import resource
import socket
import struct
import sys
from collections.abc import Iterator

sys.dont_write_bytecode = True
from serve_http_door import Answer, Door, descriptors, door
from tap_cases import PATIENCE_S, await_that, is_sanitized, run_cases

CROWD = int(os.environ.get("CROWD", "1000"))
SPARE = 300  # descriptors for all else
ROUNDS = 2
GROWTH_KB = 1024
# Closed at once, so that the address is free again.
AT_ONCE = struct.pack("ii", 1, 0)


@contextlib.contextmanager
def many_descriptors() -> Iterator[int]:
    """How many connections there may be; the limit is passed on to the server."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CROWD + SPARE
    with contextlib.suppress(ValueError, OSError):  # root may
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, before[1])))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        soft = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        yield soft - SPARE
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def memory_kb(weir: Door) -> int:
    with open(f"/proc/{weir.process.pid}/status", encoding="utf-8") as status:
        return int(next(line.split()[1] for line in status if line.startswith("VmRSS:")))


def crowd(weir: Door, count: int, stack: contextlib.ExitStack) -> list[socket.socket]:
    clients = []
    for _ in range(count):
        client = stack.enter_context(weir.connect())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        clients.append(client)
    return clients


def visit(weir: Door, count: int) -> None:
    """They are served, send half a request, or nothing, and leave."""
    health = weir.head("GET /healthz")
    body = b"[3,4]"
    half = weir.head("POST /v1/call/add", "Content-Type: application/json", "Content-Length: 5")
    with contextlib.ExitStack() as stack:
        clients = crowd(weir, count, stack)
        for client in clients:
            client.sendall(health)
        for client in clients:
            head = client.recv(4096)
            assert head.startswith(b"HTTP/1.1 200 "), head
        # One more is answered, and is not let in.
        with weir.connect() as late:
            answer = Answer(late, "GET")
            assert (answer.status, answer.fields["Connection"]) == (503, "close"), answer
        for number, client in enumerate(clients):
            if number % 3:
                client.sendall(half[: number % len(half)] if number % 3 == 1 else half)
        for client in clients[:30:3]:  # those that sent nothing
            client.sendall(half + body)
            assert Answer(client).json == 7


def a_crowd_is_served_and_leaves_nothing_behind() -> None:
    words = ["-j1", "--http-head-timeout", "10m"]
    with many_descriptors() as count, door(*words, "--http-connections", str(count)) as weir:
        assert weir.call("add", [1, 2]).json == 3
        before = descriptors(weir.process)
        memory = []
        for _ in range(ROUNDS):
            visit(weir, count)
            await_that(lambda: descriptors(weir.process) <= before, "connections stay open")
            assert weir.call("add", [1, 2]).json == 3
            memory.append(memory_kb(weir))
        print(f"# {count} connections, {ROUNDS} times; memory then: {memory} KiB")
        assert is_sanitized() or memory[-1] - memory[0] < GROWTH_KB, memory
        assert weir.process.poll() is None


def a_crowd_that_stays_is_let_go_by_a_stop() -> None:
    with (
        many_descriptors() as count,
        door("-j1", "--http-connections", str(count)) as weir,
        contextlib.ExitStack() as stack,
    ):
        clients = crowd(weir, count, stack)
        await_that(lambda: descriptors(weir.process) >= count, "not all connections are accepted")
        weir.process.terminate()
        assert weir.process.wait(timeout=PATIENCE_S) == 0
        for client in clients:
            with contextlib.suppress(ConnectionError):
                assert client.recv(1) == b""


run_cases(
    [
        a_crowd_is_served_and_leaves_nothing_behind,
        a_crowd_that_stays_is_let_go_by_a_stop,
    ]
)
