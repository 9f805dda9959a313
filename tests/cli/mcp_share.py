#!/usr/bin/env python3
"""weir serve --mcp --join SOCKET -f FILE: clients share a server that the first one starts.
Prints TAP.  mcp_share.py WEIR SRCDIR
"""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

sys.dont_write_bytecode = True
from mcp_client import ENVIRONMENT, SRCDIR, WEIR, Client
from tap_cases import PATIENCE_S, await_gone, await_that, run_cases


def write(directory: str) -> str:
    path = f"{directory}/mcp.json"
    if os.path.exists(path):
        return path
    with open(path, "w", encoding="utf-8") as file:
        entry = {"command": sys.executable, "args": [f"{SRCDIR}/tests/cli/mcp_stub.py"]}
        json.dump({"mcpServers": {"stub": entry}}, file)
    return path


def words(directory: str, linger: str = "60s") -> list[str]:
    path = write(directory)
    return ["--join", f"{directory}/s", "-f", path, "--linger", linger, "--grace", "0.1"]


@contextlib.contextmanager
def client(*more: str, **how: Any) -> Iterator[Client]:
    made = Client([WEIR, "serve", "--mcp", *more], **how)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.leave()


def pid_of(weir: Client) -> int:
    """Of the MCP server that all share."""
    return int(weir.call("pid")["content"][0]["text"])


def server_pid(path: str) -> int:
    """Of the process that listens there."""
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(PATIENCE_S)
        one.connect(path)
        found = one.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", found)[0])


def end(directory: str) -> None:
    pid = server_pid(f"{directory}/s")
    assert pid > 0
    os.kill(pid, signal.SIGTERM)
    await_gone(pid)


def the_first_client_starts_the_server_and_the_last_ends_it(directory: str) -> None:
    with client(*words(directory, "0.3")) as one:
        assert one.initialize()["serverInfo"]["name"] == "weir"
        pid = pid_of(one)
        with client(*words(directory, "0.3")) as two:
            two.initialize()
            assert pid_of(two) == pid
        assert one.leave() == 0
    await_that(lambda: not os.path.exists(f"{directory}/s"), "the server takes its socket away")
    await_gone(pid)
    with client(*words(directory, "0")) as again:
        again.initialize()
        assert pid_of(again) != pid
        later = pid_of(again)
    await_gone(later)
    await_that(lambda: not os.path.exists(f"{directory}/s"), "the server ends")


def the_server_stays_for_a_while(directory: str) -> None:
    with client(*words(directory)) as one:
        one.initialize()
        pid = pid_of(one)
    with client(*words(directory)) as two:
        two.initialize()
        assert pid_of(two) == pid
    end(directory)


def many_clients_at_once_start_one_server(directory: str) -> None:
    pids: list[int] = []
    options = words(directory)

    def use() -> None:
        with client(*options) as weir:
            weir.initialize()
            pids.append(pid_of(weir))

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(pids) == 6 and len(set(pids)) == 1, pids
    end(directory)


def clients_come_while_the_server_leaves(directory: str) -> None:
    for _ in range(8):
        with client(*words(directory, "0")) as weir:
            weir.initialize()
            assert pid_of(weir) > 0
    await_that(lambda: not os.path.exists(f"{directory}/s"), "the server ends")


def a_client_that_is_killed_takes_nothing_with_it(directory: str) -> None:
    # What the server has of the client is nothing: its standard error ends with it.
    with client(*words(directory), start_new_session=True, stderr=subprocess.PIPE) as one:
        one.initialize()
        pid = pid_of(one)
        with client(*words(directory)) as two:
            two.initialize()
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait(PATIENCE_S)
            assert one.process.stderr and one.process.stderr.read() == b""
            assert pid_of(two) == pid
        one.leave()
    end(directory)


def why_the_server_does_not_start_is_told(directory: str) -> None:
    path = f"{directory}/bad.json"
    with open(path, "w", encoding="utf-8") as file:
        file.write('{"mcpServers":{}}')
    for more, status, text in (
        (["-f", path], 2, "no server to start"),
        (["-f", f"{directory}/none.json"], 2, "none.json"),
        (["--linger", "1"], 2, "--linger requires"),
        (["-w", "x"], 2, "no -w"),
    ):
        done = subprocess.run(
            [WEIR, "serve", "--mcp", "--join", f"{directory}/s", *more],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == status and text in done.stderr, (more, done)
    for more in (["--mcp"], ["--stdio"]):
        done = subprocess.run(
            [WEIR, "serve", *more, "-f", write(directory), "--linger", "1"],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 2 and "--linger is for a socket" in done.stderr, done


if __name__ == "__main__":
    run_cases(
        [
            the_first_client_starts_the_server_and_the_last_ends_it,
            the_server_stays_for_a_while,
            many_clients_at_once_start_one_server,
            clients_come_while_the_server_leaves,
            a_client_that_is_killed_takes_nothing_with_it,
            why_the_server_does_not_start_is_told,
        ]
    )
