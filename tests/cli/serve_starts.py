#!/usr/bin/env python3
"""How the workers of weir serve are started, and when that is given up.  Prints TAP.
serve_starts.py WEIR SRCDIR
"""

import os
import sys
import time
from typing import Any

sys.dont_write_bytecode = True
from serve import call, serving, start, stats
from tap_cases import PATIENCE_S, run_cases

# Speaks plain JSON-RPC: it answers each request with its params.  A shell starts faster
# than Python, thirty at a time.
ECHO = r"""
while read -r line; do
    id=${line#*\"id\":}; id=${id%%[,\}]*}
    case $line in
    *weir/*) echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"error\":{\"code\":-32601,\"message\":\"no\"}}" ;;
    *) echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":7}" ;;
    esac
done
"""


def script(directory: Any, name: Any, text: Any) -> Any:
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)
    return path


def refused(worker: Any, *words: Any) -> Any:
    """Serves with workers that do not start; returns what was said, and how long it took."""
    began = time.monotonic()
    server = start(os.path.join(os.path.dirname(worker), "s"), *words, worker=worker)
    said = server.communicate(timeout=PATIENCE_S)[1].decode()
    assert server.returncode == 125, (server.returncode, said)
    return said, time.monotonic() - began


def a_server_that_takes_ten_at_a_time_gets_thirty_workers(directory: Any) -> None:
    os.mkdir(os.path.join(directory, "now"))
    worker = script(
        directory,
        "worker",
        f"""
cd {directory} || exit 1
[ "$(ls now | wc -l)" -ge 10 ] && {{ echo "too many at a time" >&2; exit 255; }}
: >now/$$; sleep 0.2; rm now/$$
"""
        + ECHO,
    )
    with serving(directory, "-j30", "--min-ready", "30", worker=worker) as (_, path):
        assert len(stats(path)["workers"]) == 30
        assert call(path, "any")[:2] == (0, "7\n")


def behind_a_launcher_eight_start_at_a_time(directory: Any) -> None:
    os.mkdir(os.path.join(directory, "now"))
    launcher = script(
        directory,
        "launcher",
        f"""
: >{directory}/now/$$
[ "$(ls {directory}/now | wc -l)" -gt 8 ] && : >{directory}/more
sleep 0.1; rm {directory}/now/$$
exec "$@"
""",
    )
    worker = script(directory, "worker", ECHO)
    with serving(directory, "-j30", "--min-ready", "30", "--launcher", launcher, worker=worker) as (
        _,
        path,
    ):
        assert call(path, "any")[:2] == (0, "7\n")
    assert not os.path.exists(os.path.join(directory, "more"))


def many_failures_within_a_moment_end_nothing(directory: Any) -> None:
    worker = script(
        directory,
        "worker",
        f"""
echo x >>{directory}/tries
[ "$(wc -l <{directory}/tries)" -le 10 ] && exit 255
"""
        + ECHO,
    )
    with serving(directory, "-j4", "--min-ready", "4", worker=worker) as (_, path):
        assert call(path, "any")[:2] == (0, "7\n")


def workers_that_never_come_up_are_given_up_by_time(directory: Any) -> None:
    worker = script(directory, "worker", "echo no licence >&2; exit 3\n")
    said, took = refused(worker, "-j8")
    assert "no licence" in said and "exited with 3" in said, said
    assert took >= 1.5, took


def what_cannot_be_executed_is_said_at_once(directory: Any) -> None:
    tries = os.path.join(directory, "tries")
    for last in "exec /nonexistent/program", "exit 126":
        said, _ = refused(script(directory, "worker", f"echo x >>{tries}; {last}\n"), "-j8")
        assert "does not start" in said, said
        with open(tries, encoding="utf-8") as file:
            assert len(file.readlines()) < 20
        os.remove(tries)
    assert "does not start" in refused(os.path.join(directory, "nothing"), "-j8")[0]


def a_socket_that_cannot_be_made_is_refused_before_workers_start(directory: Any) -> None:
    tries = os.path.join(directory, "tries")
    worker = script(directory, "worker", f"echo x >>{tries}\n{ECHO}")
    for name in "file", "locked/":
        path = os.path.join(directory, name)
        os.mkdir(path) if name.endswith("/") else open(path, "w").close()
    os.chmod(os.path.join(directory, "locked"), 0o500)
    places = [
        ("missing/sock", 125, ["missing/sock", "create it"]),
        ("file/sock", 125, ["file/sock"]),
        ("file", 125, ["not a socket", "another path"]),
        ("locked", 125, ["not a socket"]),
        ("x" * 120, 2, ["too long"]),
    ]
    if os.geteuid() != 0:
        places.append(("locked/sock", 125, ["cannot write", "locked/sock"]))
    for name, status, words in places:
        server = start(os.path.join(directory, name), worker=worker)
        said = server.communicate(timeout=PATIENCE_S)[1].decode()
        assert server.returncode == status, (name, server.returncode, said)
        assert all(word in said for word in words) and "ready" not in said, (name, said)
    assert not os.path.exists(tries)
    os.chmod(os.path.join(directory, "locked"), 0o700)


if __name__ == "__main__":
    run_cases(
        [
            a_server_that_takes_ten_at_a_time_gets_thirty_workers,
            behind_a_launcher_eight_start_at_a_time,
            many_failures_within_a_moment_end_nothing,
            workers_that_never_come_up_are_given_up_by_time,
            what_cannot_be_executed_is_said_at_once,
            a_socket_that_cannot_be_made_is_refused_before_workers_start,
        ]
    )
