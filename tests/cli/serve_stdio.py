#!/usr/bin/env python3
"""weir serve --stdio: one client on stdin and stdout.  Prints TAP.
serve_stdio.py WEIR SRCDIR
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap

sys.dont_write_bytecode = True
from serve import ENVIRONMENT, WEIR, WORKER
from tap_cases import PATIENCE_S, await_file, await_gone, run_cases

NO_MODEL = "sh -c 'echo no such model >&2; exit 3'"
SERVE = [WEIR, "serve", "--stdio", "-j1"]


def request(method, *params, number=1, **terms):
    more = {"weir": terms} if terms else {}
    return (
        json.dumps(
            {"jsonrpc": "2.0", "id": number, "method": method, "params": params, **more}
        ).encode()
        + b"\n"
    )


HELLO = (
    json.dumps(
        {"jsonrpc": "2.0", "id": 0, "method": "weir/hello", "params": {"version": 1}}
    ).encode()
    + b"\n"
)


def run(given, *words, worker=WORKER, **how):
    """On two pipes; the input ends at once.  Returns status, messages, stderr."""
    done = subprocess.run(
        [*SERVE, "-w", worker, *words],
        input=given,
        env=ENVIRONMENT,
        capture_output=True,
        timeout=PATIENCE_S,
        **how,
    )
    return (
        done.returncode,
        [json.loads(line) for line in done.stdout.splitlines()],
        done.stderr.decode(),
    )


class Pair:
    """weir on a socketpair."""

    def __init__(self, *words, worker=WORKER):
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(PATIENCE_S)
        self.process = subprocess.Popen(
            [*SERVE, "-w", worker, *words],
            env=ENVIRONMENT,
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.PIPE,
        )
        theirs.close()
        self.file = self.socket.makefile("rb")

    def receive(self):
        line = self.file.readline()
        return json.loads(line) if line else None

    def leave(self):
        self.file.close()
        self.socket.close()

    def end(self):
        """Returns status and stderr."""
        said = self.process.communicate(timeout=PATIENCE_S)[1].decode()
        return self.process.returncode, said


@contextlib.contextmanager
def pair(*words, **how):
    served = Pair(*words, **how)
    try:
        yield served
    finally:
        served.leave()
        if served.process.poll() is None:
            served.process.kill()
        served.process.communicate()


@contextlib.contextmanager
def pipes(*words, worker=WORKER):
    process = subprocess.Popen(
        [*SERVE, "-w", worker, *words],
        env=ENVIRONMENT,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for end in (process.stdin, process.stdout, process.stderr):
            end.close()


def a_client_on_a_socketpair_is_served_and_says_hello():
    with pair() as served:
        served.socket.sendall(HELLO + request("add", 3, 4) + request("weir/stats", number=2))
        hello = served.receive()["result"]
        assert hello["version"] == 1 and hello["concurrency"] == 1 and "add" in hello["methods"]
        answers = {
            answer["id"]: answer["result"] for answer in (served.receive(), served.receive())
        }
        assert answers[1] == 7 and len(answers[2]["workers"]) == 1
        served.leave()
        assert served.end() == (0, "")


def nothing_but_messages_is_on_the_socket(directory):
    with pair() as served:
        served.socket.sendall(request("say", "beside", number=1) + request("add", 1, 1, number=2))
        assert [served.receive()["id"] for _ in range(2)] == [1, 2]
        served.leave()
        status, said = served.end()
        assert status == 0 and said == "beside\n", said


def the_end_of_a_socket_cancels_its_calls(directory):
    path = os.path.join(directory, "h")
    for half in (False, True):
        with pair() as served:
            served.socket.sendall(request("hang", path))
            await_file(path + ".begun")
            if half:
                served.socket.shutdown(socket.SHUT_WR)
            else:
                served.leave()
            assert served.end()[0] == 0
            assert await_file(path + ".cancelled") == "cancelled\n"
        os.unlink(path + ".begun")
        os.unlink(path + ".cancelled")


def what_came_on_a_pipe_is_answered_after_its_end(directory):
    status, received, said = run(
        HELLO
        + request("add", 3, 4, number=1)
        + request("big", 300000, number=2)
        + request("add", 5, 6, number=3).rstrip()
    )
    assert (status, said) == (0, ""), said
    results = {message["id"]: message["result"] for message in received}
    assert results[1] == 7 and len(results[2]) == 300000 and results[3] == 11


def a_pipe_that_ends_while_a_call_runs_waits_for_its_answer(directory):
    path = os.path.join(directory, "go")
    with pipes() as process:
        process.stdin.write(HELLO + request("wait_for", path))
        process.stdout.readline()  # the workers are there
        process.stdin.close()
        with open(path, "w", encoding="utf-8"):
            pass
        assert json.loads(process.stdout.readline())["result"] == "done"
        assert process.stdout.readline() == b"" and process.wait(PATIENCE_S) == 0


def a_batch_at_the_end_of_a_pipe_is_answered_whole():
    batch = b"[" + b",".join(request("add", i, 1, number=i).rstrip() for i in range(1000)) + b"]"
    status, received, _ = run(batch)
    assert status == 0 and sorted(answer["result"] for answer in received[0]) == list(
        range(1, 1001)
    )


def an_empty_input_is_nothing_to_answer():
    assert run(b"") == (0, [], "")


def streams_end_with_the_requests():
    status, received, _ = run(request("count", 1, 200))
    assert status == 0 and received[-1]["result"] is None
    assert [message["params"]["value"] for message in received[:-1]] == list(range(1, 201))
    status, received, _ = run(request("total", stream="in"))
    assert status == 0 and "the client's input has ended" in received[-1]["error"]["message"], (
        received
    )


def values_wait_for_the_reader_of_a_pipe():
    with pipes() as process:
        process.stdin.write(request("count", 1, 200000))
        process.stdin.close()
        seen = 0
        for line in process.stdout:
            seen += b'"value"' in line
        assert seen == 200000 and process.wait(PATIENCE_S) == 0


def when_the_reader_of_a_pipe_goes_calls_are_cancelled(directory):
    path = os.path.join(directory, "h")
    for closed in (False, True):
        with pipes() as process:
            process.stdin.write(request("hang", path))
            await_file(path + ".begun")
            if closed:
                process.stdin.close()
            process.stdout.close()
            assert process.wait(PATIENCE_S) == 0
            assert await_file(path + ".cancelled") == "cancelled\n"
        os.unlink(path + ".begun")
        os.unlink(path + ".cancelled")


def a_client_on_two_sockets_is_served():
    (own_in, in_), (own_out, out) = socket.socketpair(), socket.socketpair()
    with own_in, own_out:
        with in_, out:
            process = subprocess.Popen(
                [*SERVE, "-w", WORKER], env=ENVIRONMENT, stdin=in_.fileno(), stdout=out.fileno()
            )
        own_out.shutdown(socket.SHUT_WR)  # it never writes there
        own_in.sendall(request("add", 3, 4))
        own_out.settimeout(PATIENCE_S)
        assert json.loads(own_out.recv(1000))["result"] == 7
        own_in.sendall(request("add", 5, 6))
        assert json.loads(own_out.recv(1000))["result"] == 11
        own_in.shutdown(socket.SHUT_WR)
        assert own_out.recv(1000) == b"" and process.wait(PATIENCE_S) == 0


def other_processes_of_the_pipes_keep_them_blocking():
    """O_NONBLOCK belongs to the description, which a shell's next command has, too."""
    (read_end, in_), (own, out) = os.pipe(), socket.socketpair()
    with own, out:
        process = subprocess.Popen(
            [*SERVE, "-w", WORKER], env=ENVIRONMENT, stdin=read_end, stdout=out.fileno()
        )
        os.write(in_, request("add", 3, 4))
        assert json.loads(own.recv(1000))["result"] == 7
        assert os.get_blocking(read_end) and os.get_blocking(out.fileno())
        os.close(read_end)
        os.close(in_)
        assert process.wait(PATIENCE_S) == 0


def a_client_that_leaves_while_workers_start_is_not_waited_for(directory):
    path = os.path.join(directory, "begun")
    worker = f"sh -c 'echo $$ >{path}; exec sleep 1000'"
    with pair("--start-timeout", "1000s", worker=worker) as served:
        pid = int(await_file(path))
        served.leave()
        assert served.end() == (0, "")
        await_gone(pid)
    os.unlink(path)
    with pipes("--start-timeout", "1000s", worker=worker) as process:
        await_file(path)
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 0


def requests_to_workers_that_do_not_start_are_answered():
    status, received, said = run(HELLO + request("add", 3, 4), worker=NO_MODEL)
    assert status == 125 and "no such model" in said
    assert [message["id"] for message in received] == [0, 1]
    for message in received:
        assert message["error"]["code"] == -33007 and "no such model" in message["error"]["message"]
    with pair(worker=NO_MODEL) as served:
        served.socket.sendall(HELLO)
        assert served.receive()["error"]["code"] == -33007 and served.receive() is None
        assert served.end()[0] == 125


def a_client_that_asks_nothing_of_them_is_not_waited_for():
    assert run(b"", worker=NO_MODEL)[:2] == (125, [])
    with pair(worker=NO_MODEL) as served:
        assert served.receive() is None and served.end()[0] == 125


def two_workers_with_one_method_are_reported_of():
    status, received, _ = run(HELLO, "-w", WORKER)
    assert status == 2 and received[0]["error"]["code"] == -33007, received


def without_stdin_or_stdout_there_is_nobody_to_serve():
    for closed in ("<&-", ">&-"):
        done = subprocess.run(
            ["sh", "-c", f'exec "$@" {closed}', "sh", *SERVE, "-w", WORKER],
            stdin=subprocess.PIPE,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 125 and b"there is no client to serve" in done.stderr, done
    with open(os.devnull, "rb") as null:
        done = subprocess.run(
            [*SERVE, "-w", WORKER], stdin=null, capture_output=True, timeout=PATIENCE_S
        )
    assert done.returncode == 125 and b"not a pipe, socket or terminal" in done.stderr, done


def a_socket_and_stdio_exclude_each_other(directory):
    done = subprocess.run(
        [*SERVE, "-s", os.path.join(directory, "s"), "-w", WORKER],
        timeout=PATIENCE_S,
        stdin=subprocess.PIPE,
        capture_output=True,
    )
    assert done.returncode == 2 and b"leave --socket out" in done.stderr
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.join(directory, "l"))
        listening.listen()
        done = subprocess.run(
            [
                "sh",
                "-c",
                'fd=$1; shift; eval "exec 3<&$fd"; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"',
                "sh",
                str(listening.fileno()),
                *SERVE,
                "-w",
                WORKER,
            ],
            pass_fds=[listening.fileno()],
            stdin=subprocess.PIPE,
            capture_output=True,
            timeout=PATIENCE_S,
        )
    assert done.returncode == 125 and b"LISTEN_FDS" in done.stderr, done


def a_signal_lets_calls_end_first(directory):
    path = os.path.join(directory, "go")
    with pair() as served:
        served.socket.sendall(HELLO + request("wait_for", path))
        served.receive()
        served.process.terminate()
        with open(path, "w", encoding="utf-8"):
            pass
        assert served.receive()["result"] == "done" and served.receive() is None
        assert served.end() == (0, "")


def a_hangup_replaces_the_workers():
    with pair() as served:
        served.socket.sendall(request("pid"))
        first = served.receive()["result"]
        served.process.send_signal(signal.SIGHUP)
        await_gone(first)
        served.socket.sendall(request("pid"))
        assert served.receive()["result"] != first


def a_pool_is_a_worker():
    words = f"{WEIR} serve --stdio -w '{WORKER}' -j2"
    for given, expected in ((["add", "3", "4"], "7\n"), (["count", "1", "3"], "1\n2\n3\n")):
        done = subprocess.run(
            [WEIR, "call", "-w", words, *given],
            env=ENVIRONMENT,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        assert (done.returncode, done.stdout.decode(), done.stderr) == (0, expected, b""), done
    done = subprocess.run(
        [WEIR, "call", "-w", f"{WEIR} serve --stdio -w false", "add", "3", "4"],
        capture_output=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode not in (0, 1) and b"does not start" in done.stderr, done


def the_workers_have_the_environment_that_was_asked_for():
    worker = """sh -c 'read -r line; echo "{\\"jsonrpc\\":\\"2.0\\",\\"id\\":1,\\"error\\":{\\"code\\":-32601,\\"message\\":\\"\\"}}"; \
read -r line; n=${line#*\\"id\\":}; n=${n%%,*}; \
echo "{\\"jsonrpc\\":\\"2.0\\",\\"id\\":$n,\\"result\\":\\"$A-$B-$HOME\\"}"; cat >/dev/null'"""
    for words, expected in (
        (["--env-clear", "--env", "A=1"], "1--"),
        (["--env-pass", "B", "--env", "A=1"], "1-2-"),
    ):
        done = subprocess.run(
            [*SERVE, *words, "-w", worker],
            input=request("any"),
            env=dict(ENVIRONMENT, B="2", HOME="/h"),
            capture_output=True,
            timeout=PATIENCE_S,
        )
        assert json.loads(done.stdout)["result"] == expected, done


def a_client_that_is_killed_leaves_nothing_behind(directory):
    """The harness looks for processes."""
    path = os.path.join(directory, "h")
    for how in ("socket.socketpair()", "(None, None)"):
        client = subprocess.Popen(
            [
                sys.executable,
                "-c",
                textwrap.dedent(f"""
            import socket, subprocess, sys, time
            ours, theirs = {how}
            server = subprocess.Popen(sys.argv[1:], stdin=theirs or subprocess.PIPE,
                                      stdout=theirs or subprocess.PIPE)
            to = server.stdin or ours.makefile("wb")
            to.write({request("stubborn", path)!r})
            to.flush()
            time.sleep(1000)
            """),
                *SERVE,
                "--grace",
                "100ms",
                "-w",
                WORKER,
            ],
            env=ENVIRONMENT,
        )
        await_file(path + ".begun")
        client.kill()
        client.wait()
        os.unlink(path + ".begun")


if __name__ == "__main__":
    run_cases(
        [
            a_client_on_a_socketpair_is_served_and_says_hello,
            nothing_but_messages_is_on_the_socket,
            the_end_of_a_socket_cancels_its_calls,
            what_came_on_a_pipe_is_answered_after_its_end,
            a_pipe_that_ends_while_a_call_runs_waits_for_its_answer,
            a_batch_at_the_end_of_a_pipe_is_answered_whole,
            an_empty_input_is_nothing_to_answer,
            streams_end_with_the_requests,
            values_wait_for_the_reader_of_a_pipe,
            when_the_reader_of_a_pipe_goes_calls_are_cancelled,
            a_client_on_two_sockets_is_served,
            other_processes_of_the_pipes_keep_them_blocking,
            a_client_that_leaves_while_workers_start_is_not_waited_for,
            requests_to_workers_that_do_not_start_are_answered,
            a_client_that_asks_nothing_of_them_is_not_waited_for,
            two_workers_with_one_method_are_reported_of,
            without_stdin_or_stdout_there_is_nobody_to_serve,
            a_socket_and_stdio_exclude_each_other,
            a_signal_lets_calls_end_first,
            a_hangup_replaces_the_workers,
            a_pool_is_a_worker,
            the_workers_have_the_environment_that_was_asked_for,
            a_client_that_is_killed_leaves_nothing_behind,
        ]
    )
