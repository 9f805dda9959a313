#!/usr/bin/env python3
"""weir call waits for nobody without end: not for the reader of its output, not for a server;
and it sends nothing to a server of another user.  Prints TAP.
call_waits.py WEIR SRCDIR
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

sys.dont_write_bytecode = True
from serve import ENVIRONMENT, WEIR, WORKER, as_root, await_file, await_that, call, serving
from tap_cases import PATIENCE_S, run_cases

PROMPTLY_S = 20  # far below what an unbounded wait takes, far above what is needed


def begin(where: Any, *words: Any, **how: Any) -> Any:
    """A call whose output is a pipe: the process and the read end."""
    ours, theirs = os.pipe()
    process = subprocess.Popen(
        [WEIR, "call", *where, *words],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        **how,
    )
    os.close(theirs)
    return process, ours


def end(process: Any) -> Any:
    """Its status and what it said."""
    err = process.communicate(timeout=PATIENCE_S)[1]
    return process.returncode, err.decode()


@contextlib.contextmanager
def both_ways(directory: Any) -> Iterator[Any]:
    """Where the function may live: a worker of the call's own, and behind a server."""
    with serving(directory, "-j1") as (_, path):
        yield [["-w", WORKER], ["-s", path]]


def await_full(fd: Any) -> None:
    """Until a pipe has been full for a while."""
    held = []

    def is_full() -> bool:
        held.append(int.from_bytes(fcntl.ioctl(fd, 0x541B, b"\0" * 4), sys.byteorder))  # FIONREAD
        return held[-1] > 30000 and len(held) > 30 and len(set(held[-30:])) == 1

    await_that(is_full, "the pipe is full")


# --- The reader leaves ---


def a_reader_that_leaves_a_stream_closes_the_generator(directory: Any) -> None:
    with both_ways(directory) as places:
        for number, where in enumerate(places):
            closed = os.path.join(directory, f"closed{number}")
            process, ours = begin(where, "closing", closed)
            assert os.read(ours, 2) == b"1\n"
            os.close(ours)
            assert end(process) == (141, "")
            assert await_file(closed) == "closed\n"


def a_reader_that_leaves_before_a_value_cancels_the_call(directory: Any) -> None:
    with both_ways(directory) as places:
        for number, where in enumerate(places):
            path = os.path.join(directory, f"hang{number}")
            process, ours = begin(where, "hang", path)
            await_file(path + ".begun")
            os.close(ours)
            assert end(process) == (141, "")
            await_file(path + ".cancelled")


def a_reader_that_leaves_between_values_is_noticed(directory: Any) -> None:
    with both_ways(directory) as places:
        for where in places:
            process = subprocess.Popen(
                [WEIR, "call", *where, "--stdin", "running"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=ENVIRONMENT,
            )
            process.stdin.write(b"5\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline()) == 5
            process.stdout.close()
            assert process.wait(timeout=PATIENCE_S) == 141
            process.stdin.close()
            process.stderr.close()


def a_reader_that_is_a_socket_may_leave_too(directory: Any) -> None:
    ours, theirs = socket.socketpair()
    path = os.path.join(directory, "hang")
    process = subprocess.Popen(
        [WEIR, "call", "-w", WORKER, "hang", path],
        stdin=subprocess.DEVNULL,
        stdout=theirs.fileno(),
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    )
    theirs.close()
    await_file(path + ".begun")
    ours.close()
    assert end(process) == (141, "")
    await_file(path + ".cancelled")


def a_list_that_no_process_reads_is_141(directory: Any) -> None:
    for words in (["--list"], ["--list", "--json"]):
        process, ours = begin(["-w", WORKER], *words)
        os.close(ours)
        assert end(process) == (141, "")


# --- The reader stands still ---


def a_signal_ends_a_call_that_no_process_reads(directory: Any) -> None:
    with both_ways(directory) as places:
        for number, where in enumerate(places):
            for name in (signal.SIGTERM, signal.SIGINT):
                closed = os.path.join(directory, f"closed{number}{name}")
                process, ours = begin(where, "closing", closed)
                await_full(ours)
                process.send_signal(name)
                assert end(process)[0] == 128 + name
                assert await_file(closed) == "closed\n"
                os.close(ours)


def a_deadline_ends_a_call_that_no_process_reads(directory: Any) -> None:
    with both_ways(directory) as places:
        for number, where in enumerate(places):
            closed = os.path.join(directory, f"closed{number}")
            process, ours = begin(where, "--timeout", "1s", "closing", closed)
            assert end(process)[0] == 124
            assert await_file(closed) == "closed\n"
            os.close(ours)
            process, ours = begin(where, "--timeout", "1s", "big", "1000000")
            assert end(process)[0] == 124
            os.close(ours)


def a_signal_ends_a_value_that_no_process_reads(directory: Any) -> None:
    with both_ways(directory) as places:
        for where in places:
            process, ours = begin(where, "big", "1000000")
            await_full(ours)
            process.terminate()
            assert end(process)[0] == 143
            os.close(ours)


def a_slow_reader_gets_everything(directory: Any) -> None:
    with both_ways(directory) as places:
        for where in places:
            for flags in (0, os.O_NONBLOCK):
                process, ours = begin(where, "count", "1", "30000")
                if flags:  # another process that has the pipe wants it so
                    with open(f"/proc/{process.pid}/fd/1", "wb", buffering=0) as theirs:
                        fcntl.fcntl(theirs, fcntl.F_SETFL, os.O_NONBLOCK)
                await_full(ours)
                with open(ours, "rb") as file:
                    assert file.read() == b"".join(b"%d\n" % i for i in range(1, 30001))
                assert end(process) == (0, "")
            process, ours = begin(where, "big", str(9 << 20))
            with open(ours, "rb") as file:
                assert file.read() == b'"' + b"x" * (9 << 20) + b'"\n'
            assert end(process) == (0, "")


# --- The server ---


def a_stopped_server_does_not_hold_a_call(directory: Any) -> None:
    with serving(directory, "-j1") as (server, path):
        os.kill(server.pid, signal.SIGSTOP)
        try:
            status, out, err = call(path, "--timeout", "300ms", "add", "3", "4")
            assert (status, out) == (124, "") and "server" in err, (status, out, err)
            process, ours = begin(["-s", path], "add", "3", "4")
            await_connected(process)
            process.send_signal(signal.SIGINT)
            assert end(process)[0] in (130, -signal.SIGINT)
            os.close(ours)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert call(path, "add", "3", "4") == (0, "7\n", "")


def await_connected(process: Any) -> None:
    def is_connected() -> Any:
        try:
            return any(
                os.readlink(f"/proc/{process.pid}/fd/{name}").startswith("socket:")
                for name in os.listdir(f"/proc/{process.pid}/fd")
            )
        except OSError:
            return False

    await_that(is_connected, "it has connected")


def a_server_that_is_stopped_in_a_call_does_not_hold_it(directory: Any) -> None:
    with serving(directory, "-j1") as (server, path):
        for number, how in enumerate((["--timeout", "1s"], [])):
            begun = os.path.join(directory, f"hang{number}")
            process, ours = begin(["-s", path], *how, "hang", begun)
            await_file(begun + ".begun")
            os.kill(server.pid, signal.SIGSTOP)
            try:
                if not how:
                    process.send_signal(signal.SIGTERM)
                status, err = end(process)
                assert status == (124 if how else 143), (status, err)
            finally:
                os.kill(server.pid, signal.SIGCONT)
            os.close(ours)
            await_file(begun + ".cancelled")


def a_server_that_does_not_accept_does_not_hold_a_call(directory: Any) -> None:
    path = os.path.join(directory, "s")
    with socket.socket(socket.AF_UNIX) as server, contextlib.ExitStack() as stack:
        server.bind(path)
        server.listen(0)
        for _ in range(100):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            if client.connect_ex(path) != 0:
                break
        status, out, err = call(path, "--timeout", "300ms", "add", "3", "4")
        assert (status, out) == (124, "") and "connection" in err, (status, out, err)
        process, ours = begin(["-s", path], "add", "3", "4")
        await_connected(process)
        process.terminate()
        assert end(process)[0] == 143
        os.close(ours)


def a_call_waits_for_its_turn_to_connect(directory: Any) -> None:
    path = os.path.join(directory, "s")
    with socket.socket(socket.AF_UNIX) as server, contextlib.ExitStack() as stack:
        server.bind(path)
        server.listen(0)
        clients = 0
        while True:
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            if client.connect_ex(path) != 0:
                break
            clients += 1
        process, ours = begin(["-s", path], "greet")
        await_connected(process)
        for _ in range(clients):
            server.accept()[0].close()
        server.settimeout(PATIENCE_S)
        connection = stack.enter_context(server.accept()[0])
        answer(connection)
        with open(ours, "rb") as file:
            assert file.read() == b'"welcome"\n'
        assert end(process) == (0, "")


def answer(connection: Any) -> None:
    """Says hello and answers one call."""
    lines = connection.makefile("rwb")
    for line in lines:
        request = json.loads(line)
        hello = request["method"] == "weir/hello"
        result = {"version": 1, "methods": {"greet": {}}} if hello else "welcome"
        lines.write(
            json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode() + b"\n"
        )
        lines.flush()
        if not hello:
            break
    lines.close()


def a_greeting_that_does_not_come_is_not_waited_for(directory: Any) -> None:
    path = os.path.join(directory, "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(5)
        status, out, err = call(path, "--timeout", "300ms", "add", "3", "4")
        assert (status, out) == (124, "") and "greeting" in err, (status, out, err)
        began = time.monotonic()
        status, out, err = call(path, "add", "3", "4")
        assert (status, out) == (125, "") and "greeting" in err, (status, out, err)
        assert time.monotonic() - began < PROMPTLY_S


# --- Who serves ---


def a_server_of_another_user_is_sent_nothing(directory: Any) -> None:
    as_root()
    os.chmod(directory, 0o1777)
    path, seen = os.path.join(directory, "s"), os.path.join(directory, "seen")
    ready, done = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            signal.alarm(PATIENCE_S)
            server = socket.socket(socket.AF_UNIX)
            server.bind(path)
            os.chmod(path, 0o777)
            server.listen(5)
            os.write(done, b"x")
            connection = server.accept()[0]
            with open(seen, "wb") as file:
                file.write(b"got:" + connection.recv(65536))
            connection.close()
            answer(server.accept()[0])
            os._exit(0)
        except BaseException:
            os._exit(1)
    os.close(done)
    assert os.read(ready, 1) == b"x"
    os.close(ready)
    status, out, err = call(path, "login", "my-secret")
    assert (status, out) == (125, ""), (status, out, err)
    assert "65534" in err and "--any-server" in err and "my-secret" not in err, err
    assert await_file(seen) == "got:"
    assert call(path, "--any-server", "greet") == (0, '"welcome"\n', "")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def any_server_needs_a_server() -> None:
    done = subprocess.run(
        [WEIR, "call", "--any-server", "-w", "true", "add"],
        stderr=subprocess.PIPE,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 2 and b"--any-server" in done.stderr, done


if __name__ == "__main__":
    run_cases(
        [
            a_reader_that_leaves_a_stream_closes_the_generator,
            a_reader_that_leaves_before_a_value_cancels_the_call,
            a_reader_that_leaves_between_values_is_noticed,
            a_reader_that_is_a_socket_may_leave_too,
            a_list_that_no_process_reads_is_141,
            a_signal_ends_a_call_that_no_process_reads,
            a_deadline_ends_a_call_that_no_process_reads,
            a_signal_ends_a_value_that_no_process_reads,
            a_slow_reader_gets_everything,
            a_stopped_server_does_not_hold_a_call,
            a_server_that_is_stopped_in_a_call_does_not_hold_it,
            a_server_that_does_not_accept_does_not_hold_a_call,
            a_call_waits_for_its_turn_to_connect,
            a_greeting_that_does_not_come_is_not_waited_for,
            a_server_of_another_user_is_sent_nothing,
            any_server_needs_a_server,
        ]
    )
