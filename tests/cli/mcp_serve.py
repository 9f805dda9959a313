#!/usr/bin/env python3
"""MCP servers behind weir serve: how many calls at a time, what happens to a server that is stuck,
changed lists.  Prints TAP.
mcp_serve.py WEIR SRCDIR
"""

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from server import await_ready
from tap_cases import PATIENCE_S, await_gone, await_that, run_cases


@contextlib.contextmanager
def serving(directory: str, script: Any = None, *options: str) -> Iterator["Served"]:
    served = Served(directory, script or {}, options)
    try:
        yield served
    finally:
        served.process.terminate()
        served.process.wait(PATIENCE_S)
        assert served.process.stderr is not None
        served.process.stderr.close()


class Served:
    def __init__(self, directory: str, script: Any, options: tuple[str, ...]) -> None:
        self.path, self.log = f"{directory}/s", f"{directory}/log"
        server = [sys.executable, f"{SRCDIR}/tests/support/mcp_server.py", json.dumps(script)]
        words = ["serve", "--protocol", "mcp", *options, "-s", self.path]
        self.process = subprocess.Popen(
            [WEIR, *words, "-w", shlex.join([*server, self.log])],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        await_ready(self.process)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [WEIR, "call", "-s", self.path, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def call(self, *words: str) -> Any:
        out, err = (process := self.start(*words)).communicate(timeout=PATIENCE_S)
        return process.returncode, out.decode(), err.decode()

    def got(self) -> Any:
        """What the server got."""
        with open(self.log, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line != "EOF\n"]

    def called(self) -> Any:
        """The tools that were called, and cancellations."""
        return [
            message["params"].get("name", "cancelled")
            for message in self.got()
            if message.get("method") in ("tools/call", "notifications/cancelled")
        ]

    def await_calls(self, *names: str) -> None:
        await_that(lambda: self.called() == list(names), lambda: f"called: {self.called()}")

    def queued(self) -> Any:
        return json.loads(self.call("weir/stats")[1])["queued"]


def end(process: subprocess.Popen[bytes]) -> Any:
    process.communicate(timeout=PATIENCE_S)
    return process.returncode


def calls_of_tools_that_only_read_share_the_server(directory: str) -> None:
    with serving(directory) as served:
        naps = [served.start("nap", "s=1") for _ in range(2)]
        served.await_calls("nap", "nap")
        other = served.start("structured")  # waits until it is alone
        await_that(lambda: served.queued() == 1, "it waits")
        assert served.called() == ["nap", "nap"]
        assert [end(process) for process in [*naps, other]] == [0, 0, 0]


def a_window_holds_for_all(directory: str) -> None:
    with serving(directory, None, "--window", "2") as served:
        hanging = [served.start("--timeout", "20s", "hang") for _ in range(2)]
        served.await_calls("hang", "hang")
        for process in hanging:
            process.terminate()
        assert {end(process) for process in hanging} == {128 + signal.SIGTERM}


def a_cancelled_call_that_stays_silent_costs_its_place_for_a_moment(directory: str) -> None:
    with serving(directory) as served:
        pid = served.call("pid")[1]
        assert served.call("--timeout", "300ms", "hang")[0] == 124
        assert served.call("pid")[:2] == (0, pid)  # the same server, once it gave a sign of life
        methods = [message.get("method") for message in served.got()]
        assert methods.count("tools/list") == 2, methods
        assert methods.index("notifications/cancelled") < len(methods) - 2, methods


def a_server_that_is_stuck_is_replaced(directory: str) -> None:
    with serving(directory, {"stops_at_hang": True}, "--stuck", "500ms") as served:
        pid = int(json.loads(served.call("pid")[1]))
        assert served.call("--timeout", "300ms", "hang")[0] == 124
        status, out, err = served.call("pid")
        assert status == 0 and int(json.loads(out)) != pid, (status, out, err)
        await_gone(pid)


def a_changed_list_is_read_again(directory: str) -> None:
    for era in ("legacy", "modern"):
        place = f"{directory}/{era}"
        os.mkdir(place)
        with serving(place, {"era": era}) as served:
            assert "grown()" not in served.call("--list")[1]
            assert served.call("grow")[0] == 0
            await_that(lambda: served.call("grown")[0] == 0, "the new tool can be called")
            assert "grown()" in served.call("--list")[1]


def a_dead_server_costs_only_its_calls(directory: str) -> None:
    with serving(directory) as served:
        status, _, err = served.call("die")
        assert status == 125 and "outcome_unknown" in err, err
        assert served.call("structured")[:2] == (0, '{"n":5}\n')
        assert served.call("die_once", f"mark={directory}/mark")[:2] == (0, '"alive"\n')


def progress_reaches_the_clients_of_a_server(directory: str) -> None:
    with serving(directory) as served, socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_S)
        client.connect(served.path)
        for message in (
            {"id": 1, "method": "weir/hello", "params": {"version": 1}},
            {"id": "x", "method": "progress", "params": {}},
        ):
            client.sendall(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        with client.makefile() as lines:
            got = [json.loads(lines.readline()) for _ in range(4)][1:]
    assert [message.get("params") for message in got] == [
        {"id": "x", "progress": 1, "total": 2, "message": "step 1"},
        {"id": "x", "progress": 2, "total": 2, "message": "step 2"},
        None,
    ], got
    assert [message.get("method") for message in got] == ["weir/progress", "weir/progress", None]
    assert got[2]["result"] == "True", got


def nothing_is_left_when_weir_is_killed(directory: str) -> None:
    with serving(directory, {"stubborn": True}) as served:
        pid = int(json.loads(served.call("pid")[1]))
        served.process.kill()
        await_gone(pid)


def a_stubborn_server_is_ended(directory: str) -> None:
    with serving(directory, {"stubborn": True}, "--grace", "200ms") as served:
        pid = int(json.loads(served.call("pid")[1]))
        served.process.terminate()
        await_gone(pid)
        with open(served.log, encoding="utf-8") as file:
            assert file.read().endswith("EOF\n")


def options_of_mcp_servers_need_the_protocol() -> None:
    for words in (["--stuck", "1s"], ["--no-retry"], ["--mcp-version", "2025-11-25"]):
        done = subprocess.run(
            [WEIR, "serve", *words, "-s", "/nowhere/s", "-w", "true"],
            capture_output=True,
            check=False,
        )
        assert done.returncode == 2 and b"requires --protocol mcp" in done.stderr, done.stderr


run_cases(
    [
        calls_of_tools_that_only_read_share_the_server,
        a_window_holds_for_all,
        a_cancelled_call_that_stays_silent_costs_its_place_for_a_moment,
        a_server_that_is_stuck_is_replaced,
        a_changed_list_is_read_again,
        a_dead_server_costs_only_its_calls,
        progress_reaches_the_clients_of_a_server,
        nothing_is_left_when_weir_is_killed,
        a_stubborn_server_is_ended,
        options_of_mcp_servers_need_the_protocol,
    ]
)
