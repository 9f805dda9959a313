#!/usr/bin/env python3
"""What weir itself reads and tells, where the other side does not come.  Prints TAP.
own_waits.py WEIR SRCDIR
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
from typing import Any

WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from server import ready_server
from tap_cases import PATIENCE_S, run_cases

WORKER = (
    "import json, sys\n"
    "for line in sys.stdin:\n"
    "    call = json.loads(line)\n"
    "    if call['method'] == 'weir/hello':\n"
    "        result = {'version': 1, 'methods': {'f': {}}}\n"
    "        print(json.dumps({'jsonrpc': '2.0', 'id': call['id'], 'result': result}), flush=True)\n"
)


def run(*words: Any, **how: Any) -> Any:
    return subprocess.run(
        [WEIR, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, **how
    )


def a_document_in_a_fifo_that_nobody_writes_has_a_clock(directory: Any) -> None:
    fifo = os.path.join(directory, "fifo")
    os.mkfifo(fifo)
    for option in ("--contract", "--detector"):
        ended = run("probe", option, fifo, "--only", "make", "--timeout", "300ms")
        assert ended.returncode == 2 and fifo.encode() in ended.stderr, ended
        process = subprocess.Popen(
            [WEIR, "probe", option, fifo, "--only", "make"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        process.terminate()  # before it waits, or while it does
        assert process.wait(PATIENCE_S) in (-signal.SIGTERM, 143)
    process = subprocess.Popen(
        [WEIR, "probe", "--compare", fifo, fifo],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) in (-signal.SIGINT, 130)


def a_document_in_a_fifo_that_somebody_writes_is_read(directory: Any) -> None:
    fifo = os.path.join(directory, "fifo")
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [WEIR, "probe", "--contract", fifo, "--only", "make", "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with open(fifo, "w", encoding="utf-8") as file:
        file.write('{"type": "object"}')
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0 and b'"contract"' in out, (out, err)


def a_list_of_hosts_in_a_fifo_has_a_clock(directory: Any) -> None:
    fifo = os.path.join(directory, "hosts")
    os.mkfifo(fifo)
    ended = run("each", "--hosts", fifo, "--timeout", "300ms", "--", "echo")
    assert ended.returncode == 124 and fifo.encode() in ended.stderr, ended
    words = [WEIR, "each", "--hosts", fifo, "--input", "/dev/null", "--", "echo"]
    process = subprocess.Popen(words)
    process.terminate()  # before it waits, or while it does
    assert process.wait(PATIENCE_S) in (-signal.SIGTERM, 143)
    with subprocess.Popen(words) as process:
        with open(fifo, "w", encoding="utf-8") as file:
            file.write(": 2\n")
        assert process.wait(PATIENCE_S) == 0


def a_document_without_end_is_given_up() -> None:
    for words in (
        ("probe", "--contract", "/dev/zero"),
        ("pipe", "-f", "/dev/zero"),
        ("probe", "--detector", "/dev/zero"),
        ("probe", "--compare", "/dev/zero", "/dev/zero"),
    ):
        ended = run(*words)
        assert ended.returncode == 2 and b"File too large" in ended.stderr, (words, ended)


def fill(path: Any) -> Any:
    """Binds a datagram socket that has no room left, and returns it."""
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        try:
            while True:
                sender.sendto(b"x" * 1000, path)
        except BlockingIOError:
            return receiver


def a_service_manager_that_does_not_read_keeps_nobody(directory: Any) -> None:
    path = os.path.join(directory, "notify")
    with fill(path):
        worker = os.path.join(directory, "worker.py")
        with open(worker, "w", encoding="utf-8") as file:
            file.write(WORKER)
        words = ["serve", "-s", f"{directory}/s", "-w", f"{sys.executable} {worker}"]
        with ready_server([WEIR, *words], env=dict(os.environ, NOTIFY_SOCKET=path)):
            pass


def a_system_log_that_does_not_read_is_given_up(directory: Any) -> None:
    path, ran = os.path.join(directory, "syslog"), os.path.join(directory, "ran")
    with fill(path):
        ended = run(
            "run", "--audit", f"{directory}/log", "--audit-syslog", path, "--", "touch", ran
        )
        assert ended.returncode == 125 and path.encode() in ended.stderr, ended
        assert not os.path.exists(ran)


def the_lock_of_an_audit_log_is_given_up(directory: Any) -> None:
    path, ran = os.path.join(directory, "log"), os.path.join(directory, "ran")
    assert run("run", "--audit", path, "--", "true").returncode == 0
    with open(path, "rb") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        ended = run("run", "--audit", path, "--", "touch", ran)
        assert ended.returncode == 125 and b"lock" in ended.stderr, ended
    assert not os.path.exists(ran)


def a_spawner_that_says_nothing_is_given_up(directory: Any) -> None:
    path = os.path.join(directory, "spawner")
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexec sleep 1000\n")
    os.chmod(path, 0o755)
    ended = run("run", "--", "true", env=dict(os.environ, WEIR_SPAWNER=path))
    assert ended.returncode == 125 and b"weir-spawner" in ended.stderr, ended


def audit_reads_regular_files_alone(directory: Any) -> None:
    fifo = os.path.join(directory, "fifo")
    os.mkfifo(fifo)
    for verb in ("verify", "show"):
        for path in (fifo, "/dev/zero", directory):
            ended = run("audit", verb, path)
            assert ended.returncode == 2, (verb, path, ended)
    long = os.path.join(directory, "long")
    with open(long, "wb") as file:
        file.write(b'{"weir":1,' + b'"x":"' + b"a" * (80 << 20) + b'"}\n')
    for verb in ("verify", "show"):
        ended = run("audit", verb, long)
        assert ended.returncode == 1 and len(ended.stdout + ended.stderr) < 2000, ended


run_cases(
    [
        a_document_in_a_fifo_that_nobody_writes_has_a_clock,
        a_document_in_a_fifo_that_somebody_writes_is_read,
        a_list_of_hosts_in_a_fifo_has_a_clock,
        a_document_without_end_is_given_up,
        a_service_manager_that_does_not_read_keeps_nobody,
        a_system_log_that_does_not_read_is_given_up,
        the_lock_of_an_audit_log_is_given_up,
        a_spawner_that_says_nothing_is_given_up,
        audit_reads_regular_files_alone,
    ]
)
