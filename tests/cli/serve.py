#!/usr/bin/env python3
"""weir serve, and weir call through its socket.  Prints TAP.
serve.py WEIR SRCDIR
"""

import contextlib
import functools
import json
import os
import random
import resource
import select
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from server import await_ready
from tap_cases import PATIENCE_S, Skip, await_file, await_gone, await_that, run_cases

WORKER = f"{sys.executable} {SRCDIR}/tests/cli/call_worker.py"
ENVIRONMENT = dict(os.environ, PYTHONPATH=f"{SRCDIR}/sdk/python", PYTHONDONTWRITEBYTECODE="1")


def start(path: Any, *words: Any, worker: Any = WORKER, **how: Any) -> Any:
    where = ["-s", path] if path is not None else []
    how.setdefault("env", ENVIRONMENT)
    return subprocess.Popen(
        [WEIR, "serve", *where, "-w", worker, *words],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        **how,
    )


@contextlib.contextmanager
def serving(directory: Any, *words: Any, **how: Any) -> Iterator[Any]:
    """A server that is ready, and that leaves well in the end."""
    path = os.path.join(directory, "weir.sock")
    server = start(path, *words, **how)
    try:
        await_ready(server)
        yield server, path
        if server.poll() is None:
            server.terminate()
            assert server.wait(timeout=PATIENCE_S) == 0, server.returncode
            assert not os.path.exists(path)
    finally:
        server.kill()
        server.wait()


def call(path: Any, *words: Any, given: Any = None) -> Any:
    done = subprocess.run(
        [WEIR, "call", "-s", path, *words],
        input=given,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL if given is None else None,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def stats(path: Any) -> Any:
    status, out, err = call(path, "weir/stats")
    assert status == 0, err
    return json.loads(out)


class Client:
    """A connection, spoken to by hand."""

    def __init__(self, path: Any) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def say(self, line: Any) -> None:
        self.socket.sendall(line if isinstance(line, bytes) else line.encode() + b"\n")

    def receive(self) -> Any:
        line = self.file.readline()
        return json.loads(line) if line else None

    def ask(self, method: Any, params: Any = None, number: Any = 1, **more: Any) -> None:
        request = {"jsonrpc": "2.0", "id": number, "method": method, **more}
        if params is not None:
            request["params"] = params
        self.say(json.dumps(request))

    def close(self) -> None:
        self.file.close()
        self.socket.close()


def calls_and_streams_go_through_the_socket(directory: Any) -> None:
    with serving(directory, "-j2") as (_, path):
        assert call(path, "add", "3", "4") == (0, "7\n", "")
        assert call(path, "count", "1", "5") == (0, "1\n2\n3\n4\n5\n", "")
        long = "".join(f"{i}\n" for i in range(1, 5001))
        assert call(path, "count", "1", "5000") == (0, long, "")
        assert call(path, "--stdin", "total", given=b"1\n2\n39") == (0, "42\n", "")
        many = b"".join(b"%d\n" % i for i in range(5000))
        assert call(path, "--stdin", "total", given=many) == (0, f"{sum(range(5000))}\n", "")
        assert call(path, "--stdin", "running", given=b"1\n2\n4\n") == (0, "1\n3\n7\n", "")
        status, out, err = call(path, "fail", "oh no")
        assert (status, out) == (1, "") and "ValueError: oh no" in err
        status, out, err = call(path, "multiply")
        assert status == 1 and "multiply" in err
        assert "add(a: int, b: int) -> int" in call(path, "--list")[1]
        assert call(path, "--timeout", "300ms", "hang", os.path.join(directory, "h"))[0] == 124


def the_usual_place_is_in_the_runtime_directory(directory: Any) -> None:
    environment = dict(ENVIRONMENT, XDG_RUNTIME_DIR=directory)
    server = start(None, "-j1", env=environment)
    await_ready(server)
    done = subprocess.run(
        [WEIR, "call", "add", "3", "4"], env=environment, stdout=subprocess.PIPE, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stdout) == (0, b"7\n")
    server.terminate()
    assert server.wait(timeout=PATIENCE_S) == 0
    del environment["XDG_RUNTIME_DIR"]
    server = start(None, "-j1", env=environment)
    assert b"XDG_RUNTIME_DIR" in server.communicate(timeout=PATIENCE_S)[1]
    assert server.returncode == 2


def a_client_says_hello_and_receives_all_methods(directory: Any) -> None:
    with serving(directory, "-j1") as (server, path):
        client = Client(path)
        client.ask("weir/hello", {"version": 1}, "a")
        answer = client.receive()
        assert answer["id"] == "a" and answer["result"]["version"] == 1
        assert answer["result"]["pid"] == server.pid
        assert answer["result"]["methods"]["count"]["stream"] == "out"
        client.ask("weir/methods", None, 2)
        assert client.receive()["result"] == answer["result"]["methods"]
        client.close()


def two_workers_are_one_namespace(directory: Any) -> None:
    other = os.path.join(directory, "other.py")
    with open(other, "w", encoding="utf-8") as file:
        file.write(
            "from weir_worker import function, run\n@function\ndef twice(n: int) -> int:\n"
            "    return 2 * n\nrun()\n"
        )
    with serving(directory, "-j1", "-w", f"{sys.executable} {other}") as (_, path):
        assert call(path, "twice", "21") == (0, "42\n", "")
        assert call(path, "add", "3", "4") == (0, "7\n", "")
        assert len(stats(path)["workers"]) == 2


def a_clash_of_methods_is_refused_at_the_start(directory: Any) -> None:
    server = start(os.path.join(directory, "s"), "-j1", "-w", WORKER)
    err = server.communicate(timeout=PATIENCE_S)[1]
    assert server.returncode == 2 and b"add" in err or b"echo" in err, err
    assert not os.path.exists(os.path.join(directory, "s"))


def workers_that_do_not_start_are_reported(directory: Any) -> None:
    server = start(
        os.path.join(directory, "s"), "-j1", worker="sh -c 'echo the reason >&2; exit 3'"
    )
    err = server.communicate(timeout=PATIENCE_S)[1]
    assert server.returncode == 125 and b"the reason" in err, (server.returncode, err)
    assert not os.path.exists(os.path.join(directory, "s"))


def the_socket_is_for_its_user_alone(directory: Any) -> None:
    with serving(directory, "-j1") as (_, path):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert os.listdir(directory) == ["weir.sock"]


def as_root() -> None:
    if os.geteuid() != 0:
        raise Skip("needs root, to be another user")


def another_user_is_sent_away(directory: Any) -> None:
    as_root()
    with serving(directory, "-j1") as (_, path):
        os.chmod(directory, 0o755)
        os.chmod(path, 0o666)
        child = os.fork()
        if child == 0:
            os.setgid(65534)
            os.setuid(65534)
            try:
                client = Client(path)
                answer = client.receive()
                reported = (
                    answer["id"] is None
                    and answer["error"]["code"] == -33005
                    and "only user 0" in answer["error"]["message"]
                )
                os._exit(0 if reported and client.receive() is None else 1)
            except BaseException:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        os.chmod(path, 0o600)


def a_dead_servers_socket_is_replaced_a_living_ones_is_not(directory: Any) -> None:
    path = os.path.join(directory, "weir.sock")
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(path)
    dead.close()
    with serving(directory, "-j1"):
        second = start(path, "-j1")
        err = second.communicate(timeout=PATIENCE_S)[1]
        assert second.returncode == 125 and path.encode() in err, err
        assert call(path, "add", "3", "4") == (0, "7\n", "")


def what_is_no_socket_of_ours_is_left_alone(directory: Any) -> None:
    path = os.path.join(directory, "file")
    with open(path, "w", encoding="utf-8") as file:
        file.write("precious\n")
    server = start(path, "-j1")
    err = server.communicate(timeout=PATIENCE_S)[1]
    assert server.returncode == 125 and path.encode() in err, err
    assert await_file(path) == "precious\n"


def a_socket_of_another_user_is_left_alone(directory: Any) -> None:
    as_root()
    theirs = os.path.join(directory, "theirs")
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(theirs)
    dead.close()
    os.chown(theirs, 65534, 65534)
    server = start(theirs, "-j1")
    err = server.communicate(timeout=PATIENCE_S)[1]
    assert server.returncode == 125 and b"another user" in err, err
    assert os.path.exists(theirs)


def garbage_is_answered_and_the_others_go_on(directory: Any) -> None:
    with serving(directory, "-j1") as (_, path):
        client = Client(path)
        for line, code in (
            ("hello", -32700),
            ("{", -32700),
            ("[1,", -32700),
            ("{}", -32600),
            ('{"jsonrpc":"2.0","id":null,"method":"add"}', -32600),
        ):
            client.say(line)
            answer = client.receive()
            assert answer["error"]["code"] == code and answer["id"] is None, (line, answer)
        client.say(b'{"jsonrpc":"2.0","id":1,"method":"add","params":["\xff"]}\n')
        answer = client.receive()
        assert answer["error"]["code"] == -32700 and answer["id"] == 1, answer
        client.say('{"jsonrpc":"2.0","id":9')  # half a message is one that is no JSON
        assert client.receive()["error"]["code"] == -32700
        client.ask("add", [3, 4], 2)
        assert client.receive() == {"jsonrpc": "2.0", "id": 2, "result": 7}
        half = Client(path)
        half.say(b'{"jsonrpc":"2.0","id":9,"method":"add"')
        half.close()
        assert call(path, "add", "3", "4") == (0, "7\n", "")
        client.close()


def whatever_is_sent_harms_nobody_else(directory: Any) -> None:
    """Messages, cut, doubled, mixed and with bytes of them changed: the input is not trusted."""
    lines = [
        b'{"jsonrpc":"2.0","id":1,"method":"weir/hello","params":{"version":1}}',
        b'{"jsonrpc":"2.0","id":"a","method":"add","params":[3,4],"weir":{"deadline_ms":50}}',
        b'{"jsonrpc":"2.0","id":3,"method":"count","params":[1,9],"weir":{"credit":2}}',
        b'{"jsonrpc":"2.0","method":"weir/credit","params":{"id":3,"n":2147483647}}',
        b'{"jsonrpc":"2.0","id":4,"method":"running","params":[],"weir":{"stream":"in","credit":3}}',
        b'{"jsonrpc":"2.0","method":"weir/chunk","params":{"id":4,"value":41}}',
        b'{"jsonrpc":"2.0","method":"weir/end","params":{"id":4,"error":{"code":1,"message":"x"}}}',
        b'{"jsonrpc":"2.0","method":"weir/cancel","params":{"id":3}}',
        b'[{"jsonrpc":"2.0","id":7,"method":"add","params":{"a":1,"b":2}},{"id":8}]',
        b'{"jsonrpc":"2.0","id":9,"method":"weir/map","params":{"method":"add","items":[[1,2],3]}}',
        b'{"jsonrpc":"2.0","id":10,"result":[]}',
        b"[]",
        b"{}",
        b"null",
        b"",
    ]
    chance = random.Random(20261121)
    with serving(directory, "-j2", "--max-queue", "50") as (_server, path):
        for _ in range(60):
            client = Client(path)
            sent = bytearray()
            for _ in range(chance.randrange(1, 40)):
                line = bytearray(chance.choice(lines))
                for _ in range(chance.choice((0, 0, 1, 3)) if line else 0):
                    at = chance.randrange(len(line))
                    line[at : at + chance.randrange(3)] = chance.choice(
                        (b"", b"\xff", b'"', b"{", b"[", b"9", b"\0", b"\\", b"]", b"\ud8")
                    )
                    if not line:
                        break
                sent += line + chance.choice((b"\n", b"\n", b"\r\n", b"\n\n", b""))
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.say(bytes(sent))
                if chance.random() < 0.5:
                    client.say('\n{"jsonrpc":"2.0","id":"last","method":"weir/methods"}')
                    answer = client.receive()
                    while not isinstance(answer, dict) or answer.get("id") != "last":
                        answer = client.receive()
            client.close()
        assert call(path, "add", "3", "4") == (0, "7\n", "")
        await_that(
            lambda: stats(path)["running"] == 0 and stats(path)["queued"] == 0,
            "calls of who is gone are cancelled",
        )


def memory_kb(process: Any, key: Any) -> Any:
    with open(f"/proc/{process.pid}/status", encoding="utf-8") as file:
        return int(next(line for line in file if line.startswith(key)).split()[1])


def await_standstill(process: Any) -> None:
    """Until its memory has not changed for half a second: it waits for somebody."""
    last = []

    def stands() -> bool:
        last.append(memory_kb(process, "VmRSS"))
        return len(last) > 50 and len(set(last[-50:])) == 1

    await_that(stands, "its memory stands still")


def without_a_descriptor_to_spare_clients_wait(directory: Any) -> None:
    few = functools.partial(resource.setrlimit, resource.RLIMIT_NOFILE, (40, 40))
    with serving(directory, "-j1", preexec_fn=few) as (_, path):
        clients = [Client(path) for _ in range(60)]
        clients[-1].ask("add", [3, 4])
        clients[0].ask("add", [1, 2])
        assert clients[0].receive()["result"] == 3
        assert not select.select([clients[-1].socket], [], [], 0)[0]
        for client in clients[:-1]:
            client.close()
        assert clients[-1].receive()["result"] == 7
        clients[-1].close()


def a_client_that_does_not_read_costs_no_memory(directory: Any) -> None:
    with serving(directory, "-j1") as (server, path):
        client = Client(path)
        line = b'{"jsonrpc":"2.0","id":%d,"method":"echo","params":["' + b"x" * 1000000 + b'"]}\n'
        sent, left = 0, memoryview(b"")
        client.socket.setblocking(False)
        while select.select([], [client.socket], [], 1)[1]:
            if not left:
                sent += 1
                left = memoryview(line % sent)
            with contextlib.suppress(BlockingIOError):
                left = left[client.socket.send(left) :]
        assert sent < 50, sent
        # Sanitizers keep what was freed for a while.
        assert memory_kb(server, "VmHWM") < 300 * 1024
        client.socket.settimeout(PATIENCE_S)
        for number in range(1, sent):
            assert client.receive()["id"] == number
        client.close()


def credit_without_end_costs_no_memory(directory: Any) -> None:
    with serving(directory, "-j1") as (server, path):
        client = Client(path)
        client.ask("count", [1, 10**12], weir={"credit": 2**31 - 1})
        await_standstill(server)
        assert memory_kb(server, "VmHWM") < 100 * 1024
        for number in range(1, 50000):
            assert client.receive()["params"]["value"] == number
        client.close()
        assert call(path, "add", "3", "4") == (0, "7\n", "")


def a_line_without_end_costs_its_own_connection(directory: Any) -> None:
    with serving(directory, "-j1") as (server, path):
        client = Client(path)
        block = b"x" * (1 << 20)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(1024):
                client.say(block)
        with contextlib.suppress(ConnectionResetError):
            answer = client.receive()
            assert answer is None or answer["error"]["code"] == -32700
            assert client.file.read() == b""
        client.close()
        # The line's buffer at most doubles; sanitizers keep what was freed for a while.
        assert memory_kb(server, "VmHWM") < 600 * 1024
        assert call(path, "add", "3", "4") == (0, "7\n", "")


def who_goes_away_in_a_stream_has_it_closed(directory: Any) -> None:
    closed = os.path.join(directory, "closed")
    with serving(directory, "-j1") as (_, path):
        client = Client(path)
        client.ask("closing", [closed], 1, weir={"credit": 3})
        for _ in range(3):
            assert client.receive()["params"] == {"id": 1, "value": 1}
        client.close()
        assert await_file(closed) == "closed\n"
        assert call(path, "add", "3", "4") == (0, "7\n", "")


def a_chunk_without_credit_ends_that_call_alone(directory: Any) -> None:
    with serving(directory, "-j1") as (_, path):
        client = Client(path)
        client.ask("total", [], 1, weir={"stream": "in"})
        granted = 0
        while granted == 0:
            granted = client.receive()["params"]["n"]
        for _ in range(granted + 1):
            client.say('{"jsonrpc":"2.0","method":"weir/chunk","params":{"id":1,"value":1}}')
        answer = client.receive()
        while "method" in answer:  # more credit, while the worker was reading
            for _ in range(answer["params"]["n"]):
                client.say('{"jsonrpc":"2.0","method":"weir/chunk","params":{"id":1,"value":1}}')
            answer = client.receive()
        assert answer["id"] == 1 and answer["error"]["code"] == -33004, answer
        client.ask("add", [3, 4], 2)
        answer = client.receive()
        assert answer == {"jsonrpc": "2.0", "id": 2, "result": 7}, answer
        client.close()


def a_batch_is_answered_in_one(directory: Any) -> None:
    with serving(directory, "-j2") as (_, path):
        client = Client(path)
        client.say(
            '[{"jsonrpc":"2.0","id":1,"method":"add","params":[1,2]},'
            '{"jsonrpc":"2.0","method":"weir/cancel","params":{"id":77}},5,'
            '{"jsonrpc":"2.0","id":2,"method":"nothing"},'
            '{"jsonrpc":"2.0","id":3,"method":"count","params":[1,2],"weir":{"credit":1}}]'
        )
        answers = {answer["id"]: answer for answer in client.receive()}
        assert answers[1]["result"] == 3
        assert answers[None]["error"]["code"] == -32600
        assert answers[2]["error"]["code"] == -32601
        assert answers[3]["error"]["code"] == -33004
        client.say("[]")
        assert client.receive()["error"]["code"] == -32600
        client.say(
            '{"jsonrpc":"2.0","id":4,"method":"weir/map","params":'
            '{"method":"add","items":[[1,2],[3,"x"],[5,6]]}}'
        )
        result = client.receive()["result"]
        assert result["values"] == [3, None, 11] and result["errors"]["1"]["code"] == -32602
        client.close()


def a_worker_that_dies_costs_its_call_and_is_replaced(directory: Any) -> None:
    with serving(directory, "-j1") as (server, path):
        status, _, err = call(path, "die")
        assert status == 125 and "outcome_unknown" in err, err
        assert call(path, "add", "3", "4") == (0, "7\n", "")
        assert stats(path)["restarts"] >= 1
        await_that(lambda: any(b"SIGKILL" in line for line in server.said), "the server tells")
        client = Client(path)
        client.ask("die")
        assert client.receive()["error"]["code"] == -33006
        client.close()


def a_full_queue_is_an_error_at_once(directory: Any) -> None:
    with serving(directory, "-j1", "--max-queue", "1") as (_, path):
        client = Client(path)
        client.ask("hang", [os.path.join(directory, "h")], 1)
        await_file(os.path.join(directory, "h.begun"))
        client.ask("add", [1, 2], 2)
        client.ask("add", [3, 4], 3)
        answer = client.receive()
        assert answer["id"] == 3 and answer["error"]["code"] == -33005, answer
        client.say('{"jsonrpc":"2.0","method":"weir/cancel","params":{"id":1}}')
        answers = {answer["id"]: answer for answer in (client.receive(), client.receive())}
        assert answers[1]["error"]["code"] == -32800 and answers[2]["result"] == 3, answers
        client.close()


def an_id_in_use_is_refused(directory: Any) -> None:
    with serving(directory, "-j1") as (_, path):
        client = Client(path)
        go = os.path.join(directory, "go")
        client.ask("wait_for", [go], 1)
        client.ask("add", [1, 2], 1)
        answer = client.receive()
        assert answer["id"] is None and answer["error"]["code"] == -32600, answer
        open(go, "w", encoding="utf-8").close()
        assert client.receive()["result"] == "done"
        client.close()


def hangup_replaces_the_workers_and_loses_no_call(directory: Any) -> None:
    with serving(directory, "-j2") as (server, path):
        before = {worker["pid"] for worker in stats(path)["workers"]}
        go = os.path.join(directory, "go")
        client = Client(path)
        client.ask("wait_for", [go], 1)
        await_that(lambda: stats(path)["running"] == 1, "the call runs")
        server.send_signal(signal.SIGHUP)

        def replaced() -> bool:
            assert call(path, "add", "3", "4") == (0, "7\n", "")
            open(go, "w", encoding="utf-8").close()
            pids = {
                worker["pid"] for worker in stats(path)["workers"] if worker["state"] != "retiring"
            }
            return len(pids) == 2 and not pids & before

        await_that(replaced, "all workers are new")
        assert client.receive()["result"] == "done"
        client.close()


def terminate_drains(directory: Any) -> None:
    with serving(directory, "-j1") as (server, path):
        go = os.path.join(directory, "go")
        client = Client(path)
        client.ask("wait_for", [go], 1)
        await_that(lambda: stats(path)["running"] == 1, "the call runs")
        server.terminate()
        await_that(lambda: not os.path.exists(path), "the socket is gone")
        client.ask("add", [3, 4], 2)
        answer = client.receive()
        assert answer["id"] == 2 and answer["error"]["code"] == -33005, answer
        open(go, "w", encoding="utf-8").close()
        assert client.receive()["result"] == "done"
        assert server.wait(timeout=PATIENCE_S) == 0
        assert client.receive() is None
        client.close()


def a_second_signal_leaves_at_once(directory: Any) -> None:
    with serving(directory, "-j1", "--grace", "1000") as (server, path):
        stubborn = os.path.join(directory, "s")
        client = Client(path)
        client.ask("stubborn", [stubborn], 1)
        await_file(stubborn + ".begun")
        server.terminate()
        await_that(lambda: not os.path.exists(path), "the socket is gone")
        server.terminate()
        assert server.wait(timeout=PATIENCE_S) == 143
        client.close()


def a_killed_server_leaves_no_worker(directory: Any) -> None:
    with serving(directory, "-j2") as (server, path):
        pids = [worker["pid"] for worker in stats(path)["workers"]]
        server.kill()
        server.wait()
        for pid in pids:
            await_gone(pid)


def a_passed_socket_is_served_and_the_manager_notified(directory: Any) -> None:
    path = os.path.join(directory, "passed.sock")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    news = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    news.bind(os.path.join(directory, "notify"))
    news.settimeout(PATIENCE_S)

    def pass_socket() -> None:
        os.dup2(listening.fileno(), 3)
        os.environ["LISTEN_PID"] = str(os.getpid())

    environment = dict(ENVIRONMENT, LISTEN_FDS="1", NOTIFY_SOCKET=os.path.join(directory, "notify"))
    shell = 'LISTEN_PID=$$; export LISTEN_PID; exec "$@"'
    server = subprocess.Popen(
        ["sh", "-c", shell, "sh", WEIR, "serve", "-j1", "-w", WORKER],
        env=environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=pass_socket,  # noqa: PLW1509 - no threads here
        pass_fds=(3,),
    )
    await_ready(server)
    assert news.recv(100) == b"READY=1"
    assert call(path, "add", "3", "4") == (0, "7\n", "")
    server.terminate()
    assert news.recv(100) == b"STOPPING=1"
    assert server.wait(timeout=PATIENCE_S) == 0
    assert os.path.exists(path)  # it is not ours
    listening.close()
    news.close()


def many_clients_at_once_are_each_answered(directory: Any) -> None:
    with serving(directory, "-j2", "--window", "8", "--max-queue", "10000") as (_, path):
        wrong = []

        def talk(base: Any) -> None:
            client = Client(path)
            for i in range(200):
                client.ask("add", [base, i], i + 1)
            answers = {}
            for _ in range(200):
                answer = client.receive()
                answers[answer["id"]] = answer.get("result")
            if answers != {i + 1: base + i for i in range(200)}:
                wrong.append(base)
            client.close()

        threads = [threading.Thread(target=talk, args=(1000 * n,)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
        assert not wrong, wrong
        assert stats(path)["queued"] == 0


if __name__ == "__main__":
    run_cases(
        [
            calls_and_streams_go_through_the_socket,
            the_usual_place_is_in_the_runtime_directory,
            a_client_says_hello_and_receives_all_methods,
            two_workers_are_one_namespace,
            a_clash_of_methods_is_refused_at_the_start,
            workers_that_do_not_start_are_reported,
            the_socket_is_for_its_user_alone,
            another_user_is_sent_away,
            a_dead_servers_socket_is_replaced_a_living_ones_is_not,
            what_is_no_socket_of_ours_is_left_alone,
            a_socket_of_another_user_is_left_alone,
            garbage_is_answered_and_the_others_go_on,
            whatever_is_sent_harms_nobody_else,
            a_line_without_end_costs_its_own_connection,
            without_a_descriptor_to_spare_clients_wait,
            a_client_that_does_not_read_costs_no_memory,
            credit_without_end_costs_no_memory,
            who_goes_away_in_a_stream_has_it_closed,
            a_chunk_without_credit_ends_that_call_alone,
            a_batch_is_answered_in_one,
            a_worker_that_dies_costs_its_call_and_is_replaced,
            a_full_queue_is_an_error_at_once,
            an_id_in_use_is_refused,
            hangup_replaces_the_workers_and_loses_no_call,
            terminate_drains,
            a_second_signal_leaves_at_once,
            a_killed_server_leaves_no_worker,
            a_passed_socket_is_served_and_the_manager_notified,
            many_clients_at_once_are_each_answered,
        ]
    )
