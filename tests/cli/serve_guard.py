#!/usr/bin/env python3
"""weir serve --breaker and --fallback.  Prints TAP.
serve_guard.py WEIR SRCDIR
"""

import json
import os
import subprocess
import sys
import time
from typing import Any

sys.dont_write_bytecode = True
from mcp_client import client
from serve import ENVIRONMENT, WEIR
from serve_http_door import Door, door
from tap_cases import PATIENCE_S, await_that, run_cases

FUNCTIONS = """
import os, time
from collections.abc import Iterator
from weir_worker import function, run

def fall(path):
    if os.path.exists(path):
        os.kill(os.getpid(), 9)

@function
def fragile(path: str) -> str:
    fall(path)
    return "fragile"

@function(idempotent=True)
def repeatable(path: str) -> str:
    fall(path)
    return "repeatable"

@function
def slow(path: str) -> str:
    time.sleep(1000)

@function
def safe(path: str) -> str:
    return "safe"

@function
def stream(path: str) -> Iterator[int]:
    yield 1

@function
def begins(path: str) -> Iterator[int]:
    yield 1
    time.sleep(1000)

@function
def fails(path: str) -> str:
    raise ValueError(path)

run()
"""


def worker_of(directory: str) -> str:
    path = os.path.join(directory, "worker.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(FUNCTIONS)
    return f"{sys.executable} {path}"


def trap(directory: str) -> str:
    """A file: while it is there, fragile() and repeatable() kill their worker."""
    path = os.path.join(directory, "trap")
    with open(path, "w", encoding="utf-8"):
        pass
    return path


def state(weir: Door, method: str) -> Any:
    return weir.ask("GET", "/v1/stats").json["methods"][method]["breaker"]


def a_breaker_opens_for_its_method_alone(directory: str) -> None:
    path = trap(directory)
    spec = "fragile=calls=2,percent=50,open=50s"
    with door("-j1", "--breaker", spec, worker=worker_of(directory)) as weir:
        assert weir.call("fails", ["x"]).status == 500
        for _ in range(2):
            assert weir.call("fragile", [path]).status == 502
        answer = weir.call("fragile", [path])
        assert (answer.status, answer.type, answer.json["code"]) == (503, "breaker", -33009)
        assert 1 <= int(answer.fields["Retry-After"]) <= 50, answer
        assert weir.call("safe", [path]).json == "safe"
        assert state(weir, "fragile") == "open" and state(weir, "safe") is None
        text = weir.ask("GET", "/metrics").body.decode()
        assert 'weir_breaker_state{method="fragile",state="open"} 1\n' in text, text
        assert 'weir_breaker_state{method="fragile",state="closed"} 0\n' in text, text
        assert weir.ask("GET", "/readyz").status in (200, 503)
        await_that(
            lambda: any(b'the breaker of "fragile" is open' in line for line in weir.process.said),
            "weir says so",
        )


def a_breaker_closes_when_calls_succeed_again(directory: str) -> None:
    path = trap(directory)
    spec = "calls=2,percent=50,open=100ms"
    with door("-j1", "--breaker", spec, worker=worker_of(directory)) as weir:
        for _ in range(2):
            assert weir.call("fragile", [path]).status == 502
        assert state(weir, "fragile") != "closed"
        os.remove(path)
        await_that(lambda: weir.call("fragile", [path]).status == 200, "a call is let through")
        await_that(
            lambda: (
                weir.call("fragile", [path]).status == 200 and state(weir, "fragile") == "closed"
            ),
            "the breaker closes",
        )


def exceptions_and_wrong_parameters_open_no_breaker(directory: str) -> None:
    spec = "calls=2,percent=1"
    with door("-j1", "--breaker", spec, worker=worker_of(directory)) as weir:
        for _ in range(5):
            assert weir.call("fails", ["x"]).status == 500
            assert weir.call("fails", [7]).status == 422
        assert state(weir, "fails") == "closed"


def another_method_answers_for_one_that_cannot(directory: str) -> None:
    path = trap(directory)
    words = ["-j2", "--breaker", "fragile=calls=1,percent=1,open=50s"]
    for method in ("fragile", "repeatable", "slow", "fails"):
        words += ["--fallback", f"{method}=safe"]
    with door(*words, worker=worker_of(directory)) as weir:
        # It may have been executed, and must not be again.
        answer = weir.call("fragile", [path])
        assert (answer.status, answer.fields["Weir-Fallback"]) == (502, None), answer
        answer = weir.call("fragile", [path])
        assert (answer.json, answer.fields["Weir-Fallback"]) == ("safe", "safe"), answer
        answer = weir.call("repeatable", [path])
        assert (answer.json, answer.fields["Weir-Fallback"]) == ("safe", "safe"), answer
        answer = weir.call("slow", [path], Weir_Timeout="10")
        assert (answer.json, answer.fields["Weir-Fallback"]) == ("safe", "safe"), answer
        assert weir.call("fails", [path]).status == 500
        stats = weir.ask("GET", "/v1/stats").json["methods"]
        fallbacks = {name: method["fallbacks"] for name, method in stats.items()}
        assert fallbacks == {"fragile": 1, "repeatable": 1, "slow": 1, "fails": 0, "safe": 0}
        assert (
            'weir_fallbacks_total{method="slow"} 1\n' in weir.ask("GET", "/metrics").body.decode()
        )


def calls_of_the_socket_are_guarded_too(directory: str) -> None:
    path = trap(directory)
    place = os.path.join(directory, "s")
    words = ["-s", place, "--fallback", "repeatable=safe"]
    with door(*words, "-j1", worker=worker_of(directory)):
        done = subprocess.run(
            [WEIR, "call", "-s", place, "repeatable", json.dumps(path)],
            env=ENVIRONMENT,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0 and done.stdout == b'"safe"\n', done


def calls_of_mcp_clients_are_guarded_too(directory: str) -> None:
    path = trap(directory)
    words = ("--fallback", "repeatable=safe")
    with client(*words, worker=worker_of(directory)) as weir:
        weir.initialize()
        result = weir.call("repeatable", path=path)
        assert result["content"][0]["text"] == "safe", result
        assert not result.get("isError"), result
        os.remove(path)
        assert weir.call("repeatable", path=path)["content"][0]["text"] == "repeatable"


def a_stream_that_has_begun_has_all_of_the_time(directory: str) -> None:
    with door("-j1", "--fallback", "begins=stream", worker=worker_of(directory)) as weir:
        began = time.monotonic()
        fields = {"Accept": "application/x-ndjson", "Weir_Timeout": "2"}
        answer = weir.call("begins", ["x"], **fields)
        assert (answer.status, answer.body, answer.is_cut) == (200, b"1\n", True), answer
        assert time.monotonic() - began >= 2


def a_worker_that_does_not_start_says_when_the_next_one_does(directory: str) -> None:
    path = os.path.join(directory, "gone.py")
    worker = worker_of(directory)
    os.rename(worker.split()[1], path)
    with door("-j1", worker=f"{sys.executable} {path}") as weir:
        os.remove(path)
        assert weir.call("fragile", [trap(directory)]).status == 502
        answer = weir.call("safe", ["x"])
        assert (answer.status, answer.type) == (503, "no-worker"), answer
        assert 1 <= int(answer.fields["Retry-After"]) <= 30, answer


def a_fallback_that_is_refused_does_not_hide_that_the_call_may_have_run(directory: str) -> None:
    path = trap(directory)
    words = ["-j2", "--breaker", "fragile=calls=1,percent=1,open=50s"]
    with door(*words, "--fallback", "slow=fragile", worker=worker_of(directory)) as weir:
        assert weir.call("fragile", [path]).status == 502
        answer = weir.call("slow", [path], Weir_Timeout="3")
        assert (answer.status, answer.fields["Retry-After"]) == (502, None), answer
        assert "may have run" in answer.json["detail"], answer


def what_makes_no_sense_is_refused(directory: str) -> None:
    worker = worker_of(directory)
    for words, text in (
        (["--breaker", "x"], "expected [METHOD=]SPEC"),
        (["--breaker", "calls=0"], "is not one of"),
        (["--breaker", "percent=101"], "is not one of"),
        (["--breaker", "add=calls=2,often=1"], "is not one of"),
        (["--breaker", "nope=calls=2"], 'no worker has the function "nope"'),
        (["--fallback", "safe"], "expected METHOD=OTHER"),
        (["--fallback", "safe=nope"], 'no worker has the function "nope"'),
        (["--fallback", "safe=stream"], "have different streams"),
        (["--fallback", "slow=safe", "--fallback", "safe=fails"], "cannot have a fallback itself"),
        (["--fallback", "slow=safe", "--fallback", "slow=fails"], "has two"),
    ):
        done = subprocess.run(
            [WEIR, "serve", "--http", "0", "-j1", "-w", worker, *words],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 2 and text in done.stderr.decode(), (words, done)


run_cases(
    [
        a_breaker_opens_for_its_method_alone,
        a_breaker_closes_when_calls_succeed_again,
        exceptions_and_wrong_parameters_open_no_breaker,
        another_method_answers_for_one_that_cannot,
        calls_of_the_socket_are_guarded_too,
        calls_of_mcp_clients_are_guarded_too,
        a_stream_that_has_begun_has_all_of_the_time,
        a_worker_that_does_not_start_says_when_the_next_one_does,
        a_fallback_that_is_refused_does_not_hide_that_the_call_may_have_run,
        what_makes_no_sense_is_refused,
    ]
)
