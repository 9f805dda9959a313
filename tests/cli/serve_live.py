#!/usr/bin/env python3
"""weir serve --http: /v1/live, the events of what runs.  Prints TAP.
serve_live.py WEIR SRCDIR
"""

import contextlib
import hashlib
import http.client
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

sys.dont_write_bytecode = True
from serve_http_door import Answer, Door, descriptors, door
from tap_cases import PATIENCE_S, await_file, await_that, run_cases


class Watcher:
    """A client of /v1/live."""

    def __init__(self, weir: Door, *fields: str) -> None:
        self.client = weir.connect()
        self.client.sendall(weir.head("GET /v1/live", *fields))
        self.response = http.client.HTTPResponse(self.client, method="GET")
        self.response.begin()

    def next(self) -> tuple[str, Any]:
        """The next event; ("", None): the end of the response."""
        kind, data = "", None
        while True:
            line = self.response.readline().decode().rstrip("\n")
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
            elif line == "":
                return kind, data

    def until(self, kind: str, condition: Any) -> Any:
        """What such an event says once it says that."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            found, data = self.next()
            assert found != "", "the events ended"
            if found == kind and condition(data):
                return data
        raise AssertionError(f"no {kind} event said so")

    def close(self) -> None:
        self.response.close()
        self.client.close()


@contextlib.contextmanager
def watching(weir: Door, *fields: str) -> Iterator[Watcher]:
    watcher = Watcher(weir, *fields)
    try:
        yield watcher
    finally:
        watcher.close()


def who_watches_hears_of_calls_as_they_begin_and_end(directory: str) -> None:
    path = directory + "/go"
    with door("-j1") as weir, watching(weir) as watcher:
        assert watcher.response.status == 200
        assert watcher.response.headers["Content-Type"] == "text/event-stream"
        assert watcher.next()[0] == "stats"
        assert watcher.next() == ("calls", [])
        caller = threading.Thread(target=weir.call, args=("wait_for", [path]))
        caller.start()
        (one,) = watcher.until("calls", lambda calls: calls and calls[0]["state"] == "running")
        assert one["method"] == "wait_for" and one["worker"] > 0 and one["id"], one
        await_file(path + ".begun")
        with open(path, "w", encoding="utf-8"):
            pass
        watcher.until("calls", lambda calls: calls == [])
        stats = watcher.until("stats", lambda stats: stats["calls"] == 1)
        assert stats["methods"]["wait_for"]["calls"] == 1, stats
        caller.join()


def events_come_though_nothing_happens_and_not_for_each_of_many_calls() -> None:
    with door("-j1") as weir, watching(weir) as watcher:
        began = time.monotonic()
        for _ in range(6):
            watcher.next()
        for _ in range(300):
            weir.call("add", [1, 2])
        count = 3
        while True:
            kind, data = watcher.next()
            count += kind == "stats"
            if kind == "stats" and data["calls"] == 300:
                break
        assert count <= (time.monotonic() - began) * 10 + 2, count


def a_watcher_that_does_not_read_costs_little_and_one_that_goes_leaves_nothing() -> None:
    with door("-j1") as weir:
        weir.call("add", [1, 2])
        before = descriptors(weir.process)
        with weir.connect() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(weir.head("GET /v1/live"))
            with watching(weir) as watcher:
                for _ in range(20):
                    weir.call("add", [1, 2])
                watcher.until("stats", lambda stats: stats["calls"] == 21)
        await_that(lambda: descriptors(weir.process) <= before, "they are gone")


def there_is_a_most_of_watchers() -> None:
    with door("-j1") as weir, contextlib.ExitStack() as stack:
        for _ in range(16):
            stack.enter_context(watching(weir))
        answer = weir.send(weir.head("GET /v1/live"))
        assert (answer.status, answer.fields["Retry-After"]) == (503, "1"), answer
        with weir.connect() as client:
            client.sendall(weir.head("HEAD /v1/live"))
            answer = Answer(client, "HEAD")
        assert (answer.status, answer.fields["Content-Type"]) == (200, "text/event-stream"), answer
        assert weir.call("add", [1, 2]).json == 3
    with door("-j1", "--no-http-page") as weir:
        assert weir.ask("GET", "/v1/live").status == 404


def watchers_are_told_of_the_end() -> None:
    with door("-j1") as weir, watching(weir) as watcher:
        watcher.next()
        weir.process.send_signal(signal.SIGTERM)
        watcher.until("end", lambda data: data is None)
        assert watcher.next() == ("", None)
        assert weir.process.wait(timeout=PATIENCE_S) == 0


def only_an_operator_watches_and_new_tokens_end_it(directory: str) -> None:
    path = os.path.join(directory, "tokens.json")
    tokens = [
        {"name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), "operator": is_operator}
        for name, is_operator in (("ada", True), ("ci", False))
    ]
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
        json.dump({"tokens": tokens}, file)
    with door("-j1", "--http-tokens", path) as weir:
        assert weir.ask("GET", "/v1/live").status == 401
        assert weir.ask("GET", "/v1/live", None, {"Authorization": "Bearer ci"}).status == 403
        with watching(weir, "Authorization: Bearer ada") as watcher:
            assert watcher.next()[0] == "stats"
            weir.process.send_signal(signal.SIGHUP)
            watcher.until("end", lambda data: data is None)


run_cases(
    [
        who_watches_hears_of_calls_as_they_begin_and_end,
        events_come_though_nothing_happens_and_not_for_each_of_many_calls,
        a_watcher_that_does_not_read_costs_little_and_one_that_goes_leaves_nothing,
        there_is_a_most_of_watchers,
        watchers_are_told_of_the_end,
        only_an_operator_watches_and_new_tokens_end_it,
    ]
)
